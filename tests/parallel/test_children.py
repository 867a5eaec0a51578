"""Workers of a host are started, missed and ended. What they compute is tested with their leader."""

from __future__ import annotations

import signal

import pytest

from job.parallel.children import Children

pytestmark = pytest.mark.light


def test_a_worker_that_ended_is_named_by_its_rank_and_how() -> None:
    children = Children({"module": "job.training.parallel.worker"}, {3: "", 4: ""}, share=2)
    assert children.ended() == []
    children.processes[4].kill()
    children.processes[4].wait()
    assert children.ended() == [{"rank": 4, "status": -9, "memory_killed": False, "tail": ""}]
    children.kill()
    assert [one["rank"] for one in children.ended()] == [3, 4]
    assert children.ticks() >= 0


def test_what_native_code_says_last_reaches_the_log_and_who_classifies_it(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a secret, and where its last line has no end."""
    words = "hf_" + "s" * 30 + "\n" + "x" * 3000 + "\nterminate called: uncorrectable ECC error encountered"
    children = Children({"module": "tests.parallel.dying", "words": words}, {1: ""}, share=1)
    children.wait(60)
    (ended,) = children.ended()
    assert ended["status"] == -signal.SIGABRT
    assert ended["tail"].endswith("\nterminate called: uncorrectable ECC error encountered")
    assert len(ended["tail"]) == 2000
    shown = capfd.readouterr().err
    assert shown == words.replace("hf_" + "s" * 30, "**********")
