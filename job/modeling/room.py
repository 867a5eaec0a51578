"""Memory that is free now, and what an answer takes of it."""

from __future__ import annotations

from collections import Counter

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from job.hosts.main_memory import main_memory_bytes
from job.modeling.decoding import PIECE_TOKENS
from job.modeling.memory import RESERVE_SHARE, Shapes
from job.modeling.prediction import shapes_of


def devices_of(model: PreTrainedModel | PeftModel) -> list[torch.device]:
    """Those that hold the model's parts, in their order: one, or the cards that it is spread over."""
    parts: dict[str, int | str | torch.device] = getattr(model, "hf_device_map", None) or {}
    return list(dict.fromkeys(map(torch.device, parts.values()))) or [model.device]


def usable_bytes(device: torch.device | None = None) -> int:
    """What this process may reserve on the card, the first without a name: free memory and its own, less the reserve."""
    free, total = torch.cuda.mem_get_info(device)
    allowed = torch.cuda.memory.get_per_process_memory_fraction(device) * total
    return int(min(free + torch.cuda.memory_reserved(device), allowed) - RESERVE_SHARE * min(total, allowed))


def room_bytes(*devices: torch.device) -> int:
    """What new tensors may take on each of these cards; or half of the free main memory, which others need, too."""
    return min(map(_room, devices))


def _room(device: torch.device) -> int:
    if device.type == "cuda":
        return usable_bytes(device) - torch.cuda.memory_allocated(device)
    return main_memory_bytes() // 2


def answer_bytes(model: PreTrainedModel) -> tuple[int, int, int] | None:
    """(for each token of a row, for each row, once): keys and values, logits, a layer's states of a piece of prompts. None if
    the config does not name its sizes. Of layers with a window it is the most that they can take. Of a model that is spread,
    the keys and values on the card with most layers; logits are on two."""
    shapes = _shapes(model)
    if shapes is None:
        return None
    width = model.get_input_embeddings().weight.element_size()
    states = 3 * shapes.inner + 4 * shapes.hidden + 2 * (shapes.query + shapes.keys)
    # logits as the head gives them, in float32, and once more where a penalty changes them
    return (
        2 * _layers_together(model, shapes.layers) * shapes.keys * width,
        shapes.vocabulary * (width + 8),
        PIECE_TOKENS["cuda"] * states * width,
    )


def loss_token_bytes(model: PreTrainedModel) -> int | None:
    """For each token of a batch of rows without a backward pass: logits, and a layer's states; None as above."""
    shapes = _shapes(model)
    if shapes is None:
        return None
    width: int = model.get_input_embeddings().weight.element_size()
    return width * (shapes.vocabulary + 3 * shapes.inner + 4 * shapes.hidden + 2 * (shapes.query + shapes.keys))


def _layers_together(model: PreTrainedModel, layers: int) -> int:
    """On the card that has most of them; a layer is known by its number."""
    parts: dict[str, int | str | torch.device] = getattr(model, "hf_device_map", None) or {}
    counts = Counter(device for name, device in parts.items() if name.rpartition(".")[2].isdecimal())
    return max(counts.values(), default=layers)


def _shapes(model: PreTrainedModel) -> Shapes | None:
    try:
        return shapes_of(model.config.get_text_config())
    except RuntimeError:  # transformers', for a size that differs between layers (Gemma 4)
        return None
