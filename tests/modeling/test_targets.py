"""The layers that get an adapter, by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.modeling.spoiling import (
    TARGETS,
    Case,
    nothing,
)

NAMES = "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"
CASES = (
    Case("head", nothing, 64, (TARGETS, "lm_head is the output head, which gets no adapter"), {"LORA_TARGETS": "lm_head"}),
    Case("unknown layer", nothing, 64, (TARGETS, "has no layer qproj", NAMES), {"LORA_TARGETS": "q_proj,qproj"}),
    Case("embedding", nothing, 64, (TARGETS, "has no layer embed_tokens", NAMES), {"LORA_TARGETS": "embed_tokens"}),
    Case("auto and a name", nothing, 64, (TARGETS, "auto and all-linear cannot be combined"), {"LORA_TARGETS": "auto,q_proj"}),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_layer_that_gets_no_adapter_is_refused(case: Case, refused: Callable[[Case], None]) -> None:
    refused(case)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("words", ["auto", "all-linear", "q_proj"])
def test_the_head_is_never_a_target(words: str, tied: bool, base: Path, untied_base: Path) -> None:
    from job.modeling.architecture import Architecture
    from job.modeling.targets import peft_names, targets

    model = Architecture.read(base if tied else untied_base, "base").model
    chosen = targets(model, (words,), "base")
    assert chosen
    assert all(layer is not model.get_output_embeddings() for layer in chosen.values())
    assert "lm_head" not in peft_names(chosen, model)
