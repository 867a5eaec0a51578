"""The one command of the image: `python entrypoint.py [run|plan|manifest TARGET] [--env-file FILE]`."""

import signal
import sys
from types import FrameType


def stopped_before_start(number: int, _frame: FrameType | None) -> None:
    """As process 1 of a container Python ignores SIGTERM until it has a handler, and the imports below take half a second."""
    print(f"{signal.Signals(number).name} arrived before anything was begun.", file=sys.stderr)
    sys.exit(75)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stopped_before_start)
    from job.cli import main

    sys.exit(main(sys.argv[1:]))
