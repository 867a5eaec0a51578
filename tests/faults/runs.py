"""What the faults share: a small job, what it must come to, and a process that is disturbed at a line of its log."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from job.runs.files import facts_of, files_of, open_sealed
from tests.conftest import make_base, make_rows, small_run, start_job, write_rows

STAGES = ("clean", "train", "probe", "export", "push")
VARYING = re.compile(r"_seconds$|^seconds$|^tokens_per_second$|^finished_at$|^resumed_from_step$|^round_trip$")
"""Fields of results that are measured, not computed."""
ALL_FORMS = {"EXPORT": "adapter,lora,merged"}
"""For faults that may meet the export; small runs leave out forms, whose checks take a process of ten seconds each."""


def small_inputs(folder: Path) -> tuple[Path, Path]:
    """A tiny base and its rows."""
    return make_base(folder / "base"), write_rows(folder / "rows.jsonl", make_rows(60))


PLANTED = {"HF_TOKEN": "hf_" + "pLanTed" * 5, "HTTPS_PROXY": "http://user:planted%2Dword@127.0.0.1:9"}
"""Secrets that no fault may bring to light. Nothing here asks the Hub."""
NEEDLES = (b"pLanTedpLanTed", b"planted%2Dword", b"planted-word")


def variables(inputs: tuple[Path, Path], output: Path, **changes: str) -> dict[str, str]:
    return small_run(*inputs, output, **changes) | PLANTED


def require_no_secret(folder: Path, log: str = "") -> None:
    """In no file of a run folder and not in its log."""
    found = [path for path in folder.rglob("*") if path.is_file() and any(one in path.read_bytes() for one in NEEDLES)]
    assert not found and not any(one in log.encode() for one in NEEDLES), (found, log[-2000:])


def results(output: Path) -> dict[str, Any]:
    """What a run came to: hashes of all files that its records name, and its results without what is measured."""
    found: dict[str, Any] = {}
    for stage in STAGES:
        record = open_sealed(output / f"{stage}.json")
        found[stage] = _computed(record["result"])
        for name, facts in record["files"].items():
            if not name.endswith("log.jsonl"):  # holds seconds
                kept = (output / name).exists()  # what training made for the probe may be gone by now
                found[name] = facts_of(output / name) if kept else facts
    extra = {path.relative_to(output).as_posix() for path in files_of(output / "adapter")}
    found["adapter"] = sorted(extra)
    return found


def _computed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _computed(item) for name, item in value.items() if not VARYING.search(name)}
    return [_computed(item) for item in value] if isinstance(value, list) else value


def disturbed(
    variables: dict[str, str], line: str, action: Callable[[subprocess.Popen[str]], object]
) -> tuple[int, str]:
    """The exit code and the log of a real job; `action` is called once, when the log has a line that holds `line`."""
    child = start_job(variables, stderr=subprocess.STDOUT)
    assert child.stdout is not None
    log, done = [], False
    for text in child.stdout:
        log.append(text)
        if not done and line in text:
            done = True
            action(child)
    child.wait(timeout=60)
    return child.returncode, "".join(log)
