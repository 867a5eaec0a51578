"""Memory from shapes: which ways there are to cut a step, and what each needs."""

from __future__ import annotations

import pytest

from job.memory import GIB, RESERVE_SHARE, T4_BYTES, Rung, Shapes, predict, rungs
from job.settings import LoraSettings

pytestmark = pytest.mark.light

LLAMA_3B = {
    "hidden_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 24,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 8192,
    "vocab_size": 128256,
    "tie_word_embeddings": True,
}
ALL_LINEAR = LoraSettings(
    targets=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
)


def shapes() -> Shapes:
    found = Shapes.of(LLAMA_3B)
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
    lora: LoraSettings, rung: Rung, measured_gib: float
) -> None:
    """Measured on one H200: `python -m tests.bench.train_speed --only ours,ours-64,t4,t4-all`, the trial's peak."""
    predicted = predict(shapes(), lora, rung)
    assert predicted is not None
    assert abs(predicted / GIB / measured_gib - 1) < 0.15


def test_less_is_needed_on_every_rung_of_the_same_recomputation() -> None:
    ladder = rungs(512, 16 * 512)
    needs = {rung: predict(shapes(), LoraSettings(), rung) or 0 for rung in ladder}
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


def test_the_t4_recipe_fits_a_t4_without_recomputing() -> None:
    usable = T4_BYTES * (1 - RESERVE_SHARE)
    first = next(rung for rung in rungs(512, 8192) if (predict(shapes(), LoraSettings(), rung) or 0) <= usable)
    assert first == Rung(4096, "none")


def test_other_architectures_are_not_guessed() -> None:
    assert Shapes.of({"d_model": 768}) is None
    assert predict(shapes(), LoraSettings(targets=("query_key_value",)), Rung(512, "none")) is None
