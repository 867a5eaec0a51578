"""The life of a worker that is no leader: its request on standard input, what it says of its end, its exit code."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from job.parallel.failures import told_of
from job.parallel.wire import Wire
from job.runs.logs import LineFormatter, start_logging
from job.runs.signals import SIGNALS
from job.runs.supervisor import PR_SET_PDEATHSIG

log = logging.getLogger("job.parallel")


def run(work: Callable[[dict[str, Any], Wire], None], stage: str) -> NoReturn:
    """The whole process."""
    code = _run(work, stage)
    sys.stderr.flush()
    os._exit(code)  # a process group that is gone must not keep it


def _run(work: Callable[[dict[str, Any], Wire], None], stage: str) -> int:
    """Returns the exit code."""
    for number in SIGNALS:  # the leader hears them, and ends its workers
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    request = json.load(sys.stdin)
    start_logging("stderr")
    LineFormatter.stage = stage
    logging.getLogger("job").setLevel(logging.WARNING)  # the leader says the rest
    wire = Wire(*(request[name] for name in ("rank", "workers", "port", "address", "prefix")))
    try:
        work(request, wire)
    except BaseException as error:
        told = told_of(error)
        with suppress(RuntimeError):  # the leader is gone, and its store
            wire.tell("failed", told)
        if not told["broken"]:  # then another one's end is the cause
            log.error("worker=%d error=%s: %s", wire.rank, type(error).__name__, error)
        return int(told["code"])
    return 0
