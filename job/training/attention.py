"""Optimization: exact attention within each row of a packed micro-batch, without padding and without a T x T mask.

Three kernels, one meaning: PyTorch's flash kernel from compute capability 8.0, its memory-efficient kernel below (the one
that runs on a T4), and on a CPU one call a row. All know causal attention, over the whole row or a sliding window of it, and
nothing else. So what each layer of a model asks for is surveyed first: one tiny forward pass in train mode collects the mask
that transformers would build and every argument that reaches attention, and a model that asks for anything beyond that
(chunks, capped logits, sinks, dropout, an argument not known here) is refused. No mask is built in training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface

from job.modeling.architecture import decoder_of

NAME = "lora_job_varlen"


def _operator(name: str) -> Any:
    """One of PyTorch's attention operators, which have no documented name; None where this version has it not."""
    return getattr(torch.ops.aten, name, None)


FLASH = _operator("_flash_attention_forward")
EFFICIENT = _operator("_efficient_attention_forward")
EFFICIENT_BACKWARD = _operator("_efficient_attention_backward")
CAUSAL_FROM_TOP_LEFT = 1
WHOLE_ROW = 0
"""In place of a window's size."""
SURVEYED_TOKENS = 5
SURVEYED_QUERIES = 64

UNKNOWN_TO_KERNELS = {
    "attn_logit_softcapping": "caps attention logits",
    "attn_temperature_tuning": "scales queries by their place in the whole sequence, which is not their place in the row",
}
"""What a config asks for that no argument of attention shows."""

HARMLESS = {
    *(
        "position_ids",
        "position_embeddings",
        "cache_position",
        "use_cache",
        "output_attentions",
        "output_hidden_states",
    ),
    *(
        "return_dict",
        "sliding_window",
        "scaling",
        "starts",
        "longest",
        "is_causal",
        "layer_idx",
        "output_router_logits",
    ),
}
"""Arguments that reach attention and do not change what a row sees: the window is taken from the mask itself."""


def install(model: Any, longest: int) -> Callable[[], None]:
    """Switch the model to packed attention for rows of up to `longest` tokens; returns what puts the old one back.

    Raises NotImplementedError for models whose attention is not one of those above.
    """
    if model.get_input_embeddings().weight.is_cuda and not (FLASH and EFFICIENT and EFFICIENT_BACKWARD):
        raise NotImplementedError(
            f"PyTorch {torch.__version__} has not the attention operators of the versions tested here"
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

    def undo() -> None:
        model.set_attn_implementation(before)
        for module in windows:
            del module.lora_job_window

    for module, window in windows.items():
        module.lora_job_window = window
    model.set_attn_implementation(NAME)
    return undo


class Survey:
    """What the layers of a model ask of attention, seen in one forward pass of a few tokens in train mode."""

    NAME = "lora_job_survey"

    def __init__(self, model: Any, longest: int) -> None:
        self.model = model
        self.longest = longest
        self.found: dict[Any, int] = {}

    def windows(self) -> dict[Any, int]:
        """Attention module -> window in tokens, or WHOLE_ROW. Raises NotImplementedError."""
        config = self.model.config.get_text_config()
        before, was_training = config._attn_implementation, self.model.training
        AttentionInterface.register(self.NAME, self._attend)
        AttentionMaskInterface.register(self.NAME, self._mask)
        device = self.model.get_input_embeddings().weight.device
        ids = torch.zeros(1, SURVEYED_TOKENS, dtype=torch.int64, device=device)
        positions = torch.arange(SURVEYED_TOKENS, device=device)[None]
        try:
            self.model.set_attn_implementation(self.NAME)
            self.model.train()
            with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
                passed = {"starts": positions[0], "longest": self.longest}
                decoder_of(self.model)(input_ids=ids, position_ids=positions, use_cache=False, **passed)
        finally:
            self.model.train(was_training)
            self.model.set_attn_implementation(before)
        layers = int(config.num_hidden_layers)
        if len(self.found) != layers:
            raise NotImplementedError(
                f"{len(self.found)} of {layers} layers call attention through transformers' interface"
            )
        return self.found

    def _mask(self, *, mask_function: Callable[..., torch.Tensor], **_: Any) -> int:
        return window_of(mask_function, self.longest)

    def _attend(
        self,
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: Any,
        dropout: float = 0.0,
        **others: Any,
    ) -> tuple[torch.Tensor, None]:
        if not isinstance(attention_mask, int):
            raise NotImplementedError("a layer's mask is not the one that transformers builds")
        if dropout:
            raise NotImplementedError(f"the model's config asks for attention dropout of {dropout:g}")
        if others.get("is_causal") is False or getattr(module, "is_causal", True) is False:
            raise NotImplementedError("a layer sees what comes after a token")
        if "starts" not in others or "longest" not in others:
            raise NotImplementedError("the model does not pass arguments on to attention")
        unknown = [name for name, given in others.items() if given is not None and name not in HARMLESS]
        if unknown:
            raise NotImplementedError(f"attention is asked for {', '.join(sorted(unknown))}")
        if key.shape[-1] != value.shape[-1]:
            raise NotImplementedError("keys and values are of different widths")
        self.found[module] = attention_mask
        groups = query.shape[1] // value.shape[1]
        return value.repeat_interleave(groups, 1).transpose(
            1, 2
        ), None  # of the right shape; its numbers are not looked at


def window_of(mask_function: Callable[..., torch.Tensor], longest: int) -> int:
    """The sliding window of one of transformers' mask functions, or WHOLE_ROW where a row of `longest` tokens is seen whole.

    Told from what the function answers, not from its name: for queries over the whole length, every key is asked for. Raises
    NotImplementedError where that is no causal attention over the row or a window of it.
    """
    zero = torch.zeros(1, dtype=torch.int64)
    queries = torch.linspace(0, longest - 1, min(longest, SURVEYED_QUERIES)).long()[:, None]
    keys = torch.arange(longest)[None]
    try:
        seen = mask_function(zero, zero, queries, keys).expand(len(queries), longest)
    except Exception as error:  # one that looks tokens up, or lives on another device
        raise NotImplementedError(
            f"the model's mask depends on more than positions: {error}".splitlines()[0]
        ) from error
    window = int(seen[-1].sum())
    if window == longest:
        window = WHOLE_ROW
    known = keys <= queries
    if window:
        known &= keys > queries - window
    if not torch.equal(seen.cpu(), known):
        raise NotImplementedError(
            "the model's mask is neither causal nor a sliding window (chunks, blocks or a prefix)"
        )
    return window


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
    """query (1, heads, T, D); key, value (1, key heads, T, D) -> (1, T, heads, D). The survey has refused all else."""
    if attention_mask is not None or dropout:
        raise NotImplementedError("the model asks attention for a mask or dropout")
    window: int = module.lora_job_window  # type: ignore[assignment]
    if window >= longest:
        window = WHOLE_ROW
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if torch.is_autocast_enabled(
        query.device.type
    ):  # as PyTorch's own attention does; these operators are not on its list
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
    return MemoryEfficient.apply(query, key, value, starts, longest, window or None, scale), None


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
        window: int | None,
        scale: float,
    ) -> torch.Tensor:
        groups = query.shape[2] // key.shape[2]
        output, logsumexp, seed, offset, _, _ = EFFICIENT(
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
            window_size=window,
        )
        ctx.save_for_backward(query, key, value, starts, output, logsumexp, seed, offset)
        ctx.longest, ctx.window, ctx.scale = longest, window, scale
        return output

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, starts, output, logsumexp, seed, offset = ctx.saved_tensors
        _, tokens, heads, width = query.shape
        kept = key.shape[2]
        groups = heads // kept
        grad_query, grad_key, grad_value, _ = EFFICIENT_BACKWARD(
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
            window_size=ctx.window,
        )
        shape = (1, tokens, kept, groups, width)
        return grad_query, grad_key.view(shape).sum(3), grad_value.view(shape).sum(3), None, None, None, None
