"""The layers that get an adapter, by the names that the base model gives them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from job.errors import SettingsError
from job.modeling.layers import linear_layers, sizes_of
from job.modeling.memory import Adapter


def _in_attention(name: str, model: PreTrainedModel) -> bool:
    """Whether a layer belongs to attention, by the class of a module around it."""
    parts = name.split(".")[:-1]
    around = (model.get_submodule(".".join(parts[: depth + 1])) for depth in range(len(parts)))
    return any("Attention" in type(module).__name__ for module in around if not _is_a_layer(module))


def _is_a_layer(module: torch.nn.Module) -> bool:
    """Whether this is a whole decoder layer: some are named after their attention, and hold a feed-forward part as well (Jamba,
    OLMo hybrid)."""
    return isinstance(module, GradientCheckpointingLayer) or "Layer" in type(module).__name__


def targets(model: PreTrainedModel, wanted: Sequence[str], base: str) -> dict[str, torch.nn.Module]:
    """Full name -> layer that gets an adapter. `wanted`: the words of FINETUNE_LORA_TARGETS.

    Raises SettingsError (64), with the names of the layers that the model has.
    """
    layers = linear_layers(model)
    if tuple(wanted) == ("all-linear",):
        return layers
    if tuple(wanted) == ("auto",):
        found = {name: layer for name, layer in layers.items() if _in_attention(name, model)}
        if not found:
            raise SettingsError(
                [
                    f"FINETUNE_LORA_TARGETS: auto finds no linear layer in the attention of {base}; name some of "
                    f"{_names(layers) or 'its layers (it has none)'}"
                ]
            )
        return found
    chosen = {name: layer for name, layer in layers.items() if any(_ends(name, one) for one in wanted)}
    head = model.get_output_embeddings()
    heads = [name for name, module in model.named_modules() if module is head]
    problems = []
    for one in wanted:
        if any(_ends(name, one) for name in layers):
            continue
        if any(_ends(name, one) for name in heads):
            problems.append(f"FINETUNE_LORA_TARGETS: {one} is the output head, which gets no adapter; leave it out")
        else:
            problems.append(
                f"FINETUNE_LORA_TARGETS: {base} has no layer {one}; it has {_names(layers)}; auto selects those of attention"
            )
    if problems:
        raise SettingsError(problems)
    return chosen


def _names(layers: dict[str, torch.nn.Module]) -> str:
    """For a message alone: of the 560 layers of a base of 70 billion parameters they take as long as all else here."""
    return ", ".join(sorted({_short(name, layers) for name in layers}))


def _ends(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def _short(name: str, layers: dict[str, torch.nn.Module]) -> str:
    """The last part of a layer's name, with the one before it where layers of several kinds share that (GPT-2's attn.c_proj and
    mlp.c_proj)."""
    last = name.rpartition(".")[2]
    parents = {other.split(".")[-2] for other in layers if other.rpartition(".")[2] == last and "." in other}
    return last if len(parents) < 2 else ".".join(name.split(".")[-2:])


def peft_names(chosen: dict[str, torch.nn.Module], model: PreTrainedModel) -> list[str]:
    """The shortest names with which peft finds the chosen layers and no others."""
    every = [name for name, _ in model.named_modules()]
    layers = linear_layers(model)
    for shorten in (lambda name: name.rpartition(".")[2], lambda name: _short(name, layers)):
        short = sorted({shorten(name) for name in chosen})
        if {name for name in every if any(_ends(name, one) for one in short)} == set(chosen):
            return short
    return sorted(chosen)


def shown(chosen: dict[str, torch.nn.Module], model: PreTrainedModel) -> list[str]:
    """Short names of the chosen layers, for people. peft may need longer ones: in Gemma 3 the vision part has a q_proj too."""
    layers = linear_layers(model)
    return sorted({_short(name, layers) for name in chosen})


def adapter_of(chosen: dict[str, torch.nn.Module], r: int) -> Adapter:
    """Sizes of a LoRA adapter of rank `r` on these layers."""
    inputs = {(name.rpartition(".")[0], sizes_of(layer)[0]) for name, layer in chosen.items()}
    sizes = [sizes_of(layer) for layer in chosen.values()]
    return Adapter(
        parameters=r * sum(sum(size) for size in sizes),
        inputs=sum(width for _, width in inputs),
        dropped=sum(size[0] for size in sizes),
    )
