"""Lever: exact attention within each row of a packed micro-batch, without padding and without a T x T mask.

Three kernels, one meaning: PyTorch's flash kernel from compute capability 8.0, its memory-efficient kernel below (the one
that runs on a T4), and on a CPU one causal call a row. Masks are never built: transformers makes none for an attention
implementation that it has no mask function for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import AttentionInterface

NAME = "lora_job_varlen"
CAUSAL_FROM_TOP_LEFT = 1


def install(model: Any) -> Callable[[], None]:
    """Switch the model to packed attention; returns what puts the old one back.

    Raises NotImplementedError for models that need more than it knows.
    """
    config = model.config.get_text_config()
    if getattr(config, "attn_logit_softcapping", None):
        raise NotImplementedError("the model caps attention logits")
    before = config._attn_implementation
    AttentionInterface.register(NAME, attend)
    model.set_attn_implementation(NAME)

    def undo() -> None:
        model.set_attn_implementation(before)

    return undo


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    starts: torch.Tensor,
    longest: int,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """query (1, heads, T, D); key, value (1, key heads, T, D) -> (1, T, heads, D)."""
    if attention_mask is not None or dropout or others.get("s_aux") is not None or others.get("softcap"):
        raise NotImplementedError("the model asks attention for a mask, dropout, sinks or a cap")
    if sliding_window is not None and longest > sliding_window:
        raise NotImplementedError(f"rows of {longest} tokens are longer than the attention window of {sliding_window}")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if not query.is_cuda:
        return _each_row(query, key, value, starts, scale), None
    query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))  # (1, T, heads, D)
    if _flash_runs(query):
        output = torch.ops.aten._flash_attention_forward(
            query[0], key[0], value[0], starts, starts, longest, longest, 0.0, True, False, scale=scale
        )[0]
        return output[None], None
    return MemoryEfficient.apply(query, key, value, starts, longest, scale), None


def _flash_runs(query: torch.Tensor) -> bool:
    return (
        query.dtype != torch.float32
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
        and torch.backends.cuda.flash_sdp_enabled()
    )


def _each_row(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, starts: torch.Tensor, scale: float
) -> torch.Tensor:
    lengths = starts.diff().tolist()
    rows = [
        torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=True)
        for q, k, v in zip(query.split(lengths, 2), key.split(lengths, 2), value.split(lengths, 2), strict=True)
    ]
    return torch.cat(rows, dim=2).transpose(1, 2)


class MemoryEfficient(torch.autograd.Function):
    """PyTorch's memory-efficient kernel over rows of different lengths. It knows no grouped queries: keys and values are
    repeated for the call and kept unrepeated for the backward pass (8 of 24 heads in Llama 3.2 3B)."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        starts: torch.Tensor,
        longest: int,
        scale: float,
    ) -> torch.Tensor:
        groups = query.shape[2] // key.shape[2]
        output, logsumexp, seed, offset, _, _ = torch.ops.aten._efficient_attention_forward(
            query,
            key.repeat_interleave(groups, 2),
            value.repeat_interleave(groups, 2),
            None,
            starts,
            starts,
            longest,
            longest,
            0.0,
            CAUSAL_FROM_TOP_LEFT,
            True,
            scale=scale,
        )
        ctx.save_for_backward(query, key, value, starts, output, logsumexp, seed, offset)
        ctx.longest, ctx.scale = longest, scale
        return output

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, starts, output, logsumexp, seed, offset = ctx.saved_tensors
        _, tokens, heads, width = query.shape
        kept = key.shape[2]
        groups = heads // kept
        grad_query, grad_key, grad_value, _ = torch.ops.aten._efficient_attention_backward(
            grad.contiguous(),
            query,
            key.repeat_interleave(groups, 2),
            value.repeat_interleave(groups, 2),
            None,
            output,
            starts,
            starts,
            ctx.longest,
            ctx.longest,
            logsumexp,
            0.0,
            seed,
            offset,
            CAUSAL_FROM_TOP_LEFT,
            False,
            scale=ctx.scale,
        )
        shape = (1, tokens, kept, groups, width)
        return grad_query, grad_key.view(shape).sum(3), grad_value.view(shape).sum(3), None, None, None
