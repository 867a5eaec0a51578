"""A worker's process: its error is told to the leader, and its exit code is the error's."""

from __future__ import annotations

import json
import subprocess
import sys

from job.modeling.fresh import environment
from job.parallel.wire import Wire

ENDS = """
from job.errors import MemoryExhausted
from job.parallel.worker import run

def work(request, wire):
    wire.tell("seen", request["what"])
    raise MemoryExhausted("Memory ran out.", remedy="Use less.")

run(work, "probe")
"""


def test_what_a_worker_ends_of_is_told_and_logged() -> None:
    leader = Wire(0, 2)
    request = {"rank": 1, "workers": 2, "address": leader.address, "port": leader.port, "prefix": "", "what": "rows"}
    ended = subprocess.run(
        [sys.executable, "-c", ENDS],
        input=json.dumps(request),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 62, ended.stderr
    assert leader.told("seen", 1) == "rows"
    assert leader.told("failed", 1) == {
        "code": 62,
        "message": "Memory ran out.",
        "remedy": "Use less.",
        "broken": False,
    }
    assert "stage=probe worker=1 error=MemoryExhausted: Memory ran out." in ended.stderr
