"""train/best/: the adapter with the lowest evaluation loss so far, as its LoRA tensors alone."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

from peft import PeftModel
from safetensors.torch import load_file, save_file

from job.runs.files import (
    facts_of,
    is_as_recorded,
    open_sealed,
    place,
    read_sealed,
    remove,
    set_aside,
    settle,
    write_sealed,
)
from job.training import checkpoints
from job.training.adapter import WEIGHTS, lora_tensors

log = logging.getLogger("job.train")
FACTS = "best.json"


class BestAdapter:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def found(self) -> tuple[float, int]:
        """(evaluation loss, step); the loss is infinite if there is none yet."""
        best = read_sealed(self.folder / FACTS)
        return (best["eval_loss"], best["step"]) if best else (math.inf, 0)

    def path(self, step: int) -> Path:
        return self.folder / f"adapter-{step}.safetensors"

    def keep(self, model: PeftModel, eval_loss: float, step: int) -> None:
        """Keep this adapter in place of the one before, if its loss is lower."""
        if eval_loss >= self.found()[0]:
            return
        self.folder.mkdir(exist_ok=True)
        path = self.path(step)
        save_file(lora_tensors(model), self.folder / "next.partial")
        place(self.folder / "next.partial", path)
        write_sealed(self.folder / FACTS, {"eval_loss": eval_loss, "step": step, "adapter": facts_of(path)})
        for old in self.folder.glob("*adapter-*.safetensors"):  # also one that was set aside; others' files stay
            if old != path:
                remove(old)

    def is_whole(self) -> bool:
        """Whether the file is the one that was kept; also if none was kept yet."""
        best = read_sealed(self.folder / FACTS)
        return best is None or is_as_recorded(self.path(best["step"]), best["adapter"])

    def recover(self, checkpoint: Path) -> bool:
        """Make sure of the best adapter before a training continues from a whole checkpoint. False if it is lost.

        A broken file is made again from the checkpoint of its step, if that is still there and gives the very same bytes. If
        it does not, the best adapter as of the checkpoint that the run continues from may be the one that is still there.
        """
        now = read_sealed(self.folder / FACTS)
        at_checkpoint = open_sealed(checkpoint / FACTS) if (checkpoint / FACTS).exists() else None
        if now and self._make_good(now, checkpoint.parent):
            return True
        if at_checkpoint is None:  # no evaluation before it: whatever was kept since will be found again
            remove(self.folder)
            return True
        if not self._make_good(at_checkpoint, checkpoint.parent):
            return False
        write_sealed(self.folder / FACTS, at_checkpoint)
        return True

    def _make_good(self, best: dict[str, Any], folder: Path) -> bool:
        path = self.path(best["step"])
        if is_as_recorded(path, best["adapter"]):
            return True
        source = folder / f"checkpoint-{best['step']}"
        if not checkpoints.is_whole(source):
            return False
        made = path.with_name("next.partial")
        self.folder.mkdir(exist_ok=True)
        save_file(load_file(source / WEIGHTS), made)
        settle(made)
        if not is_as_recorded(made, best["adapter"]):
            remove(made)
            return False
        if path.exists():
            set_aside(path)
        place(made, path)
        log.warning("stage=train broken=best/%s: made again from %s", path.name, source.name)
        return True
