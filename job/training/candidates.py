"""train/candidates/: adapters as their LoRA tensors alone, among which the probe chooses.

The one with the lowest evaluation loss, and the newest others. A run that is killed and continued keeps the same ones.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

from peft import PeftModel
from safetensors.torch import load_file, save_file

from job.modeling.adapter_file import WEIGHTS, lora_tensors
from job.results import TrainedAdapter
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

log = logging.getLogger("job.train")
FACTS = "candidates.json"
Kept = list[dict[str, Any]]
"""Step, evaluation loss, and size and hash of the file, in the order of the steps."""


class Candidates:
    """`count`: how many are kept; with 1 the best alone."""

    def __init__(self, folder: Path, count: int = 1) -> None:
        self.folder, self.count = folder, count

    def kept(self) -> Kept:
        return _kept(read_sealed(self.folder / FACTS))

    def best(self) -> tuple[float, int]:
        """(evaluation loss, step); the loss is infinite if there is none yet."""
        return min(((one["eval_loss"], one["step"]) for one in self.kept()), default=(math.inf, 0))

    def path(self, step: int) -> Path:
        return self.folder / f"adapter-{step}.safetensors"

    def results(self, root: Path) -> list[TrainedAdapter]:
        """With paths relative to the run folder."""
        return [
            TrainedAdapter(
                step=one["step"],
                eval_loss=one["eval_loss"],
                path=self.path(one["step"]).relative_to(root).as_posix(),
            )
            for one in self.kept()
        ]

    def keep(self, model: PeftModel, eval_loss: float, step: int) -> None:
        """Keep this adapter if it is among those to keep. An evaluation that is repeated replaces what it gave before."""
        before = self.kept()
        new: dict[str, Any] = {"step": step, "eval_loss": eval_loss}
        if not any(one.items() >= new.items() for one in before):
            now = self._chosen([*(one for one in before if one["step"] != step), new])
            if new in now:
                self.folder.mkdir(exist_ok=True)
                save_file(lora_tensors(model), self.folder / "next.partial")
                place(self.folder / "next.partial", self.path(step))
                new["adapter"] = facts_of(self.path(step))
            if now != before:
                write_sealed(self.folder / FACTS, {"kept": now})
        paths = {self.path(one["step"]) for one in self.kept()}
        for old in self.folder.glob("*adapter-*.safetensors"):  # also one that was set aside; others' files stay
            if old not in paths:
                remove(old)

    def _chosen(self, among: Kept) -> Kept:
        best = min(among, key=lambda one: (one["eval_loss"], one["step"]))
        others = sorted((one for one in among if one is not best), key=lambda one: -one["step"])
        return sorted([best, *others[: self.count - 1]], key=lambda one: one["step"])

    def is_whole(self) -> bool:
        """Whether the files are those that were kept; also if none was kept yet."""
        return all(is_as_recorded(self.path(one["step"]), one["adapter"]) for one in self.kept())

    def recover(self, checkpoint: Path) -> bool:
        """Make sure of the candidates before a training continues from a whole checkpoint. False if one is lost.

        A broken file is made again from the checkpoint of its step, if that is still there and gives the very same bytes. If
        it does not, the candidates as of the checkpoint that the run continues from may be those that are still there.
        Candidates of later steps stay until their evaluation is repeated.
        """
        now = self.kept()
        then = _kept(open_sealed(checkpoint / FACTS)) if (checkpoint / FACTS).exists() else []
        if now and self._make_good(now, checkpoint.parent):
            return True
        if not then:  # no evaluation before it: whatever was kept since will be found again
            remove(self.folder)
            return True
        if not self._make_good(then, checkpoint.parent):
            return False
        write_sealed(self.folder / FACTS, {"kept": then})
        return True

    def _make_good(self, kept: Kept, folder: Path) -> bool:
        return all(self._make_one_good(one, folder) for one in kept)

    def _make_one_good(self, one: dict[str, Any], folder: Path) -> bool:
        path = self.path(one["step"])
        if is_as_recorded(path, one["adapter"]):
            return True
        source = folder / f"checkpoint-{one['step']}"
        if not checkpoints.is_whole(source):
            return False
        made = path.with_name("next.partial")
        self.folder.mkdir(exist_ok=True)
        save_file(load_file(source / WEIGHTS), made)
        settle(made)
        if not is_as_recorded(made, one["adapter"]):
            remove(made)
            return False
        if path.exists():
            set_aside(path)
        place(made, path)
        log.warning("stage=train broken=candidates/%s: made again from %s", path.name, source.name)
        return True


def _kept(sealed: dict[str, Any] | None) -> Kept:
    return list(sealed["kept"]) if sealed else []
