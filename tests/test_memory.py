"""Memory from shapes: which ways there are to cut a step, and what each needs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from job.modeling.architecture import Architecture, predictions, shapes_of
from job.modeling.memory import GIB, RESERVE_SHARE, T4_BYTES, Rung, rungs
from job.settings.fields import LoraSettings

ALL_LINEAR = LoraSettings(targets=("all-linear",))


def need(base: Architecture, rung: Rung, lora: LoraSettings | None = None) -> int:
    (found,) = predictions(base, lora or LoraSettings(), [rung], width=2)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lora", "rung", "measured_gib"),
    [
        (LoraSettings(), Rung(8192, "none"), 20.70),
        (LoraSettings(), Rung(31557, "none"), 69.80),
        (LoraSettings(), Rung(4096, "none"), 12.13),
        (ALL_LINEAR, Rung(3072, "none"), 13.31),
    ],
)
def test_predictions_are_within_15_percent_of_what_a_card_showed(
    lora: LoraSettings, rung: Rung, measured_gib: float, llama_3b: Architecture
) -> None:
    """Measured on one H200: `python -m tests.bench.train_speed --only ours,ours-64,t4,t4-all`, the trial's peak."""
    assert abs(need(llama_3b, rung, lora) / GIB / measured_gib - 1) < 0.15


def test_less_is_needed_on_every_rung_of_the_same_recomputation(llama_3b: Architecture) -> None:
    ladder = rungs(512, 16 * 512)
    needs = {rung: need(llama_3b, rung) for rung in ladder}
    for how in ("none", "half", "all"):
        same = [needs[rung] for rung in ladder if rung.checkpointing == how]
        assert same == sorted(same, reverse=True)
    assert needs[Rung(2048, "all")] < needs[Rung(2048, "half")] < needs[Rung(2048, "none")]
    assert min(needs.values()) == needs[ladder[-1]]


def test_the_ladder_starts_with_the_whole_step_and_ends_with_one_row() -> None:
    assert rungs(512, 16 * 512)[0] == Rung(8192, "none")
    assert rungs(512, 16 * 512)[-1] == Rung(512, "all")
    assert rungs(2048, 4 * 2048)[-1] == Rung(2048, "all")
    assert rungs(70, 70) == [Rung(70, "none"), Rung(70, "half"), Rung(70, "all")]
    for longest, step in ((70, 70), (300, 4000), (512, 8192), (2048, 2048), (5000, 70000)):
        assert all(rung.tokens >= longest for rung in rungs(longest, step)), "a row is never cut"


def test_the_t4_recipe_fits_a_t4_without_recomputing(llama_3b: Architecture) -> None:
    usable = T4_BYTES * (1 - RESERVE_SHARE)
    first = next(rung for rung in rungs(512, 8192) if need(llama_3b, rung) <= usable)
    assert first == Rung(4096, "none")


def test_layers_that_cannot_be_computed_again_are_not_offered_to_be() -> None:
    assert {rung.checkpointing for rung in rungs(512, 16 * 512, recomputable=False)} == {"none"}
    assert rungs(70, 70, recomputable=False) == [Rung(70, "none")]
    assert rungs(70, 16 * 512, recomputable=False)[-1] == Rung(70, "none")


def test_sizes_that_a_config_does_not_name_are_not_guessed() -> None:
    assert shapes_of(SimpleNamespace(d_model=768)) is None
