"""Which modules of a base model are decoder layers and which are linear layers, by structure, not by name."""

from __future__ import annotations

import logging
import re
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.pytorch_utils import Conv1D

log = logging.getLogger("job.model")


def decoder_of(model: PreTrainedModel) -> torch.nn.Module:
    """The language model without its head; it returns the last hidden state. Some models' `get_decoder` returns the model
    itself (Llama 4); ModernBERT's returns the head, which it calls its decoder."""
    decoder: Any = model.get_decoder()
    found: torch.nn.Module
    if decoder is model.get_output_embeddings():
        found = model.base_model
    elif decoder is not decoder.base_model:
        found = decoder.base_model
    else:
        found = getattr(decoder, "model", decoder)
    return found


def decoder_layers(model: PreTrainedModel) -> list[GradientCheckpointingLayer]:
    """The decoder's layers that transformers can recompute in the backward pass, in their order.

    Empty if transformers lacks its own, undocumented switch for a layer.
    """
    if not hasattr(GradientCheckpointingLayer, "gradient_checkpointing"):
        log.warning("missing=gradient_checkpointing: transformers' layers lack this switch, so no layer is recomputed")
        return []
    return [module for module in decoder_of(model).modules() if isinstance(module, GradientCheckpointingLayer)]


def linear_layers(model: PreTrainedModel) -> dict[str, torch.nn.Module]:
    """Full name -> linear layer of the language model, quantized or not, without the output head and routers of experts."""
    decoder, head = decoder_of(model), model.get_output_embeddings()
    inside = {id(module) for module in decoder.modules()}
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Linear, Conv1D))
        and module is not head
        and id(module) in inside
        and _is_a_product(module)
        and not _chooses(name, model)
    }


def _chooses(name: str, model: PreTrainedModel) -> bool:
    """Whether a layer selects experts or tokens: a gate of one output, or part of a router or an indexer, which gets no
    gradient (DeepSeek V3.2)."""
    parts = name.split(".")[:-1]
    around = (type(model.get_submodule(".".join(parts[: depth + 1]))).__name__ for depth in range(len(parts)))
    return sizes_of(model.get_submodule(name))[1] == 1 or any(re.search("Router|Gating|Indexer", one) for one in around)


def _is_a_product(module: torch.nn.Linear) -> bool:
    """Whether a linear layer gives one tensor, as an adapter needs it: some subclasses of nn.Linear choose experts."""
    if isinstance(module, (Linear4bit, Conv1D)) or type(module).forward is torch.nn.Linear.forward:
        return True
    weight = module.weight
    try:
        with torch.no_grad():
            result = module(torch.zeros(1, module.in_features, device=weight.device, dtype=weight.dtype))
    except Exception:  # a class that takes its input in groups (DeepSeek V4), or more than one input
        return False
    return isinstance(result, torch.Tensor) and result.shape == (1, module.out_features)


def sizes_of(layer: Any) -> tuple[int, int]:
    """(in, out) of a linear layer, quantized or not."""
    if isinstance(layer, Conv1D):
        rows, columns = layer.weight.shape
        return int(rows), int(columns)
    return int(layer.in_features), int(layer.out_features)
