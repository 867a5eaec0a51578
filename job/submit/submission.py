"""What every queue needs to know about a run, from one env file and the table of exit codes. Knows no platform."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from job.errors import EXIT_CODES, ArgumentError, SettingsError
from job.hosts.places import LAUNCHERS
from job.runs.redaction import STARS, redact
from job.settings.fields import OUTPUT_DIR, PREFIX, Settings
from job.settings.loading import TOKEN, is_broken, load_file
from job.submit.estimate import USUAL, Needs, needs_of, usual
from job.submit.files import Named, named, travelling

IMAGE = re.compile(r"[A-Za-z0-9][\w./:@+-]*")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST_LABEL = 40
SECRET = re.compile(r"(TOKEN|SECRET|PASS(WORD|WD|PHRASE)?|KEY|CREDENTIALS?)$", re.IGNORECASE)
PLACES = {"LOCAL_RANK", *(name for launcher in LAUNCHERS for name in launcher.variables)}
"""What a launcher sets. One of them in the manifest of another would let hosts wait for those that never come."""
PORT = 29500
"""Of the first host, on which the others meet it: torch's own choice."""
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
    named: tuple[Named, ...] = ()
    """What the settings name on this machine."""
    card: str = ""
    """The card that was asked for; empty leaves it to the target."""
    gpus: int = 1
    """In each host."""
    nodes: int = 1
    """Hosts, each of which runs the same command."""
    idle: int = 0
    """GPUs of all hosts that the rows of a step leave without work."""
    spot: bool | None = None
    """Whether the machine may be taken away at any time, for less money; None leaves it to the target."""
    needs: Needs = USUAL
    output: str = "/output"
    cache: str = "/cache"
    program: tuple[str, ...] = ("python3", "/app/entrypoint.py")
    grace_seconds: int = 120  # a step on a T4 and an adapter's checkpoint take a few seconds; SageMaker gives 120
    attempts: int = 5
    again: tuple[int, ...] = codes("yes")
    never: tuple[int, ...] = codes("no")
    retried: tuple[int, ...] = (*codes("limited"), *codes("yes"), *KILLED)
    """Used on platforms that limit the number of attempts."""

    @property
    def hardware(self) -> str:
        """The cards that were asked for, in words."""
        cards = self.card if self.gpus == 1 else f"{self.gpus} {self.card}"
        return cards if self.nodes == 1 else f"{self.nodes} hosts with {cards} each"

    @property
    def max_hours(self) -> int:
        return self.needs.max_hours

    @property
    def max_seconds(self) -> int:
        return self.max_hours * 3600

    @property
    def files(self) -> tuple[str, ...]:
        """The user's files that the queue has to get, by their names from this folder."""
        return travelling(self.named)

    @property
    def mounted(self) -> tuple[str, ...]:
        """What is mounted at the same absolute path, where the queue sees this machine's folders."""
        return tuple(sorted({folder for one in self.named if one.is_absolute for folder in one.folders}))

    @property
    def data(self) -> str:
        """Where the folder with the relative names is mounted. Nothing can be mounted in it, since it is read-only."""
        taken = any(Path(path).is_relative_to("/data") for path in self.mounted)
        return "/lora-job-data" if taken else "/data"

    @property
    def folder(self) -> str:
        """The name of the folder with the user's files, beside that of the run."""
        return f"{self.name}-files"

    def arguments(self, folder: str) -> list[str]:
        """Of the program. `folder`: where the user's files lie, if there are any."""
        return ["--directory", folder, "run"] if self.files else ["run"]

    def team(self, address: str) -> dict[str, str]:
        """What tells a host of the others, where the platform does not: by these names a run finds its place."""
        if self.nodes == 1:
            return {}
        return {"NNODES": str(self.nodes), "MASTER_ADDR": address, "MASTER_PORT": str(PORT)}

    def environment(self, output_dir: str, **defaults: str) -> dict[str, str]:
        """The file's variables, then the defaults that the file does not set, then the output folder."""
        theirs = dict(self.env)
        missing = {name: value for name, value in defaults.items() if name not in theirs}
        return theirs | missing | {OUTPUT_DIR: output_dir}


def _stays(name: str, value: str) -> bool:
    """What each target sets itself, and a token of this machine: it goes by reference."""
    return name in (OUTPUT_DIR, TOKEN) or (name == "HF_TOKEN_PATH" and os.path.exists(value))  # noqa: PTH110 (never raises)


def _name_of(stem: str) -> str:
    """Small letters, digits and hyphens, which every platform takes. Where that is another name than the file's, it ends with a
    hash of that: `my job.env` and `my-job.env` are two runs, and must not share a folder."""
    label = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    if label == stem and len(label) <= LONGEST_LABEL:
        return f"lora-{label}"
    said = hashlib.sha256(stem.encode(errors="surrogateescape")).hexdigest()[:6]
    return f"lora-{label[: LONGEST_LABEL - 7].strip('-') or 'job'}-{said}"


def describe(
    env_file: Path, image: str, *, card: str = "", gpus: int = 1, nodes: int = 1, spot: bool | None = None
) -> Submission:
    """Raises SettingsError (64) if the file describes no valid run, or one for other hosts, or contains a secret's value."""
    if not IMAGE.fullmatch(image):
        raise ArgumentError([f"--image {image}: not an image name; write [registry/]name[:tag][@digest]"])
    settings, values = load_file(env_file)
    problems = [
        f"{name} in {env_file}: looks like a secret, which a manifest must not hold; remove it from the file"
        for name, value in values.items()
        if name != TOKEN and (STARS in redact(value) or (SECRET.search(name) and not name.startswith(PREFIX)))
    ]
    problems += [
        f"{name} in {env_file}: no queue takes this name of a variable; it may hold letters, digits and _"
        for name in values
        if not NAME.fullmatch(name)
    ]
    problems += [
        f"{name} in {env_file}: its value is not UTF-8 text, and a manifest is"
        for name, value in values.items()
        if is_broken(value)
    ]
    problems += [
        f"{name} in {env_file}: the platform and the manifest tell each host its place (--nodes); remove it from the file"
        for name in values
        if name in PLACES
    ]
    problems += _of_the_devices(settings, gpus, nodes)
    if problems:
        raise SettingsError(problems)
    return Submission(
        name=_name_of(env_file.stem),
        image=image,
        env=tuple((name, value) for name, value in values.items() if not _stays(name, value)),
        secrets=(TOKEN,) if settings.uses_hub else (),
        named=tuple(named(settings)),
        card=card,
        gpus=gpus,
        nodes=nodes,
        idle=max(gpus * nodes - settings.train.batch_size, 0),
        spot=spot,
        needs=needs_of(settings, card, gpus, nodes) if card else usual(gpus),
    )


def _of_the_devices(settings: Settings, gpus: int, nodes: int) -> Iterator[str]:
    """A number in the settings that a run on these hosts would refuse."""
    devices, rows = settings.train.devices, settings.train.batch_size
    if devices == "auto":
        return
    if devices > gpus:
        yield f"FINETUNE_TRAIN_DEVICES={devices} asks for more than the {gpus} of --gpus; write --gpus {devices}, or auto"
    if nodes > 1 and devices * nodes > rows:
        yield (
            f"FINETUNE_TRAIN_DEVICES={devices} on {nodes} hosts is more than the {rows} rows of a step "
            "(FINETUNE_TRAIN_BATCH_SIZE); write auto, or more rows"
        )
