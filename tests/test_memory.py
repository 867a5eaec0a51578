"""Memory from shapes: which ways there are to cut a step, and what each needs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from job.modeling.architecture import Architecture, predictions, shapes_of
from job.modeling.memory import GIB, RESERVE_SHARE, T4_BYTES, Candidate, candidates
from job.settings.fields import LoraSettings

ALL_LINEAR = LoraSettings(targets=("all-linear",))


def need(base: Architecture, candidate: Candidate, lora: LoraSettings | None = None) -> int:
    (found,) = predictions(base, lora or LoraSettings(), [candidate], width=2)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lora", "candidate", "measured_gib"),
    [
        (LoraSettings(), Candidate(8192, "none"), 20.70),
        (LoraSettings(), Candidate(31557, "none"), 69.80),
        (LoraSettings(), Candidate(4096, "none"), 12.13),
        (ALL_LINEAR, Candidate(3072, "none"), 13.31),
    ],
)
def test_predictions_are_within_15_percent_of_what_a_card_showed(
    lora: LoraSettings, candidate: Candidate, measured_gib: float, llama_3b: Architecture
) -> None:
    """Measured on one H200: `python -m tests.bench.train_speed --only ours,ours-64,t4,t4-all`, the trial's peak."""
    assert abs(need(llama_3b, candidate, lora) / GIB / measured_gib - 1) < 0.15


def test_less_is_needed_on_every_candidate_of_the_same_recomputation(llama_3b: Architecture) -> None:
    memory_plan = candidates(512, 16 * 512)
    needs = {candidate: need(llama_3b, candidate) for candidate in memory_plan}
    for how in ("none", "half", "all"):
        same = [needs[candidate] for candidate in memory_plan if candidate.checkpointing == how]
        assert same == sorted(same, reverse=True)
    assert needs[Candidate(2048, "all")] < needs[Candidate(2048, "half")] < needs[Candidate(2048, "none")]
    assert min(needs.values()) == needs[memory_plan[-1]]


def test_the_memory_plan_starts_with_the_whole_step_and_ends_with_one_row() -> None:
    assert candidates(512, 16 * 512)[0] == Candidate(8192, "none")
    assert candidates(512, 16 * 512)[-1] == Candidate(512, "all")
    assert candidates(2048, 4 * 2048)[-1] == Candidate(2048, "all")
    assert candidates(70, 70) == [Candidate(70, "none"), Candidate(70, "half"), Candidate(70, "all")]
    for longest, step in ((70, 70), (300, 4000), (512, 8192), (2048, 2048), (5000, 70000)):
        assert all(candidate.tokens >= longest for candidate in candidates(longest, step)), "a row is never cut"


def test_the_t4_recipe_fits_a_t4_without_recomputing(llama_3b: Architecture) -> None:
    usable = T4_BYTES * (1 - RESERVE_SHARE)
    first = next(candidate for candidate in candidates(512, 8192) if need(llama_3b, candidate) <= usable)
    assert first == Candidate(4096, "none")


def test_layers_that_cannot_be_computed_again_are_not_offered_to_be() -> None:
    assert {candidate.checkpointing for candidate in candidates(512, 16 * 512, recomputable=False)} == {"none"}
    assert candidates(70, 70, recomputable=False) == [Candidate(70, "none")]
    assert candidates(70, 16 * 512, recomputable=False)[-1] == Candidate(70, "none")


def test_sizes_that_a_config_does_not_name_are_not_guessed() -> None:
    assert shapes_of(SimpleNamespace(d_model=768)) is None
