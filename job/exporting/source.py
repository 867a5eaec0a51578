"""What every form is made from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import load_file

from job.modeling.adapter_file import WEIGHTS
from job.modeling.files import BaseFiles
from job.results import Cleaned, Said, Trained

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Source:
    files: BaseFiles
    adapter: Path
    """The folder of the chosen adapter."""
    cleaned: Cleaned
    trained: Trained
    said: list[Said]
    """Answers of the tuned model in the probe."""
    max_new_tokens: int
    repetition_penalty: float
    merge_into: str
    look: Callable[[], None] = lambda: None
    """Called between pieces of work; it raises what is to end them."""

    @property
    def has_embedding(self) -> bool:
        return "embedding" in self.trained.adapter_parts_bytes

    @property
    def computed(self) -> torch.dtype:
        """The dtype in which the base was loaded for training and probe."""
        return DTYPES[self.trained.precision.value]

    @cached_property
    def lora(self) -> dict[str, torch.Tensor]:
        """The adapter's LoRA tensors under their names in its file."""
        return {name: tensor for name, tensor in load_file(self.adapter / WEIGHTS).items() if ".lora_" in name}

    @cached_property
    def updates(self) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Module of the base -> A (r, in) and B (out, r), B with the adapter's scale."""
        config = json.loads((self.adapter / "adapter_config.json").read_text("utf-8"))
        scale = config["lora_alpha"] / config["r"]
        found = {}
        for name, down in self.lora.items():
            if name.endswith(".lora_A.weight"):
                module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
                up = self.lora[name.replace(".lora_A.", ".lora_B.")]
                found[module] = (down.float(), up.float() * scale)
        return found
