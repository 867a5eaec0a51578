"""The arithmetic of a merge: which weights of the base change, and into what. Knows no files."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from bitsandbytes.nn import Linear4bit
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from job.exporting.source import Source

TOLERANCE = 0.05
"""Of the update's share, beside what rounding does to it."""


@dataclass(frozen=True)
class Weight:
    """A weight of the base that is not only copied."""

    module: str
    shape: tuple[int, int]
    """(out, in)."""
    transposed: bool
    """Stored as (in, out)."""
    quantized: bool
    """In 4 bits where the adapter was trained."""


def changed_weights(source: Source, model: PreTrainedModel) -> dict[str, Weight]:
    """Parameter -> how it changes: the weights with an update, and where the dequantized ones are asked for all that were in 4
    bits. `model`: the base on the meta device, its layers replaced as for training."""
    found = {}
    for name, module in model.named_modules():
        four_bit = isinstance(module, Linear4bit)
        if name in source.updates or (four_bit and source.merge_into == "dequantized"):
            if four_bit:
                shape = (module.out_features, module.in_features)
                transposed = issubclass(getattr(module, "source_cls", torch.nn.Linear), Conv1D)
            else:
                transposed = isinstance(module, Conv1D)
                rows, columns = module.weight.shape
                shape = (columns, rows) if transposed else (rows, columns)
            found[f"{name}.weight"] = Weight(name, shape, transposed, four_bit)
    if missing := source.updates.keys() - {weight.module for weight in found.values()}:
        raise ValueError(f"the base has no {', '.join(sorted(missing)[:3])}")
    for weight in found.values():
        if weight.module in source.updates:
            down, up = source.updates[weight.module]
            if (up.shape[0], down.shape[1]) != weight.shape:
                raise ValueError(f"{weight.module} is {weight.shape}, its update ({up.shape[0]}, {down.shape[1]})")
    return found


@torch.no_grad()
def base_weight(source: Source, weight: Weight, stored: torch.Tensor) -> torch.Tensor:
    """(out, in) in float32: the published weight, or what 4 bits leave of it."""
    plain = stored.T if weight.transposed else stored
    if weight.quantized and source.merge_into == "dequantized":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        plain = plain.to(device, source.computed).contiguous()
        data, state = quantize_4bit(plain, blocksize=64, compress_statistics=True, quant_type="nf4")
        plain = dequantize_4bit(data, state)
    return plain.to("cpu", torch.float32)


@torch.no_grad()
def merged_weight(source: Source, weight: Weight, stored: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """As it is stored: the base's weight, the update added in float32, rounded once."""
    found = base_weight(source, weight, stored)
    if weight.module in source.updates:
        down, up = source.updates[weight.module]
        found = torch.addmm(found, up, down)
    found = found.to(dtype)
    return found.T.contiguous() if weight.transposed else found


@torch.no_grad()
def update_share(
    source: Source, weight: Weight, stored: torch.Tensor, merged: torch.Tensor | None
) -> tuple[float, float]:
    """How much of the update lies between the base's weight and the merged one, as a projection: 1 where it was merged, 0 where
    it was left out, -1 where its sign is wrong. And by how much rounding may change that.

    Rounding to 16 bits may change each number by more than the update does, and hardly changes the mean over all of them.
    """
    down, up = source.updates[weight.module]
    update = up @ down
    size = float(update.norm())
    if merged is None or merged.numel() != update.numel():
        return 0.0, TOLERANCE
    if not size:
        return 1.0, TOLERANCE
    plain = base_weight(source, weight, stored)
    change = (merged.T if weight.transposed else merged).to(torch.float32, copy=True).sub_(plain)
    rounding = torch.finfo(merged.dtype).eps * float(plain.norm()) / plain.numel() ** 0.5
    return float(change.mul_(update).sum()) / size**2, TOLERANCE + 3 * rounding / size
