"""Where every run starts: `lora-job`, `python entrypoint.py` and `python -m job`.

Imports nothing of the job at the top: the process must answer SIGTERM before these imports, which take half a second.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Returns the exit code."""
    open_closed_streams()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU):
        signal.signal(number, stopped_before_start)
    from job import cli

    return cli.main(sys.argv[1:])


def open_closed_streams() -> None:
    """Whoever starts the job may have closed its output: the next file that is opened would take its place, and Python has None
    for a stream."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", errors="backslashreplace", closefd=False))  # noqa: SIM115


def stopped_before_start(number: int, _frame: FrameType | None) -> None:
    """Needed because Python, as process 1 of a container, ignores SIGTERM until it has a handler."""
    print(f"{signal.Signals(number).name} arrived before the run began.", file=sys.stderr, flush=True)
    os._exit(75)  # an exception could be lost in whatever is being imported


if __name__ == "__main__":
    sys.exit(main())
