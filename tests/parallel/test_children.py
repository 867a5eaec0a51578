"""Workers of a host are started, missed and ended. What they compute is tested with their leader."""

from __future__ import annotations

import pytest

from job.parallel.children import Children

pytestmark = pytest.mark.light


def test_a_worker_that_ended_is_named_by_its_rank_and_how() -> None:
    children = Children({"module": "job.training.parallel.worker"}, {3: "", 4: ""}, share=2)
    assert children.ended() == []
    children.processes[4].kill()
    children.processes[4].wait()
    assert children.ended() == [{"rank": 4, "status": -9, "memory_killed": False}]
    children.kill()
    assert [one["rank"] for one in children.ended()] == [3, 4]
    assert children.ticks() >= 0
