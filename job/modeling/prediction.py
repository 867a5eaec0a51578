"""The GPU memory that a base model will take, from its shapes (the arithmetic is in job/modeling/memory.py)."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedConfig

from job.modeling.architecture import Architecture
from job.modeling.memory import Candidate, Held, Shapes, predict
from job.settings.fields import LoraSettings


def predictions(
    architecture: Architecture,
    lora: LoraSettings,
    candidates: Sequence[Candidate],
    *,
    width: int,
    held: Held = "whole",
    workers: int = 1,
) -> list[int | None]:
    """Peak bytes of each way to cut a step; None if the config does not name its sizes, or layers differ in them. `held`: how
    each of `workers` that share it has the base."""
    try:
        shapes = shapes_of(architecture.text_config)
    except RuntimeError:  # transformers', for a size that differs between layers (Gemma 4)
        shapes = None
    if shapes is None:
        return [None] * len(candidates)
    adapter, weights = architecture.adapter(lora), architecture.weights(width).on_a_card(held, workers)
    return [
        predict(shapes, adapter, candidate, weight_bytes=weights, dropout=lora.dropout, width=width)
        for candidate in candidates
    ]


def shapes_of(config: PreTrainedConfig) -> Shapes | None:
    """Sizes of the language model, by the names that transformers gives them in every family; None if one is missing."""

    def first(*names: str) -> int:
        return next(
            (int(value) for name in names if isinstance(value := getattr(config, name, None), int) and value), 0
        )

    hidden, layers, heads = first("hidden_size"), first("num_hidden_layers"), first("num_attention_heads")
    if not (hidden and layers and heads):
        return None
    head = first("head_dim") or hidden // heads
    inner = first("moe_intermediate_size") * first("num_experts_per_tok") or first(
        "intermediate_size", "ffn_hidden_size", "n_inner"
    )
    return Shapes(
        hidden=hidden,
        layers=layers,
        query=heads * head,
        keys=(first("num_key_value_heads") or heads) * head,
        inner=inner or 4 * hidden,
        vocabulary=first("vocab_size"),
    )
