"""train/best/: the adapter with the lowest evaluation loss so far, as its LoRA tensors alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

from peft import PeftModel
from safetensors.torch import save_file

from job.runs.folder import write_json
from job.training.adapter import lora_tensors


class BestAdapter:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def found(self) -> tuple[float, int]:
        """(evaluation loss, step); the loss is infinite if there is none yet."""
        try:
            facts = json.loads((self.folder / "best.json").read_text("utf-8"))
            return float(facts["eval_loss"]), int(facts["step"])
        except (OSError, ValueError, KeyError):
            return math.inf, 0

    def path(self, step: int) -> Path:
        return self.folder / f"adapter-{step}.safetensors"

    def keep(self, model: PeftModel, eval_loss: float, step: int) -> None:
        """Keep this adapter in place of the one before, if its loss is lower."""
        if eval_loss >= self.found()[0]:
            return
        self.folder.mkdir(exist_ok=True)
        path = self.path(step)
        save_file(lora_tensors(model), self.folder / "next.safetensors")
        (self.folder / "next.safetensors").replace(path)
        write_json(self.folder / "best.json", {"eval_loss": eval_loss, "step": step, "file": path.name})
        for old in self.folder.glob("adapter-*.safetensors"):
            if old != path:
                old.unlink()
