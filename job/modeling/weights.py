"""The weights of a base model by kind, and the share of them that can be held in 4 bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import torch
from bitsandbytes.nn import Linear4bit
from transformers import PreTrainedModel

from job.errors import SettingsError
from job.results import WeightCount

LEAST_QUANTIZED_SHARE = 0.9
FIRST = {"4-bit linear": 0, "linear": 1, "experts": 2, "embedding and head": 3, "norms and biases": 4}
"""Kinds of weights in the order in which they are shown."""
LINEAR = ("4-bit linear", "linear", "experts")


def _weights(model: PreTrainedModel) -> Iterator[tuple[str, str, int, str]]:
    """(kind, dtype, parameters, class of the module) of every tensor, a shared one once."""
    head, seen = model.get_output_embeddings(), set()
    for module in model.modules():
        for name, tensor in module.named_parameters(recurse=False):
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            owner, dtype = type(module).__name__, str(tensor.dtype).removeprefix("torch.")
            if isinstance(module, Linear4bit) and name == "weight":
                yield "4-bit linear", "nf4", module.in_features * module.out_features, owner
            elif module is head or isinstance(module, torch.nn.Embedding):
                yield "embedding and head", dtype, tensor.numel(), owner
            elif tensor.ndim == 2:
                yield "linear", dtype, tensor.numel(), owner
            elif tensor.ndim == 3 and not isinstance(module, torch.nn.Conv1d):
                yield "experts", dtype, tensor.numel(), owner
            else:  # vectors, and convolutions of a vision tower
                yield "norms and biases", dtype, tensor.numel(), owner


def count_weights(model: PreTrainedModel) -> list[WeightCount]:
    """Parameters of the base by kind and dtype, loaded or on the meta device."""
    counted: Counter[tuple[str, str]] = Counter()
    for kind, dtype, parameters, _ in _weights(model):
        counted[kind, dtype] += parameters
    return [
        WeightCount(kind=kind, dtype=dtype, parameters=parameters)
        for (kind, dtype), parameters in sorted(counted.items(), key=lambda item: (FIRST[item[0][0]], item[0][1]))
    ]


def packed_bytes(numbers: int) -> int:
    """4 bits for each, and a float32 scale for every 64: a little more than double quantization takes."""
    return int(numbers * (0.5 + 4 / 64))


def quantized_share(model: PreTrainedModel) -> float:
    """The share of the linear weights in 4 bits, with experts, without embedding and head."""
    counts = count_weights(model)
    linear = sum(count.parameters for count in counts if count.kind in LINEAR)
    return sum(count.parameters for count in counts if count.kind == "4-bit linear") / linear if linear else 0.0


def require_quantized(model: PreTrainedModel, base: str, *, allowed: bool) -> None:
    """Raises SettingsError (64) if less than nine tenths of the linear weights are in 4 bits, unless that is `allowed`."""
    share = quantized_share(model)
    if allowed or share >= LEAST_QUANTIZED_SHARE:
        return
    left: Counter[str] = Counter()
    for kind, _, parameters, owner in _weights(model):
        if kind in ("linear", "experts"):
            left[owner] += parameters
    worst = ", ".join(f"{owner} {in_words(count)}" for owner, count in left.most_common(2))
    raise SettingsError(
        [
            f"FINETUNE_MODEL_BASE: only {share:.0%} of the linear weights of {base} can be held in 4 bits; {worst} stay in 16 "
            f"bits and take {in_words(2 * left.total())}B of memory, because transformers' bitsandbytes integration quantizes "
            "only nn.Linear and Conv1D, not fused experts or other classes. Choose another base model, or set "
            "FINETUNE_MODEL_ALLOW_UNQUANTIZED=true if that fits the GPU"
        ]
    )


def in_words(count: float) -> str:
    """1_230_000_000 as 1.23 G."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} "
