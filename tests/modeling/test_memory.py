"""The candidates of a memory plan: which ways there are to cut a step, fastest first. And what a worker has of the base."""

from __future__ import annotations

from job.modeling.memory import Candidate, Weights, candidates


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


def test_a_worker_has_its_part_of_the_layers_and_two_gathered_ones() -> None:
    """Ten layers of 60 bytes, 25 of other weights."""
    weights = Weights(whole=625, shared=600, largest_layer=60)
    assert weights.on_a_card("whole", 8) == 625
    assert weights.on_a_card("sharded", 8) == 25 + 75 + 2 * 60
    assert weights.on_a_card("sharded", 7) == 25 + 86 + 2 * 60, "parts of equal size, the last one filled up"
    assert weights.on_a_card("offloaded", 8) == weights.on_a_card("offloaded", 2) == 25 + 2 * 60
    one = Weights(whole=85, shared=60, largest_layer=60)
    assert one.on_a_card("offloaded", 2) == 85, "of one layer no two are gathered"
