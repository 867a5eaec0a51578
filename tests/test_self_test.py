"""The self-test of optimizations can say no: mistakes are rejected, models that ask for more are refused, nothing is left.

That it says yes to honest ones on every family is in test_families.py."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.masking_utils import (
    and_masks,
    bidirectional_mask_function,
    causal_mask_function,
    chunked_causal_mask_function,
    or_masks,
    sliding_window_causal_mask_function,
)
from transformers.modeling_layers import GradientCheckpointingLayer

from job.errors import JobError, SettingsError
from job.modeling import architecture, layers
from job.modeling import base as bases
from job.modeling.files import fetch_files
from job.modeling.memory import candidates
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import LoraSettings, ModelSettings, TrainSettings
from job.training.batching import Row
from job.training.forward import Forward
from job.training.optimizations import attention, lora4bit, survey
from job.training.optimizations.comparison import Difference, Perturbed, gradients
from job.training.optimizations.registry import OPTIMIZATIONS
from job.training.optimizations.self_test import SelfTest
from job.training.preparation import prepare
from job.training.trainer import Float32AdapterTrainer
from tests.bench.self_test import forward_of, some_rows
from tests.families import FAMILIES, ON_A_CPU, make_family_base
from tests.mutants import MUTANTS, Mutant
from tests.test_optimizations import differences

FAMILY = {family.name: family for family in FAMILIES}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_is_rejected_and_reverted(mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = forward_of(make_family_base(tmp_path, FAMILY[mutant.family]), "float32")
    rows = some_rows(8)
    with Perturbed(forward.model):
        before = gradients(forward, rows)
    monkeypatch.setitem(OPTIMIZATIONS, "mutant", mutant.install)
    (result,) = SelfTest(forward, rows).enable(["mutant"])
    assert not result.on
    assert result.reason.startswith("differs from the reference path")
    with Perturbed(forward.model):
        assert differences(before, gradients(forward, rows)) == (0, 0)


def test_a_difference_that_is_not_a_number_is_never_accepted() -> None:
    nan = float("nan")
    for wrong in (Difference(nan, 0, 0), Difference(0, nan, 0), Difference(0, 0, nan)):
        assert not wrong.within(Difference(1, 1, 1))
        assert not Difference(0, 0, 0).worse(wrong).within(Difference(1, 1, 1))


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma3", "phi3", "granite"])
def test_honest_optimizations_pass_in_16_bits(family: str, tmp_path: Path) -> None:
    forward = forward_of(make_family_base(tmp_path, FAMILY[family]), "bfloat16")
    results = SelfTest(forward, some_rows(8)).enable(ON_A_CPU)
    assert {result.name for result in results if not result.on} == set(FAMILY[family].off), results


def test_a_reference_path_that_differs_from_itself_proves_nothing(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = forward_of(base, "bfloat16")
    real = forward.loss_sum
    monkeypatch.setattr(forward, "loss_sum", lambda rows: real(rows) * (1 if forward.precision == "float32" else 1.7))
    (result,) = SelfTest(forward, some_rows(8)).enable(["sliced_head"])
    assert result.reason.startswith("cannot be compared: the reference path in bfloat16 differs from float32")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_in_16_bits_a_mistake_is_found_in_float32(
    mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A norm whose epsilon is wrong moves a gradient by less than bfloat16's rounding does."""
    forward = forward_of(make_family_base(tmp_path, FAMILY[mutant.family]), "bfloat16")
    before = [parameter.dtype for parameter in forward.model.parameters()]
    monkeypatch.setitem(OPTIMIZATIONS, "mutant", mutant.install)
    (result,) = SelfTest(forward, some_rows(8)).enable(["mutant"])
    assert not result.on
    assert result.reason.startswith("differs from the reference path in float32")
    assert [parameter.dtype for parameter in forward.model.parameters()] == before


# --- what a model asks of attention ----------------------------------------------------------------------------------

CHUNKS = chunked_causal_mask_function(8, torch.zeros(1, dtype=torch.int64))
PREFIX = or_masks(causal_mask_function, lambda _b, _h, _q, key: key < 4)


def test_masks_are_told_apart_by_what_they_answer() -> None:
    assert survey.window_of(causal_mask_function, 40) == survey.WHOLE_ROW
    assert survey.window_of(sliding_window_causal_mask_function(8), 40) == 8
    assert survey.window_of(sliding_window_causal_mask_function(40), 40) == survey.WHOLE_ROW
    assert survey.window_of(CHUNKS, 8) == survey.WHOLE_ROW, "rows that end before the first chunk does"


@pytest.mark.parametrize(
    "mask",
    [
        CHUNKS,
        PREFIX,
        bidirectional_mask_function,
        and_masks(causal_mask_function, lambda _b, _h, _q, key: key % 2 == 0),
    ],
    ids=["chunks", "a prefix", "both directions", "holes"],
)
def test_other_masks_are_refused(mask: Callable[..., torch.Tensor]) -> None:
    with pytest.raises(NotImplementedError, match="neither causal nor a sliding window"):
        survey.window_of(mask, 40)


def small(model_type: str, **more: Any) -> Any:
    config = AutoConfig.for_model(
        model_type,
        vocab_size=64,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        **more,
    )
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager")


@pytest.mark.parametrize(
    ("model_type", "more", "told"),
    [
        ("gpt_oss", {"head_dim": 16, "num_local_experts": 2}, "attention is asked for s_aux"),
        ("llama", {"attention_dropout": 0.2}, "asks for attention dropout of 0.2"),
        ("gemma2", {"head_dim": 16, "attn_logit_softcapping": 30.0}, "caps attention logits"),
        ("llama4_text", {"num_local_experts": 2, "attn_temperature_tuning": True}, "scales queries by their place"),
        (
            "llama4_text",
            {"num_local_experts": 2, "attn_temperature_tuning": False, "attention_chunk_size": 8},
            "chunks",
        ),
        ("falcon_h1", {}, "layers carry a state along the sequence"),
        ("falcon", {}, "0 of 2 layers call attention through transformers' interface"),
    ],
    ids=["sinks", "dropout", "capped scores", "temperature", "chunks", "a state", "attention of its own"],
)
def test_packed_attention_is_refused_where_a_model_asks_for_more(
    model_type: str, more: dict[str, Any], told: str
) -> None:
    model = small(model_type, **more)
    with pytest.raises(NotImplementedError, match=told):
        attention.install(model, 40)
    assert model.config._attn_implementation == "eager"
    assert not any(hasattr(module, "lora_job_window") for module in model.modules())


# --- memory ----------------------------------------------------------------------------------------------------------


def test_where_memory_is_short_the_longest_row_is_tested_by_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And packed rows are not used where a window lies beyond what was tested."""
    forward = forward_of(make_family_base(tmp_path, FAMILY["mistral_window"]), "float32")
    real = forward.loss_sum

    def loss_sum(rows: Sequence[Row]) -> torch.Tensor:
        if max(len(row.ids) for row in rows) > 31:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(rows)

    monkeypatch.setattr(forward, "loss_sum", loss_sum)
    monkeypatch.setattr("job.training.optimizations.self_test.SHORTEST_PIECE", 16)
    test = SelfTest(forward, [*some_rows(4), *(Row(list(range(5, 15)), 2) for _ in range(2))])
    assert len(test.rows[0].ids) == 30
    results = {result.name: result for result in test.enable(["packed_rows", "sliced_head"])}
    assert "memory allows a test on 30 tokens alone" in results["packed_rows"].reason
    assert results["sliced_head"].on
    monkeypatch.setattr("job.training.optimizations.self_test.SHORTEST_PIECE", 64)
    with pytest.raises(torch.OutOfMemoryError):
        SelfTest(forward, some_rows(4))


def test_where_float32_does_not_fit_at_all_16_bits_are_compared(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was widened for it is as it was: the run goes on in the precision that it says."""
    forward = forward_of(base, "bfloat16")
    before = {name: (tensor.dtype, tensor.clone()) for name, tensor in forward.model.named_parameters()}
    real, embedding = torch.Tensor.float, forward.base.get_input_embeddings().weight.shape

    def widen(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.shape == embedding:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(tensor)

    monkeypatch.setattr(torch.Tensor, "float", widen)
    test = SelfTest(forward, some_rows(6))
    monkeypatch.undo()
    assert not test.exact
    assert len(test.rows[0].ids) == 120, "in 16 bits the whole row fits"
    assert forward.precision == "bfloat16"
    for name, tensor in forward.model.named_parameters():
        assert tensor.dtype == before[name][0]
        assert torch.equal(tensor, before[name][1])
    (result,) = test.enable(["sliced_head"])
    assert result.on


# --- the whole step --------------------------------------------------------------------------------------------------


def prepared(base: Path) -> Any:
    model = ModelSettings(base=str(base))
    files = fetch_files(model, "", weights=True)
    return prepare(files, load_tokenizer(files, model), LoraSettings(), TrainSettings(batch_size=4), some_rows(8))


def test_a_whole_step_that_differs_reverts_every_optimization(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Forward, "cut", _losing_a_row)
    with pytest.raises(JobError, match=r"A training step with micro-batches of .* differs from the reference path"):
        prepared(base)  # the reference path differs too: nothing is left to fall back to
    monkeypatch.setattr(Forward, "cut", lambda self, rows, budget: _losing_a_row(self, rows, budget, only_packed=True))
    ready = prepared(base)
    assert not any(optimization.on for optimization in ready.optimizations)
    assert "the whole step differs" in ready.optimizations[0].reason
    assert not ready.forward.packed


def test_a_base_whose_rows_depend_on_each_other_is_refused(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Forward.loss_sum
    monkeypatch.setattr(Forward, "loss_sum", lambda self, rows: real(self, rows) * (1 + 0.01 * len(rows)))
    with pytest.raises(SettingsError, match=r"depends on the rows beside it \(loss by .*choose another model"):
        prepared(base)


def _losing_a_row(self: Forward, rows: Sequence[Row], _: int, *, only_packed: bool = False) -> list[list[Row]]:
    return [[row] for row in (rows if only_packed and not self.packed else rows[1:])]


# --- names without documentation -------------------------------------------------------------------------------------


def test_without_pytorchs_attention_operators_rows_are_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "EFFICIENT", attention._operator("_efficient_attention_of_another_version"))
    assert attention.EFFICIENT is None
    model = small("llama")
    monkeypatch.setattr(type(model), "get_input_embeddings", lambda _: torch.nn.Module.__new__(_OnACard))
    with pytest.raises(NotImplementedError, match="has not the attention operators"):
        attention.install(model, 40)


class _OnACard(torch.nn.Module):
    class weight:
        is_cuda = True


def test_without_bitsandbytes_fields_the_layers_stay_pefts(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = forward_of(base, "float32")
    test = SelfTest(forward, some_rows(6))
    monkeypatch.setattr(lora4bit, "_unpack_scales", lambda state: state.scales_of_another_version)
    (result,) = test.enable(["lora4bit"])
    assert result.reason.startswith("AttributeError")


def test_without_transformers_switch_no_layer_is_said_to_be_computed_again(
    base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = forward_of(base, "float32").base
    assert layers.decoder_layers(model)
    monkeypatch.delattr(GradientCheckpointingLayer, "gradient_checkpointing")
    with caplog.at_level(logging.WARNING):
        assert layers.decoder_layers(model) == []
    assert "no layer is computed again" in caplog.text
    assert {candidate.checkpointing for candidate in candidates(100, 1000, recomputable=False)} == {"none"}


def test_without_transformers_rule_for_grouped_queries_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(bases.sdpa_attention, bases.GROUPED_QUERIES)
    with caplog.at_level(logging.WARNING):
        bases.guard_attention((8, 0))
        assert not caplog.text
        bases.guard_attention((7, 5))
    assert "slow math kernel" in caplog.text


def test_the_methods_of_the_trainer_that_are_overridden_exist() -> None:
    stock = Float32AdapterTrainer.__mro__[1]
    assert all(hasattr(stock, name) for name in ("_save", "_save_checkpoint", "training_step", "floating_point_ops"))


# --- lengths ---------------------------------------------------------------------------------------------------------


def test_rows_and_answers_that_a_table_of_positions_does_not_hold_are_refused(tmp_path: Path) -> None:
    """GPT-2 has learned 1,024 positions; the tiny one 512."""
    planned = architecture.Architecture.read(make_family_base(tmp_path, FAMILY["gpt2"]), "gpt2")
    architecture.require_lengths(planned, 256, 256)
    with pytest.raises(SettingsError, match=r"FINETUNE_TRAIN_MAX_TOKENS \(256\) .* together at most 512"):
        architecture.require_lengths(planned, 256, 257)


def test_tokens_that_the_embedding_lacks_are_not_left_random(base: Path) -> None:
    planned = dataclasses.replace(architecture.Architecture.read(base, "base"), new_rows=4)
    assert planned.embedding_bytes("rows") == 4 * 64 * 2
    with pytest.raises(SettingsError, match="3 tokens more than its embedding has rows"):
        planned.embedding_bytes("none")


def test_new_rows_of_two_layers_are_refused_before_training(untied_base: Path) -> None:
    planned = architecture.Architecture.read(untied_base, "untied")
    assert planned.embedding_bytes("full") > 0
    with pytest.raises(SettingsError, match="rows needs a base whose head shares the embedding's weights"):
        planned.embedding_bytes("rows")


def test_what_chooses_experts_gets_no_adapter() -> None:
    """Qwen2-MoE's gate of one output is an nn.Linear like any other."""
    sizes = {
        "hidden_size": 64,
        "intermediate_size": 64,
        "moe_intermediate_size": 64,
        "shared_expert_intermediate_size": 64,
    }
    config = AutoConfig.for_model("qwen2_moe", vocab_size=64, num_hidden_layers=1, num_experts=2, **sizes)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    names = layers.linear_layers(model)
    assert any(name.endswith("shared_expert.up_proj") for name in names)
    assert not any("gate" in name and not name.endswith("gate_proj") for name in names)
    assert any(name.endswith("shared_expert_gate") for name, _ in model.named_modules())
