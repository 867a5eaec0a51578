"""What every queue needs to know about a run, from one env file and the table of exit codes. Knows no platform."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from job.errors import EXIT_CODES, SettingsError
from job.runs.redaction import STARS, redact
from job.settings.fields import OUTPUT_DIR, PREFIX
from job.settings.files import PROJECT, find_file
from job.settings.loading import TOKEN, load_file
from job.settings.sources import is_path

IMAGE = re.compile(r"[A-Za-z0-9][\w./:@+-]*")
SECRET = re.compile(r"(TOKEN|SECRET|PASSWORD|KEY|CREDENTIALS)$")
KILLED = (137, 143)  # SIGKILL, and SIGTERM before the job could handle it: the host was preempted or evicted


def codes(again: str) -> tuple[int, ...]:
    """The exit codes whose answer to "worth another try?" begins with this word."""
    return tuple(sorted(code for code, (_, answer) in EXIT_CODES.items() if answer.partition(",")[0] == again))


@dataclass(frozen=True)
class Submission:
    """One run. Its name comes from its env file, so that the same file finds the same run folder again."""

    name: str
    image: str
    env: tuple[tuple[str, str], ...]
    """The file's variables in its order, without secrets and without the output folder, which each target sets itself."""
    secrets: tuple[str, ...]
    """Variables that the manifest passes by reference: it never holds their values."""
    output: str = "/output"
    cache: str = "/cache"
    command: tuple[str, ...] = ("python3", "/app/entrypoint.py", "run")
    grace_seconds: int = 120  # a step on a T4 and an adapter's checkpoint take a few seconds; SageMaker gives 120
    max_hours: int = 24
    attempts: int = 5
    again: tuple[int, ...] = codes("yes")
    never: tuple[int, ...] = codes("no")
    retried: tuple[int, ...] = (*codes("limited"), *codes("yes"), *KILLED)
    """Used on platforms that limit the number of attempts."""

    @property
    def max_seconds(self) -> int:
        return self.max_hours * 3600

    def environment(self, output_dir: str, **defaults: str) -> dict[str, str]:
        """The file's variables, then the defaults that the file does not set, then the output folder."""
        theirs = dict(self.env)
        missing = {name: value for name, value in defaults.items() if name not in theirs}
        return theirs | missing | {OUTPUT_DIR: output_dir}


def describe(env_file: Path, image: str) -> Submission:
    """Raises SettingsError (64) if the file describes no valid run, or contains the value of a secret."""
    if not IMAGE.fullmatch(image):
        raise SettingsError([f"--image {image}: not an image name; write [registry/]name[:tag][@digest]"])
    settings, values = load_file(env_file)
    problems = [
        f"{name} in {env_file}: looks like a secret, which a manifest must not hold; remove it from the file"
        for name, value in values.items()
        if name != TOKEN and (STARS in redact(value) or (SECRET.search(name) and not name.startswith(PREFIX)))
    ]
    if problems:
        raise SettingsError(problems)
    label = re.sub(r"[^a-z0-9]+", "-", env_file.stem.lower()).strip("-")[:40].strip("-")
    return Submission(
        name=f"lora-{label or 'job'}",
        image=image,
        env=tuple((name, value) for name, value in values.items() if name not in (OUTPUT_DIR, TOKEN)),
        secrets=(TOKEN,) if settings.uses_hub else (),
    )


def external_files(job: Submission) -> Iterator[str]:
    """One line for each file or folder that the run names and the image does not contain: the queue cannot see it."""
    for name, value in job.env:
        for part in value.split(",") if name.startswith(PREFIX) else ():
            path = part.partition("=")[0]
            named = name.endswith("_FILE") or (name.endswith(("_SOURCES", "_BASE")) and is_path(path))
            if path and path != "quickstart" and named and not find_file(path).resolve().is_relative_to(PROJECT):
                yield f"{name}: {path} is not in the image; mount it at the same path, or put it on the Hub"
