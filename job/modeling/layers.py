"""Which modules of a base model are decoder layers and which are linear layers, by structure, not by name."""

from __future__ import annotations

import logging
import re
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.pytorch_utils import Conv1D

log = logging.getLogger("job.model")


def decoder_of(model: Any) -> Any:
    """The language model without its head: what gives the last hidden state. Some models answer with themselves (Llama 4),
    one with the head that it calls its decoder (ModernBERT)."""
    decoder = model.get_decoder()
    if decoder is model.get_output_embeddings():
        return model.base_model
    return decoder.base_model if decoder is not decoder.base_model else getattr(decoder, "model", decoder)


def decoder_layers(model: Any) -> list[Any]:
    """The decoder's layers that transformers can compute again in the backward pass, in their order.

    None where transformers' own switch for a layer, which has no documented name, is not there.
    """
    if not hasattr(GradientCheckpointingLayer, "gradient_checkpointing"):
        log.warning("transformers' layers have no switch gradient_checkpointing: no layer is computed again")
        return []
    return [module for module in decoder_of(model).modules() if isinstance(module, GradientCheckpointingLayer)]


def linear_layers(model: Any) -> dict[str, Any]:
    """Full name -> linear layer of the language model: quantized or not, the output head and routers of experts aside."""
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


def _chooses(name: str, model: Any) -> bool:
    """Whether a layer decides which experts or tokens are taken: a gate of one output, or part of a router or an indexer, which
    gets no gradient (DeepSeek V3.2)."""
    parts = name.split(".")[:-1]
    around = (type(model.get_submodule(".".join(parts[: depth + 1]))).__name__ for depth in range(len(parts)))
    return sizes_of(model.get_submodule(name))[1] == 1 or any(re.search("Router|Gating|Indexer", one) for one in around)


def _is_a_product(module: Any) -> bool:
    """Whether a linear layer gives one tensor, as an adapter needs it: some classes made of nn.Linear choose experts."""
    if isinstance(module, (Linear4bit, Conv1D)) or type(module).forward is torch.nn.Linear.forward:
        return True
    weight = module.weight
    try:
        with torch.no_grad():
            result = module(torch.zeros(1, module.in_features, device=weight.device, dtype=weight.dtype))
    except Exception:  # of a class that takes its input in groups (DeepSeek V4), or more than one
        return False
    return isinstance(result, torch.Tensor) and result.shape == (1, module.out_features)


def sizes_of(layer: Any) -> tuple[int, int]:
    """(in, out) of a linear layer, quantized or not."""
    if isinstance(layer, Conv1D):
        rows, columns = layer.weight.shape
        return int(rows), int(columns)
    return int(layer.in_features), int(layer.out_features)
