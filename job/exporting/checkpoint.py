"""The safetensors files of a base, read and written tensor by tensor, so that no more than one tensor is in memory."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from job.modeling.files import INDEX, WHOLE
from job.runs.progress import advance

NAMES = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64"}
FLOATS = {name: dtype for dtype, name in NAMES.items()}


@dataclass(frozen=True)
class Stored:
    """A tensor in a file."""

    key: str
    dtype: str
    """By the format's own name."""
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return torch.Size(self.shape).numel()

    @property
    def bytes(self) -> int:
        if self.dtype in FLOATS:
            return self.numbers * FLOATS[self.dtype].itemsize
        return self.numbers * (int(self.dtype[1:]) // 8 if self.dtype[1:].isdecimal() else 1)  # I64, U8; BOOL


def shards(folder: Path) -> dict[str, list[Stored]]:
    """File name -> its tensors, in the order in which they lie there."""
    index = folder / INDEX
    names = [WHOLE]
    if not (folder / WHOLE).exists():  # transformers looks for it first
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    return {name: _listed(folder / name) for name in names}


def _listed(path: Path) -> list[Stored]:
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    placed = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    return [Stored(key, facts["dtype"], tuple(facts["shape"])) for key, facts in placed]


def read(path: Path, keys: list[str]) -> Iterator[torch.Tensor]:
    with safe_open(path, "pt") as file:
        for key in keys:
            yield file.get_tensor(key)


def write(path: Path, header: list[Stored], tensors: Iterator[torch.Tensor]) -> None:
    """A safetensors file of these tensors, which come in the header's order. `save_file` would want all of them at once."""
    listed: dict[str, object] = {}
    place = 0
    for one in header:
        listed[one.key] = {"dtype": one.dtype, "shape": list(one.shape), "data_offsets": [place, place + one.bytes]}
        place += one.bytes
    text = json.dumps({"__metadata__": {"format": "pt"}, **listed}).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for one, tensor in zip(header, tensors, strict=True):
            data = tensor.contiguous().flatten().view(torch.uint8).numpy().data
            assert (tuple(tensor.shape), data.nbytes) == (one.shape, one.bytes), one
            file.write(data)
            advance("bytes", data.nbytes)


def write_index(folder: Path, files: dict[str, list[Stored]]) -> None:
    """Where there are several files."""
    if list(files) == [WHOLE]:
        return
    weights = {one.key: name for name, stored in files.items() for one in stored}
    size = sum((folder / name).stat().st_size for name in files)
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(weights.items()))}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")


def loaded_as(model: PreTrainedModel, keys: list[str]) -> dict[str, str]:
    """Key in the files -> name of the parameter that transformers makes of it. Without those that it makes one with others of,
    or splits. `model`: of the same architecture, on any device."""
    from transformers.conversion_mapping import get_model_conversion_mapping  # no public names (transformers 5.24)
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    transforms = get_model_conversion_mapping(model)
    renamings = [one for one in transforms if isinstance(one, WeightRenaming)]
    converters = [one for one in transforms if isinstance(one, WeightConverter)]
    known = model.state_dict()
    found = {}
    for key in sorted(keys):
        name, converted = rename_source_key(key, renamings, converters, model.base_model_prefix, known)
        if converted is None:
            found[key] = name
    return found
