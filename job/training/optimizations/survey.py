"""What a base model needs of attention: a sliding window, the whole row, or something that no kernel here can give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from job.modeling.layers import decoder_of

WHOLE_ROW = 0
"""Stands for a window's size where there is no window."""
SURVEYED_TOKENS = 5
SURVEYED_QUERIES = 64
UNKNOWN_TO_KERNELS = {
    "attn_logit_softcapping": "caps attention logits",
    "attn_temperature_tuning": "scales queries by their place in the packed sequence, which is not their place in the row",
}
"""Settings of a config that no argument of attention shows."""
HARMLESS = {
    *("position_ids", "position_embeddings", "cache_position", "use_cache", "output_attentions"),
    *("output_hidden_states", "return_dict", "sliding_window", "scaling", "starts", "longest", "is_causal"),
    *("layer_idx", "output_router_logits"),
}
"""Arguments that reach attention and do not change what a row sees: the window is taken from the mask itself."""


class Survey:
    """What the layers of a model pass to attention, seen in one forward pass of a few tokens in train mode."""

    NAME = "lora_job_survey"

    def __init__(self, model: PreTrainedModel, longest: int) -> None:
        self.model = model
        self.longest = longest
        self.found: dict[torch.nn.Module, int] = {}

    def windows(self) -> dict[torch.nn.Module, int]:
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
            raise NotImplementedError(f"the model's config has attention dropout of {dropout:g}")
        if others.get("is_causal") is False or getattr(module, "is_causal", True) is False:
            raise NotImplementedError("a layer sees what comes after a token")
        if "starts" not in others or "longest" not in others:
            raise NotImplementedError("the model does not pass arguments on to attention")
        unknown = [name for name, given in others.items() if given is not None and name not in HARMLESS]
        if unknown:
            raise NotImplementedError(f"attention gets {', '.join(sorted(unknown))}, which no kernel here knows")
        if key.shape[-1] != value.shape[-1]:
            raise NotImplementedError("keys and values are of different widths")
        self.found[module] = attention_mask
        groups = query.shape[1] // value.shape[1]
        # only the shape matters, not the numbers
        return value.repeat_interleave(groups, 1).transpose(1, 2), None


def window_of(mask_function: Callable[..., torch.Tensor], longest: int) -> int:
    """The sliding window of one of transformers' mask functions, or WHOLE_ROW where a row of `longest` tokens is seen whole.

    Found by what the function returns, not by its name: for queries over the whole length it is called with every key. Raises
    NotImplementedError for anything but causal attention over the row or a window of it.
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
