"""Plants a Hub token and the password of a URL, lets the real job end in every way, and searches every byte that it left.

    python -m tests.faults.leaks            # all endings, some six minutes on two idle cores
    python -m tests.faults.leaks crash stop # those whose name holds one of the words

Searched are the run folder, the Hub client's cache, temporary files, both output streams and everything that a stand-in Hub
received; what went to the Hub also for paths of this machine. While the job runs, the environment of every process that it
starts is read from /proc. Prints a Markdown table, and ends with 1 if anything was found.
"""

from __future__ import annotations

import html
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.conftest import make_base, make_rows, small_run, start_job, write_rows
from tests.standin_hub import StandInHub

TOKEN, UNKNOWN_TOKEN = "hf_" + "pLanTed" * 5, "hf_" + "UnKnown" * 5
PASSWORD = "correct&horse/battery+staple"
NEEDLES = {
    "token": TOKEN,
    "unknown token": UNKNOWN_TOKEN,
    "password": PASSWORD,
    "password, percent-encoded": quote(PASSWORD, safe=""),
    "password in HTML": html.escape(PASSWORD),
    "password in Basic authentication": b64encode(f"user:{PASSWORD}".encode()).decode(),
}
MARK = "LEAKS_MARK"
"""Set for the job, and so for what it starts: it tells these processes from all others."""


@dataclass(frozen=True)
class Place:
    """Where one run happens."""

    hub: StandInHub
    base: Path
    rows: Path
    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def with_password(self, url: str) -> str:
        return url.replace("://", f"://user:{quote(PASSWORD, safe='')}@")

    def run(self, **changes: str) -> dict[str, str]:
        """A small run with a push, behind a proxy with a password that this machine's own addresses do not need."""
        proxy = self.with_password("http://proxy.invalid:3128")
        names = {"HUB_REPO_ID": "alice/adapter", "HUB_DATASET_REPO_ID": "alice/rows"} | changes
        return {
            **small_run(self.base, self.rows, self.output, **names),
            **self.hub.environment(TOKEN),
            "HTTPS_PROXY": proxy,
            "ALL_PROXY": proxy,
            "NO_PROXY": "127.0.0.1",
            "HF_HOME": str(self.folder / "hf"),
            "TMPDIR": str(self.folder / "tmp"),
        }


# --- the endings -----------------------------------------------------------------------------------------------------


def success(place: Place) -> dict[str, str]:
    """With cleaning processes, which start where there are many rows."""
    write_rows(place.rows, make_rows(5000))
    return place.run(
        DATA_WORKERS="2",
        DATA_MAX_ROWS="60",
        DATA_NEAR_DUPLICATES="off",
        HUB_QUOTE_ROWS="true",
        EXPORT="adapter,lora,merged",
    )


def wrong_settings(place: Place) -> dict[str, str]:
    return place.run(DATA_SOURCES=place.with_password("https://data.example/rows.jsonl"), TRAIN_SEED=TOKEN)


def hub_down(place: Place) -> dict[str, str]:
    return {
        **place.run(MODEL_BASE="meta/base", HUB_RETRY_MINUTES="0"),
        "HF_ENDPOINT": place.with_password("http://127.0.0.1:9"),
    }


def endpoint_with_password(place: Place) -> dict[str, str]:
    """The client sends the password in place of the token, which the Hub does not know."""
    return {**place.run(), "HF_ENDPOINT": place.with_password(place.hub.url)}


def unknown_token(place: Place) -> dict[str, str]:
    return {**place.run(), "HF_TOKEN": UNKNOWN_TOKEN}


def public_repository(place: Place) -> dict[str, str]:
    place.hub.add_repo("dataset", "alice/rows", {})
    return place.run()


def refused_push(place: Place) -> dict[str, str]:
    place.hub.fail("models/.*/preupload", status=403, times=100)
    return place.run()


def crash(place: Place) -> dict[str, str]:
    """An exception in the probe whose message quotes both secrets, as a library's may."""
    said = f"{place.with_password('http://proxy.invalid')} {PASSWORD} {TOKEN}"
    code = f"""
import sys
def crash(event, given):
    if event == "open" and "/probe/" in str(given[0]):
        raise RuntimeError({said!r})
sys.addaudithook(crash)
"""
    (place.rows.parent / "sitecustomize.py").write_text(code, "utf-8")
    return {**place.run(), "PYTHONPATH": str(place.rows.parent)}


def long_run(place: Place) -> dict[str, str]:
    return place.run(TRAIN_EPOCHS="50", TRAIN_EVAL_STEPS="5")


def nothing(child: subprocess.Popen[str], place: Place) -> None:
    """It ends by itself."""


def interrupt(child: subprocess.Popen[str], place: Place, number: signal.Signals) -> None:
    while child.poll() is None and not list((place.output / "train" / "checkpoints").glob("checkpoint-*")):
        time.sleep(0.05)
    child.send_signal(number)


@dataclass(frozen=True)
class Ending:
    name: str
    exit_code: int
    variables: Callable[[Place], dict[str, str]]
    meanwhile: Callable[[subprocess.Popen[str], Place], None] = nothing


ENDINGS: tuple[Ending, ...] = (
    Ending("success with a push", 0, success),
    Ending("wrong settings", 64, wrong_settings),
    Ending("Hub down, its address with a password", 76, hub_down),
    Ending("Hub refuses, its address with a password", 67, endpoint_with_password),
    Ending("Hub does not know the token", 67, unknown_token),
    Ending("public repository", 67, public_repository),
    Ending("push refused after training", 67, refused_push),
    Ending("crash that quotes both secrets", 1, crash),
    Ending("stop in training", 75, long_run, lambda child, place: interrupt(child, place, signal.SIGTERM)),
    Ending("kill in training", -9, long_run, lambda child, place: interrupt(child, place, signal.SIGKILL)),
)


# --- the search ------------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    exit_code: int
    seconds: float
    bytes_searched: int
    processes: int
    """Processes that the job started and whose environment was read."""
    found: list[str] = field(default_factory=list)


def search(name: str, data: bytes) -> Iterator[str]:
    for what, needle in NEEDLES.items():
        if needle.encode() in data:
            yield f"{what} in {name}"


class ProcessWatch:
    """Reads the environments of the processes that bear the mark, except the job's own, which downloads and pushes."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{MARK}={mark}".encode()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.seen: set[int] = set()
        self.found: set[str] = set()

    def __enter__(self) -> ProcessWatch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    environ, words = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
                except OSError:  # it has ended
                    continue
                if self._mark in environ.split(b"\0") and b"entrypoint.py" not in words:
                    self.seen.add(int(process.name))
                    command = words.replace(b"\0", b" ").decode(errors="replace")[:60]
                    tokens = [
                        needle for needle in search(f"the environment of {command}", environ) if "token" in needle
                    ]
                    self.found.update(tokens)


def outcome_of(ending: Ending, base: Path, folder: Path) -> Outcome:
    """Run it below `folder`, and search."""
    for name in ("rows", "run", "run/tmp"):
        (folder / name).mkdir(parents=True)
    rows = write_rows(folder / "rows" / "rows.jsonl", make_rows(60))
    started, mark = time.monotonic(), uuid.uuid4().hex
    with StandInHub({TOKEN: ("alice", "write")}) as hub, ProcessWatch(mark) as processes:
        place = Place(hub, base, rows, folder / "run")
        child = start_job({**ending.variables(place), MARK: mark})
        ending.meanwhile(child, place)
        output, errors = child.communicate(timeout=600)
        pushed = hub.stored()
    seconds = time.monotonic() - started
    left = {str(path.relative_to(folder)): path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()}
    searched = {**left, **pushed, "standard output": output.encode(), "standard error": errors.encode()}
    found = [*processes.found, *(hit for name, data in searched.items() for hit in search(name, data))]
    found += [f"path of this machine in {name}" for name, data in pushed.items() if str(folder.parent).encode() in data]
    if child.returncode != ending.exit_code:
        found.append(f"exit code {child.returncode} instead of {ending.exit_code}: {errors[-1500:]}")
    return Outcome(child.returncode, seconds, sum(map(len, searched.values())), len(processes.seen), found)


def main(words: list[str]) -> int:
    print(
        "| ending | exit code | seconds | bytes searched | processes | found |\n| --- | --- | --- | --- | --- | --- |"
    )
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        base = make_base(Path(temporary) / "base")
        for number, ending in enumerate(ENDINGS):
            if words and not any(word in ending.name for word in words):
                continue
            done = outcome_of(ending, base, Path(temporary) / str(number))
            failed |= bool(done.found)
            print(
                f"| {ending.name} | {done.exit_code} | {done.seconds:.0f} | {done.bytes_searched:,} | {done.processes} "
                f"| {json.dumps(done.found) if done.found else 'nothing'} |",
                flush=True,
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
