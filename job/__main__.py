"""Where every run starts: `lora-job`, `python entrypoint.py` and `python -m job`.

Imports nothing of the job at the top: the process must answer SIGTERM before these imports, which take half a second.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType


def main() -> int:
    """Returns the exit code."""
    signal.signal(signal.SIGTERM, stopped_before_start)
    from job import cli

    return cli.main(sys.argv[1:])


def stopped_before_start(number: int, _frame: FrameType | None) -> None:
    """Needed because Python, as process 1 of a container, ignores SIGTERM until it has a handler."""
    print(f"{signal.Signals(number).name} arrived before the run began.", file=sys.stderr)
    sys.exit(75)


if __name__ == "__main__":
    sys.exit(main())
