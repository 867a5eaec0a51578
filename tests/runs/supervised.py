"""A process that watches, and below it one whose work a test describes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.conftest import PROJECT, clean_environment

SCRIPT = """
import ctypes, logging, os, signal, sys, time
from pathlib import Path
from job.results import Metrics
from job.runs import progress, supervisor
from job.runs.endings import conclude
from job.runs.folder import RunDir
from job.runs.lock import FolderLock
from job.runs.bar import BAR
from job.runs.logs import LineFormatter, start_logging
from job.runs.metrics import MetricsFile, MetricsWriter
from job.settings.files import wants_json
from job.training.checkpoint_times import CheckpointTimes

from job.__main__ import open_closed_streams

open_closed_streams()
root = Path(sys.argv[1])
file = MetricsFile(root)
file.write_report = lambda: None  # matplotlib takes two seconds
supervisor.GRACE_SECONDS = supervisor.STACKS_SECONDS = 0.5
supervisor.HEARTBEAT_SECONDS = 0.2
supervisor.PAUSE_SECONDS = 1.0

def work(take):
    writer = MetricsWriter(RunDir(root), {}, take)
    writer.at("train")
    BODY
    writer.end("succeeded", 0)
    return 0

start_logging()
log = logging.getLogger("job")
LineFormatter.as_json = wants_json(os.environ)
BAR.start(terminal=sys.stderr.isatty())
lock = FolderLock(root)
lock.take()
death = supervisor.supervise(work, file, watchdog_seconds=WATCHDOG, beat=lock.beat)
sys.exit(conclude(death, file, {}))
"""


def start(
    folder: Path, body: str, watchdog: float = 20, variables: dict[str, str] | None = None, **options: Any
) -> subprocess.Popen[str]:
    """A watching process, and below it one whose work is `body`."""
    script = SCRIPT.replace("BODY", body.replace("\n", "\n    ")).replace("WATCHDOG", str(watchdog))
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        cwd=PROJECT,
        env=clean_environment(variables or {}),
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    """(exit code, log of errors)."""
    _, errors = child.communicate(timeout=30)
    return child.returncode, errors


def failure_of(folder: Path) -> dict[str, Any]:
    value = json.loads((folder / "failure.json").read_text("utf-8"))
    assert isinstance(value, dict)
    return value


def wait_for(path: Path) -> None:
    until = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < until, f"{path} never came"
        time.sleep(0.02)
