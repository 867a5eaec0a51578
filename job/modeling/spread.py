"""Which GPU of this process holds which part of a base that one GPU does not hold.

One process loads it, with whole decoder layers on each card in their order: the embedding on the first, the head on the last.
accelerate's hooks move the hidden states from card to card, so a token crosses each border once, and no weight is moved. Knows
sizes and what is free; loads nothing, and knows nothing of what the model is asked.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from transformers import PreTrainedModel

from job.errors import MemoryExhausted
from job.modeling.architecture import Architecture
from job.modeling.files import BaseFiles
from job.modeling.layers import decoder_layers
from job.modeling.memory import GIB
from job.modeling.room import devices_of, room_bytes
from job.modeling.weights import packed_bytes

Parts = dict[str, int | str]
"""Name of a module -> its card, or `cpu`; empty for the whole model."""
WORKING_BYTES = GIB
"""Left free of weights on each card, at least: the largest weight in 16 bits while it is quantized (0.47 GB in Llama 3.1 70B),
and keys, values and logits of a row."""


@dataclass(frozen=True)
class Block:
    """What stays whole, by the name of its module."""

    name: str
    bytes: int
    beside: str = ""
    """The block whose weights are its own too (a head that is the embedding): it has to be on the same card."""


def blocks(model: PreTrainedModel, width: int) -> list[Block]:
    """All of a model on the meta device, in its order. `width`: bytes of a number that is not packed into 4 bits."""
    layers = {id(layer) for layer in decoder_layers(model)}
    holders: dict[int, str] = {}
    found = []
    for name, part in _parts(model, "", layers):
        tensors = dict(_tensors(part, width))
        beside = next((holders[one] for one in tensors if one in holders), "")
        found.append(Block(name, sum(size for one, size in tensors.items() if one not in holders), beside))
        holders |= {one: name for one in tensors if one not in holders}
    return found


def _parts(
    module: torch.nn.Module, name: str, layers: set[int]
) -> Iterator[tuple[str, torch.nn.Module | torch.Tensor]]:
    """Decoder layers, and beside them whatever holds none."""
    if id(module) in layers or not any(id(one) in layers for one in module.modules()):
        yield name, module
        return
    prefix = f"{name}." if name else ""
    for own, tensor in module.named_parameters(recurse=False):
        yield prefix + own, tensor
    for child, part in module.named_children():
        yield from _parts(part, prefix + child, layers)


def _tensors(part: torch.nn.Module | torch.Tensor, width: int) -> Iterator[tuple[int, int]]:
    """(identity, bytes) of each weight."""
    if isinstance(part, torch.Tensor):
        yield id(part), part.numel() * width
        return
    for module in part.modules():
        for name, tensor in module.named_parameters(recurse=False):
            if isinstance(module, Linear4bit) and name == "weight":
                yield id(tensor), packed_bytes(module.in_features * module.out_features)
            else:
                yield id(tensor), tensor.numel() * width


def placed(parts: Sequence[Block], room: Sequence[int]) -> dict[str, int] | None:
    """Block -> its card, rising, so that as much as possible stays free on the fullest: what is left there decides how many
    rows are answered at once. A card with less free than that gets nothing. None if they do not fit.

    `room`: bytes that the weights may take on each card. What has no weights stands with the first that has some.
    """
    found = _filled(parts, room, 0)
    if found is None:
        return None
    left, too_much = 0, max(room) + 1
    while too_much - left > 1:
        between = (left + too_much) // 2
        if (better := _filled(parts, room, between)) is None:
            too_much = between
        else:
            left, found = between, better
    return found


def _filled(parts: Sequence[Block], room: Sequence[int], left: int) -> dict[str, int] | None:
    """One card after the other, each until only `left` would be free."""
    cards: dict[str, int] = {}
    card, free = 0, room[0] - left
    for part in parts:
        if part.beside or not part.bytes:
            continue
        while part.bytes > free:
            card += 1
            if card == len(room):
                return None
            free = room[card] - left
        cards[part.name], free = card, free - part.bytes
    first = next(iter(cards.values()), 0)
    return {part.name: cards.get(part.beside or part.name, first) for part in parts}


# --- on this machine -------------------------------------------------------------------------------------------------


def one_card_holds(weight_bytes: int, working_bytes: int = WORKING_BYTES) -> bool:
    """Whether the first card has room for a model of this size, or there is no other. It looks at no other: that would take
    half a gigabyte of it, for a context of CUDA."""
    if not torch.cuda.is_available() or torch.cuda.device_count() == 1:
        return True
    return weight_bytes + working_bytes <= room_bytes(torch.device("cuda", 0))


def placement(files: BaseFiles, dtype: torch.dtype) -> Parts:
    """For transformers: the whole base on one device, or its parts on all cards that this process sees. Raises MemoryExhausted
    (62) if they have no room for it together."""
    if not torch.cuda.is_available():
        return {"": "cpu"}
    if torch.cuda.device_count() == 1:
        return {"": 0}
    base = Architecture.read(files.folder, files.name)
    needed, embedding = base.weight_bytes(dtype.itemsize), base.model.get_input_embeddings().weight.numel()
    working = max(WORKING_BYTES, embedding * dtype.itemsize)  # it is there twice while the vocabulary is extended
    if one_card_holds(needed, working):
        return {"": 0}
    room = [room_bytes(torch.device("cuda", card)) for card in range(torch.cuda.device_count())]
    found = placed(blocks(base.model, dtype.itemsize), [free - working for free in room])
    if found is None:
        each = ", ".join(f"{max(free, 0) / 1e9:.1f}" for free in room)
        raise MemoryExhausted(
            f"{files.name} takes {needed / 1e9:.1f} GB in 4 bits, and its layers do not fit the {len(room)} GPUs that this "
            f"process sees, which have room for {each} GB and keep {working / 1e9:.1f} GB each to work with.",
            remedy="End other processes on the GPUs (nvidia-smi lists them), give the job more of them "
            "(FINETUNE_TRAIN_DEVICES=auto, docker run --gpus all), or choose a smaller FINETUNE_MODEL_BASE.",
        )
    return {**found}


def is_on_the_first(parts: Parts) -> bool:
    return set(parts.values()) in ({0}, {"cpu"})


def is_spread(model: PreTrainedModel | PeftModel) -> bool:
    """Also where all of it is on one card that is not the first."""
    devices = devices_of(model)
    return len(devices) > 1 or bool(devices[0].index)


def empty(model: torch.nn.Module) -> None:
    """Its weights are gone, whoever still holds the model: another process needs their room."""
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            parameter.data, parameter.grad = parameter.data.new_empty(0), None
            if hasattr(parameter, "quant_state"):
                parameter.quant_state = None
        if isinstance(module, Linear4bit):
            module.quant_state = None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
