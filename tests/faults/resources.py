"""What a machine cannot give, or a path should not lead to: `python -m tests.faults.resources` runs the real job on each of
these faults and prints a table of what the user sees.

    python -m tests.faults.resources                a few minutes
    python -m tests.faults.resources pipe           the cases whose name holds the word
    python -m tests.faults.resources --rows 2000    instead, the memory that cleaning a JSONL file of so many MB takes
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import PROJECT, clean_environment, make_base, make_rows, small_run, write_rows
from tests.modeling.chats import LOOP
from tests.templates import CHATML

SECONDS = 60.0
"""No fault may take more processor time to be told: a shared machine may stand still for longer."""
HANGS_SECONDS = 300.0
"""A process that runs for so long hangs, and is killed."""
MOST_MB = 2500
"""Nor more memory; the libraries alone take 900."""


@dataclass(frozen=True)
class Place:
    """What a case may use: an empty folder, a base, a file of rows."""

    folder: Path
    base: Path
    rows: Path
    gigabytes: float
    """Size of the files that are too large; they take no space on the disk."""


Variables = dict[str, str]


@dataclass(frozen=True)
class Case:
    name: str
    change: Callable[[Place], Variables]
    """Makes the fault; returns the variables without FINETUNE_ that lead to it. `--env-file` is an option."""
    code: int
    says: str
    """A part of the message."""
    busy: bool = False
    """The run trains until the end of its deadline."""


@dataclass(frozen=True)
class Seen:
    code: int
    seconds: float
    cpu_seconds: float
    megabytes: float
    message: str
    has_metrics: bool
    output: Path


def run(case: Case, place: Place) -> Seen:
    """The real command in a process of its own."""
    changes = case.change(place)
    env_file = changes.pop("--env-file", "")
    output = place.folder / "output"
    variables = clean_environment(small_run(place.base, place.rows, output, **changes))
    words = [sys.executable, str(PROJECT / "entrypoint.py"), *(["--env-file", env_file] if env_file else [])]
    began = time.monotonic()
    with (place.folder / "log").open("w") as log:
        child = subprocess.Popen(words, env=variables, stdout=log, stderr=log)
        code, usage = _wait(child)
    seconds = time.monotonic() - began
    metrics: dict[str, Any] = {}
    if (output / "metrics.json").exists():
        metrics = json.loads((output / "metrics.json").read_text("utf-8"))
    message = (metrics.get("error") or {}).get("message") or (place.folder / "log").read_text("utf-8")[-600:]
    cpu = usage.ru_utime + usage.ru_stime
    return Seen(code, seconds, cpu, usage.ru_maxrss / 1000, message, bool(metrics), output)


def _wait(child: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage]:
    """(exit code, what it and its own processes took). One that hangs is killed: code -9."""
    end = time.monotonic() + HANGS_SECONDS
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode, usage
        if time.monotonic() > end:
            child.kill()
        time.sleep(0.02)


# --- the faults ------------------------------------------------------------------------------------------------------


def pipe(place: Place, name: str) -> str:
    """A pipe that nobody writes to: opening it waits for ever."""
    os.mkfifo(place.folder / name)
    return str(place.folder / name)


def sock(place: Place, name: str) -> str:
    before = Path.cwd()
    os.chdir(place.folder)  # the path of a socket may have 100 characters
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
    finally:
        os.chdir(before)
    return str(place.folder / name)


def text(place: Place, name: str, content: str) -> str:
    (place.folder / name).write_text(content, "utf-8")
    return str(place.folder / name)


def endless_line(place: Place, name: str, begin: bytes = b"") -> str:
    with (place.folder / name).open("wb") as file:
        file.write(begin)
        file.truncate(int(place.gigabytes * 1e9))
    return str(place.folder / name)


def packed_endless_line(place: Place) -> str:
    with gzip.open(place.folder / "rows.jsonl.gz", "wb", compresslevel=1) as file:
        for _ in range(int(place.gigabytes * 1000)):
            file.write(b"x" * 1_000_000)
    return str(place.folder / "rows.jsonl.gz")


def open_quote(place: Place) -> str:
    lines = ["question,answer", 'Why?,"open', *["Q,an answer of some words"] * 2_000_000]
    return text(place, "rows.csv", "\n".join(lines))


OTHERS = {
    "PROBE_QUESTIONS_FILE": "questions",
    "MODEL_CHAT_TEMPLATE_FILE": "chat template",
    "DATA_SYSTEM_PROMPT_FILE": "system prompt",
    "DATA_RULES_FILE": "rules of one's own",
}
"""Settings that name a text file."""


def of_text_files() -> Iterator[Case]:
    for setting, words in OTHERS.items():
        yield Case(f"a pipe as {words}", lambda p, s=setting: {s: pipe(p, "pipe")}, 64, "is a pipe (FIFO), not a file")
        yield Case(f"/dev/zero as {words}", lambda p, s=setting: {s: "/dev/zero"}, 64, "is a device, not a file")
        yield Case(f"a folder as {words}", lambda p, s=setting: {s: str(p.folder)}, 64, "is a folder, not a file")
        yield Case(f"a socket as {words}", lambda p, s=setting: {s: sock(p, "sock")}, 64, "is a socket, not a file")


CASES: tuple[Case, ...] = (
    *of_text_files(),
    Case("a pipe as source", lambda p: {"DATA_SOURCES": pipe(p, "rows.jsonl")}, 64, "is a pipe (FIFO); a source is"),
    Case("/dev/zero as source", lambda p: {"DATA_SOURCES": "/dev/zero"}, 64, "is a device; a source is"),
    Case("a socket as source", lambda p: {"DATA_SOURCES": sock(p, "rows.jsonl")}, 64, "is a socket; a source is"),
    Case("an empty folder as source", lambda p: {"DATA_SOURCES": str(p.folder)}, 64, "there is no data file"),
    Case("a pipe as env file", lambda p: {"--env-file": pipe(p, "my.env")}, 64, "is a pipe (FIFO), not a file"),
    Case("/dev/zero as env file", lambda p: {"--env-file": "/dev/zero"}, 64, "is a device, not a file"),
    Case("a value that is not UTF-8", lambda p: {"DATA_BRANDS": "caf\udce9"}, 64, "name or value is not UTF-8 text"),
    Case(
        "a file of gigabytes as questions",
        lambda p: {"PROBE_QUESTIONS_FILE": endless_line(p, "questions.txt")},
        64,
        "it has more than 10,000,000 bytes",
    ),
    Case(
        "a question of 50 kB",
        lambda p: {"PROBE_QUESTIONS_FILE": text(p, "questions.txt", "Why?\n" + "ab cd " * 8500)},
        64,
        "line 2 of ",
    ),
    Case(
        "a question too long behind the rows' system prompt",
        lambda p: {"PROBE_QUESTIONS_FILE": text(p, "questions.txt", "ab " * 158), "PROBE_MAX_NEW_TOKENS": "8"},
        64,
        "line 1 of ",
    ),
    Case(
        "a line without an end, .jsonl",
        lambda p: {"DATA_SOURCES": endless_line(p, "rows.jsonl", b'{"question": "Q", "answer": "A"}\n')},
        65,
        "Line 2 of the source",
    ),
    Case(
        "a line without an end, .jsonl.gz",
        lambda p: {"DATA_SOURCES": packed_endless_line(p)},
        65,
        "Line 1 of the source",
    ),
    Case(
        "a line without an end, .csv",
        lambda p: {"DATA_SOURCES": endless_line(p, "rows.csv", b"question,answer\n")},
        65,
        "Line 2 of the source",
    ),
    Case("zeros as rows", lambda p: {"DATA_SOURCES": endless_line(p, "rows.jsonl")}, 65, "control characters"),
    Case("a quote that nothing closes", lambda p: {"DATA_SOURCES": open_quote(p)}, 65, "field larger than"),
    Case(
        "a .json file of gigabytes",
        lambda p: {"DATA_SOURCES": endless_line(p, "rows.json", b"[\n")},
        65,
        "one JSON value of more than",
    ),
    Case(
        "a chat template that loops",
        lambda p: {"MODEL_CHAT_TEMPLATE_FILE": text(p, "chat.jinja", LOOP + CHATML.text)},
        64,
        "the job stopped the chat template after 1 s",
    ),
    Case(
        "a chat template with range(10**9)",
        lambda p: {
            "MODEL_CHAT_TEMPLATE_FILE": text(p, "chat.jinja", "{% for n in range(10**9) %}{% endfor %}" + CHATML.text)
        },
        64,
        "the chat template does not render",
    ),
    Case(
        "a deadline that is near, to be continued",
        lambda p: {"TRAIN_EPOCHS": "1000", "DEADLINE_MINUTES": "0.8"},
        75,
        "its checkpoint is saved",
        busy=True,
    ),
    Case(
        "a deadline that is near, to be finished",
        lambda p: {"TRAIN_EPOCHS": "1000", "DEADLINE_MINUTES": "2", "DEADLINE_ACTION": "finish"},
        0,
        "stopped_early",
        busy=True,
    ),
)


# --- the table -------------------------------------------------------------------------------------------------------


@contextmanager
def place(gigabytes: float) -> Iterator[Callable[[], Place]]:
    """Makes a new empty folder for each case."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base, rows = make_base(folder / "base"), write_rows(folder / "rows.jsonl", make_rows(60))

        def make() -> Place:
            return Place(Path(tempfile.mkdtemp(dir=folder)), base, rows, gigabytes)

        yield make


def faults_of(case: Case, seen: Seen) -> Iterator[str]:
    """What is not as it should be."""
    if seen.code != case.code:
        yield f"exit code {seen.code} instead of {case.code}"
    if not seen.has_metrics:
        yield "no metrics.json"
    if case.says not in seen.message and case.code:
        yield f"the message lacks {case.says!r}: {seen.message}"
    if not case.code and not json.loads((seen.output / "train.json").read_text("utf-8"))["result"]["stopped_early"]:
        yield "training did not stop early"
    if seen.cpu_seconds > SECONDS and not case.busy:
        yield f"{seen.cpu_seconds:.0f} s of processor time"
    if seen.megabytes > MOST_MB:
        yield f"{seen.megabytes:.0f} MB"


def cleaning_memory(megabytes: int) -> None:
    """Peak memory of the cleaning stage on rows of 1 kB, all different."""
    from tests.cleaning.stage_runs import cleaned

    with place(0) as make:
        here = make()
        words = ["kettle", "lamp", "bench", "ladder", "rope", "bucket", "drill", "broom", "hinge", "gate"]
        path = here.folder / "rows.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number in range(megabytes * 1000):
                answer = " ".join(
                    f"{words[(number * 7 + place * place) % 10]}{(number * 31 + place) % 997}" for place in range(110)
                )
                file.write(json.dumps({"question": f"What about part {number}?", "answer": f"{answer}."}) + "\n")
        began = time.monotonic()
        result = cleaned(path, here.base, here.folder, max_tokens=100_000, workers=1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        size = path.stat().st_size / 1e6
        print(f"{size:,.0f} MB, {result.rows_in:,} rows, {result.train_rows:,} for training: peak {peak:,.0f} MB, "
              f"{time.monotonic() - began:.0f} s")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--rows", type=int, default=0, metavar="MB")
    parser.add_argument("--gigabytes", type=float, default=5.0, help="size of files that are too large")
    options = parser.parse_args()
    if options.rows:
        cleaning_memory(options.rows)
        return 0
    print(
        "| fault | exit code | seconds | of processor time | MB | as it should be |\n| --- | ---: | ---: | ---: | ---: | --- |"
    )
    wrong = 0
    with place(options.gigabytes) as make:
        for case in CASES:
            if options.word not in case.name:
                continue
            seen = run(case, make())
            problems = "; ".join(faults_of(case, seen))
            wrong += bool(problems)
            figures = f"{seen.seconds:.1f} | {seen.cpu_seconds:.1f} | {seen.megabytes:.0f}"
            print(f"| {case.name} | {seen.code} | {figures} | {problems or 'yes'} |", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
