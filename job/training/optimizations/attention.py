"""Optimization: exact attention within each row of a packed micro-batch, without padding and without a T x T mask.

Three kernels compute the same: PyTorch's flash kernel from compute capability 8.0, its memory-efficient kernel below (the one
that runs on a T4), and on a CPU one call per row. All support causal attention, over the whole row or a sliding window of
it, and nothing else. So each layer is surveyed first: one tiny forward pass in train mode collects the mask that transformers
would build and every argument that reaches attention. A model that needs more than that (chunks, capped logits, sinks, dropout,
an argument not known here) is refused. Training builds no mask.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from transformers import AttentionInterface, PreTrainedModel

from job.modeling.layers import decoder_of
from job.training.forward import Forward, Revert
from job.training.optimizations.kernels import repeated, summed
from job.training.optimizations.survey import UNKNOWN_TO_KERNELS, WHOLE_ROW, Survey

NAME = "lora_job_varlen"


def _operator(name: str) -> Any:
    """One of PyTorch's attention operators, which have no documented name; None if this version lacks it."""
    return getattr(torch.ops.aten, name, None)


FLASH = _operator("_flash_attention_forward")
EFFICIENT = _operator("_efficient_attention_forward")
EFFICIENT_BACKWARD = _operator("_efficient_attention_backward")
CAUSAL_FROM_TOP_LEFT = 1


def enable(forward: Forward, longest: int) -> Revert:
    """Pack the rows of a micro-batch. Raises NotImplementedError as `install`."""
    revert_attention = install(forward.base, longest)
    forward.packed = True

    def revert() -> None:
        forward.packed = False
        revert_attention()

    return revert


def install(model: PreTrainedModel, longest: int) -> Revert:
    """Switch the model to packed attention for rows of up to `longest` tokens.

    Raises NotImplementedError for models whose attention is not one of those above.
    """
    if model.get_input_embeddings().weight.is_cuda and not (FLASH and EFFICIENT and EFFICIENT_BACKWARD):
        raise NotImplementedError(
            f"PyTorch {torch.__version__} lacks the attention operators of the versions tested here"
        )
    config = model.config.get_text_config()
    for name, what in UNKNOWN_TO_KERNELS.items():
        if getattr(config, name, None):
            raise NotImplementedError(f"the model {what} ({name})")
    if any(isinstance(module, torch.nn.Conv1d) for module in decoder_of(model).modules()):
        raise NotImplementedError("layers carry a state along the sequence, from one row into the next")
    before = config._attn_implementation
    AttentionInterface.register(NAME, attend)
    windows = Survey(model, longest).windows()

    def revert() -> None:
        model.set_attn_implementation(before)
        for module in windows:
            del module.lora_job_window

    for module, window in windows.items():
        module.lora_job_window = window  # type: ignore[assignment]
    model.set_attn_implementation(NAME)
    return revert


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
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """query (1, heads, T, D); key, value (1, key heads, T, D) -> (1, T, heads, D). The survey has refused everything else."""
    if attention_mask is not None or dropout:
        raise NotImplementedError("the model passes a mask or dropout to attention")
    window: int = module.lora_job_window  # type: ignore[assignment]
    if window >= longest:
        window = WHOLE_ROW
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    # Autocast casts for PyTorch's own attention; these operators are not on its list.
    if torch.is_autocast_enabled(query.device.type):
        dtype = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    if not query.is_cuda:
        return _each_row(query, key, value, starts, window, scale), None
    query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))  # (1, T, heads, D)
    if _flash_runs(query):
        before = {"window_size_left": window - 1, "window_size_right": 0} if window else {}
        output = FLASH(
            query[0], key[0], value[0], starts, starts, longest, longest, 0.0, True, False, scale=scale, **before
        )[0]
        return output[None], None
    one_kernel = getattr(module, "lora_job_repeats", False)
    return MemoryEfficient.apply(query, key, value, starts, longest, window or None, scale, one_kernel), None


def _flash_runs(query: torch.Tensor) -> bool:
    return (
        query.dtype != torch.float32
        and query.shape[-1] <= 256
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
        and torch.backends.cuda.flash_sdp_enabled()
    )


def _each_row(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, starts: torch.Tensor, window: int, scale: float
) -> torch.Tensor:
    lengths = starts.diff().tolist()
    rows = [
        torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=scale, enable_gqa=True, **_seen(q, window))
        for q, k, v in zip(query.split(lengths, 2), key.split(lengths, 2), value.split(lengths, 2), strict=True)
    ]
    return torch.cat(rows, dim=2).transpose(1, 2)


def _seen(query: torch.Tensor, window: int) -> dict[str, Any]:
    tokens = query.shape[2]
    if not 0 < window < tokens:
        return {"is_causal": True}
    places = torch.arange(tokens)
    behind = places[:, None] - places[None]  # (T, T)
    return {"attn_mask": (behind >= 0) & (behind < window)}


class MemoryEfficient(torch.autograd.Function):
    """PyTorch's memory-efficient kernel over rows of different lengths. It has no grouped queries, so keys and values are
    repeated for the call, and kept unrepeated for the backward pass (8 of 24 heads in Llama 3.2 3B)."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        starts: torch.Tensor,
        longest: int,
        window: int | None,
        scale: float,
        one_kernel: bool,
    ) -> torch.Tensor:
        output, logsumexp, seed, offset, _, _ = EFFICIENT(
            query,
            *_for_each_query(query, key, value, one_kernel),
            None,
            starts,
            starts,
            longest,
            longest,
            0.0,
            CAUSAL_FROM_TOP_LEFT,
            True,
            scale=scale,
            window_size=window,
        )
        ctx.save_for_backward(query, key, value, starts, output, logsumexp, seed, offset)
        ctx.longest, ctx.window, ctx.scale, ctx.one_kernel = longest, window, scale, one_kernel
        return output

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, starts, output, logsumexp, seed, offset = ctx.saved_tensors
        grad_query, grad_key, grad_value, _ = EFFICIENT_BACKWARD(
            grad.contiguous(),
            query,
            *_for_each_query(query, key, value, ctx.one_kernel),
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
            window_size=ctx.window,
        )
        groups = query.shape[2] // key.shape[2]
        if groups > 1:
            grads = (grad_key, grad_value)
            grad_key, grad_value = summed(*grads, groups) if ctx.one_kernel else (_sum(one, groups) for one in grads)
        return grad_query, grad_key, grad_value, None, None, None, None, None


def _for_each_query(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, one_kernel: bool
) -> Iterable[torch.Tensor]:
    groups = query.shape[2] // key.shape[2]
    if groups == 1:
        return key, value
    return repeated(key, value, groups) if one_kernel else (one.repeat_interleave(groups, 2) for one in (key, value))


def _sum(grad: torch.Tensor, groups: int) -> torch.Tensor:
    return grad.unflatten(2, (-1, groups)).sum(3)
