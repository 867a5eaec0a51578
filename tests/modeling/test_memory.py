"""The candidates of a memory plan: which ways there are to cut a step, fastest first."""

from __future__ import annotations

from job.modeling.memory import Candidate, candidates


def test_the_memory_plan_starts_with_the_whole_step_and_ends_with_one_row() -> None:
    assert candidates(512, 16 * 512)[0] == Candidate(8192, "none")
    assert candidates(512, 16 * 512)[-1] == Candidate(512, "all")
    assert candidates(2048, 4 * 2048)[-1] == Candidate(2048, "all")
    assert candidates(70, 70) == [Candidate(70, "none"), Candidate(70, "half"), Candidate(70, "all")]
    for longest, step in ((70, 70), (300, 4000), (512, 8192), (2048, 2048), (5000, 70000)):
        assert all(candidate.tokens >= longest for candidate in candidates(longest, step)), "a row is never cut"


def test_layers_that_cannot_be_computed_again_are_not_offered_to_be() -> None:
    assert {candidate.checkpointing for candidate in candidates(512, 16 * 512, recomputable=False)} == {"none"}
    assert candidates(70, 70, recomputable=False) == [Candidate(70, "none")]
    assert candidates(70, 16 * 512, recomputable=False)[-1] == Candidate(70, "none")
