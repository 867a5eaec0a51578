"""GPU memory predicted from shapes, against what a card showed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from job.modeling.architecture import Architecture
from job.modeling.base import load_base
from job.modeling.files import BaseFiles
from job.modeling.layers import decoder_layers
from job.modeling.memory import GIB, RESERVE_SHARE, T4_BYTES, Candidate, candidates
from job.modeling.nf4 import four_bit_layers
from job.modeling.prediction import predictions, shapes_of
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import LoraSettings, ModelSettings

ALL_LINEAR = LoraSettings(targets=("all-linear",))


def need(base: Architecture, candidate: Candidate, lora: LoraSettings | None = None) -> int:
    (found,) = predictions(base, lora or LoraSettings(), [candidate], width=2)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lora", "candidate", "measured_gib"),
    [
        (LoraSettings(), Candidate(5521, "none"), 12.36),
        (LoraSettings(), Candidate(18779, "none"), 37.55),
        (LoraSettings(), Candidate(5354, "none"), 12.26),
        (ALL_LINEAR, Candidate(4096, "none"), 13.27),
    ],
)
def test_predictions_are_within_15_percent_of_what_a_card_showed(
    lora: LoraSettings, candidate: Candidate, measured_gib: float, llama_3b: Architecture
) -> None:
    """Measured on one H200: `python -m tests.bench.train_speed --only ours,ours-64,t4,t4-all`, the dry run's peak."""
    assert abs(need(llama_3b, candidate, lora) / GIB / measured_gib - 1) < 0.15


def test_less_is_needed_on_every_candidate_of_the_same_recomputation(llama_3b: Architecture) -> None:
    memory_plan = candidates(512, 16 * 512)
    needs = {candidate: need(llama_3b, candidate) for candidate in memory_plan}
    for how in ("none", "half", "all"):
        same = [needs[candidate] for candidate in memory_plan if candidate.checkpointing == how]
        assert same == sorted(same, reverse=True)
    assert needs[Candidate(2048, "all")] < needs[Candidate(2048, "half")] < needs[Candidate(2048, "none")]
    assert min(needs.values()) == needs[memory_plan[-1]]


def test_the_t4_recipe_fits_a_t4_without_recomputing(llama_3b: Architecture) -> None:
    usable = T4_BYTES * (1 - RESERVE_SHARE)
    first = next(candidate for candidate in candidates(512, 8192) if need(llama_3b, candidate) <= usable)
    assert first == Candidate(5632, "none"), "most steps of its 16 rows, 4,176 tokens on average, are one micro-batch"


def test_dropout_takes_a_bit_an_element(llama_3b: Architecture) -> None:
    one = Candidate(1024, "none")
    without = need(llama_3b, one, ALL_LINEAR.model_copy(update={"dropout": 0.0}))
    assert need(llama_3b, one, ALL_LINEAR) - without == 1024 * 28 * (6 * 3072 + 8192) // 8


def test_sizes_that_a_config_does_not_name_are_not_guessed() -> None:
    assert shapes_of(SimpleNamespace(d_model=768)) is None


def test_what_workers_share_is_the_layers_weights_in_4_bits_alone(llama_3b: Architecture) -> None:
    """Embedding, norms and a scale for every 64 weights stay on every card."""
    in_a_layer = 3072 * (2 * 24 * 128 + 2 * 8 * 128 + 3 * 8192)
    embedding_and_norms = 128_256 * 3072 + (2 * 28 + 1) * 3072
    found = llama_3b.weights(2)
    assert (found.shared, found.largest_layer) == (28 * in_a_layer // 2, in_a_layer // 2)
    assert found.whole == llama_3b.weight_bytes(2)
    assert found.whole - found.shared == 28 * in_a_layer // 16 + 2 * embedding_and_norms


def test_a_shared_base_takes_as_much_less_as_the_others_hold(llama_3b: Architecture) -> None:
    one, weights = Candidate(512, "all"), llama_3b.weights(2)
    whole, sharded, offloaded = (
        predictions(llama_3b, LoraSettings(), [one], width=2, held=held, workers=4)[0]
        for held in ("whole", "sharded", "offloaded")
    )
    assert whole and sharded and offloaded
    assert whole == need(llama_3b, one), "however many workers there are"
    assert whole - sharded == weights.shared * 3 // 4 - 2 * weights.largest_layer
    assert sharded - offloaded == weights.shared // 4


def test_the_bytes_of_the_loaded_layers_are_those_that_can_be_shared(base: Path) -> None:
    files = BaseFiles(base, "base", "")
    model = load_base(files, load_tokenizer(files, ModelSettings(base=str(base))), torch.float32)
    layers = [sum(one.weight.nbytes for one in four_bit_layers(layer)) for layer in decoder_layers(model)]
    found = Architecture.read(base, "base").weights(4)
    assert (found.shared, found.largest_layer) == (sum(layers), layers[0])
    assert all(layers)
