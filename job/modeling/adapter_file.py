"""The file of an adapter: its LoRA tensors, and beside them the embedding where that is saved too."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import torch
from peft import PeftModel
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from job.runs.files import remove

WEIGHTS = "adapter_model.safetensors"


def lora_tensors(model: PeftModel) -> dict[str, torch.Tensor]:
    """The adapter's own tensors under their file names, without any embedding."""
    tensors = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def is_untrained(model: PeftModel) -> bool:
    """Whether every B is zero, as it begins: the model computes what the base does."""
    return not any(bool(tensor.count_nonzero()) for name, tensor in lora_tensors(model).items() if "lora_B" in name)


def load_lora_tensors(model: PeftModel, path: Path) -> None:
    set_peft_model_state_dict(model, load_file(path))


def write_weights(tensors: dict[str, torch.Tensor], folder: Path) -> None:
    """The same tensors give the same bytes."""
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def copy_adapter(source: Path, names: Iterable[str], target: Path) -> None:
    """These files of a saved adapter. The weights become a hard link where the file system has such: they may be a gigabyte."""
    remove(target)
    target.mkdir(parents=True)
    for name in names:
        if name != WEIGHTS:
            shutil.copyfile(source / name, target / name)
            continue
        try:
            (target / name).hardlink_to(source / name)
        except OSError:
            shutil.copyfile(source / name, target / name)


def swap_lora_tensors(folder: Path, path: Path) -> None:
    """Put the LoRA tensors in the file `path` in the place of a saved adapter's own; an embedding stays. The old file is not
    written to, which may have another link.

    Raises ValueError if the two differ in a name or a shape.
    """
    tensors, own = load_file(path), load_file(folder / WEIGHTS)
    fitting = all(name in own and own[name].shape == tensor.shape for name, tensor in tensors.items())
    if not fitting or any("lora_" in name for name in own.keys() - tensors.keys()):
        raise ValueError(f"{path.name} is no other state of the adapter in {folder}")
    (folder / WEIGHTS).unlink()
    write_weights({**own, **tensors}, folder)
