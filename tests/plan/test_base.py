"""What the base model's config.json says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from job import pipeline
from job.errors import HubUnavailable, SettingsError
from job.plan.base import base_lines, file_lines
from job.plan.facts import Facts, Found

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture  # imports torch


@pytest.mark.light
def test_sizes_are_unknown_while_the_base_cannot_be_read(facts: Callable[..., Facts]) -> None:
    known = facts()
    known.base = Found(problem=HubUnavailable("the Hub does not answer"))
    shown = list(file_lines(known))
    assert shown[0].startswith("  clean.json clean/train.jsonl ")
    assert len(shown) == len(pipeline.STAGES) + 2
    assert shown[-2:] == [
        "  settings.json metrics.json report.html",
        "  sizes are unknown, because the base model cannot be judged now: the Hub does not answer",
    ]
    assert list(base_lines(known)) == ["  unknown: the Hub does not answer"]


def test_an_adapter_without_an_embedding_layer_is_its_lora_parameters(
    facts: Callable[..., Facts], llama_3b: Architecture
) -> None:
    known = facts(MODEL_SAVE_EMBEDDING="none")
    known.base = Found(llama_3b)
    shown = list(file_lines(known))
    assert shown[-2] == "  adapter_model.safetensors: 36,700,160 bytes: 9,175,040 float32 LoRA parameters (36,700,160)"
    assert shown[-1] == "  checkpoints: about 330,301,440 bytes at most"


def test_the_layers_of_a_base_are_counted(facts: Callable[..., Facts], llama_3b: Architecture) -> None:
    known = facts()
    known.base = Found(llama_3b)
    assert list(base_lines(known)) == [
        "  4-bit linear         2,818,572,288 parameters",
        "  embedding and head     394,002,432 parameters",
        "  norms and biases           175,104 parameters",
        "  in 4 bits: 100.0% of the linear weights (not counting embedding and head)",
        "  adapter on k_proj, o_proj, q_proj, v_proj: 112 layers",
    ]
    known = facts(LORA_TARGETS="gates")
    known.base = Found(llama_3b)
    with pytest.raises(SettingsError, match="llama-3b has no layer gates"):
        list(base_lines(known))
    assert known.sizes.problem
    assert file_lines(known)
    assert "llama-3b has no layer gates" in list(file_lines(known))[-1]
