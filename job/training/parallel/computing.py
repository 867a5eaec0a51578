"""What leader and workers compute alike: gradients and losses of rows, cut by the memory of their own card."""

from __future__ import annotations

import hashlib
import logging
import os
from array import array
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from job.modeling.batching import Row, cut
from job.training.forward import Forward
from job.training.graphs import ReplayFailed
from job.training.memory_plan import MemoryPlan
from job.training.parallel.lockstep import FILLER, out_of_memory
from job.training.preparation import Prepared
from job.training.random_states import RandomStates

log = logging.getLogger("job.train")


def facts(prepared: Prepared, rows: Sequence[Row], eval_rows: Sequence[Row]) -> dict[str, Any]:
    """What must be the same for all workers, or their sum is no gradient."""
    loaded = prepared.loaded
    return {
        "precision": prepared.precision.value,
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")},
        "base": loaded.files.revision,
        "config.json": hashlib.sha256((loaded.files.folder / "config.json").read_bytes()).hexdigest()[:12],
        "weights": _weights(loaded.files.folder),
        "parameters": loaded.trainable_parameters,
        "vocabulary": loaded.forward.vocabulary_rows,
        "rows": [len(rows), len(eval_rows)],
        "tokens": sum(len(row.ids) for row in rows),
        "ids": _ids([*rows, *eval_rows]),
        "learned": sum(row.targets for row in rows),
    }


def _ids(rows: Sequence[Row]) -> str:
    """Of the tokens themselves: another tokenizer may make as many of the same texts."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(array("q", row.ids).tobytes())
    return digest.hexdigest()[:12]


def _weights(folder: Path) -> str:
    """Of a base in a folder, which has no commit: each host may hold another one. Its ends are enough: names and shapes, and
    values of the first and the last tensor."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(f"{path.name} {path.stat().st_size}".encode() + file.read(2**20))
            file.seek(-min(2**20, path.stat().st_size), os.SEEK_END)
            digest.update(file.read())
    return digest.hexdigest()[:12]


def gradients_of(
    forward: Forward,
    memory_plan: MemoryPlan,
    rows: Sequence[Row],
    learned: int,
    *,
    backward: Callable[[torch.Tensor], object],
    between: Callable[[], object] = lambda: None,
    step: int = 0,
) -> torch.Tensor:
    """Add the gradients of the summed loss of `rows` over `learned` to the parameters; returns that loss.

    `between` is called before each micro-batch. Where memory runs out, the rows begin again with the next candidate and the
    same random numbers; where a graph fails, without graphs. Raises MemoryExhausted (62).
    """
    random_states = RandomStates()
    forward.model.train()
    while True:
        failed, largest = "", 0
        try:
            total = torch.zeros((), device=forward.device)
            micro_batches = forward.cut(rows, memory_plan.candidate.tokens)
            fillers = forward.fillers(len(micro_batches))
            largest = max((sum(len(row.ids) for row in some) for some in micro_batches), default=0)
            for micro_batch in micro_batches:
                between()
                loss = forward.loss_sum(micro_batch) / learned
                backward(loss)
                total += loss.detach()
            for _ in range(fillers):
                backward(forward.loss_sum([FILLER]) * 0.0)
            return total
        except torch.OutOfMemoryError as error:
            out_of_memory(error, forward.lockstep)
            log.warning("stage=train step=%d out_of_memory=%r", step, str(error).partition(". ")[0])
        except ReplayFailed as error:
            failed = str(error)
        # Only here: the traceback has gone by now, and with it the failed step's tensors.
        forward.model.zero_grad(set_to_none=True)
        random_states.restore()
        if failed and forward.graphs:
            forward.graphs.close(failed)
            continue
        memory_plan.fall_back(step=step, peak=torch.cuda.max_memory_reserved(), largest=largest)


def losses_of(
    forward: Forward,
    memory_plan: MemoryPlan,
    rows: Sequence[Row],
    *,
    between: Callable[[], object] = lambda: None,
    step: int = 0,
) -> list[float]:
    """The summed loss of each row, in batches of like lengths. Where memory runs out it begins again with smaller ones."""
    while True:
        try:
            return _losses(forward, rows, memory_plan.candidate.tokens, between)
        except torch.OutOfMemoryError as error:
            out_of_memory(error, forward.lockstep)
            log.warning("stage=train evaluation=repeated step=%d out_of_memory=%r", step, str(error).partition(". ")[0])
        memory_plan.fall_back(step=step, peak=torch.cuda.max_memory_reserved())


def _losses(forward: Forward, rows: Sequence[Row], budget: int, between: Callable[[], object]) -> list[float]:
    forward.model.eval()
    found: list[tuple[list[int], torch.Tensor]] = []
    batches = cut([len(row.ids) for row in rows], budget, padded=True)
    fillers = forward.fillers(len(batches))
    for numbers in batches:
        between()
        found.append((numbers, forward.row_sums([rows[number] for number in numbers])))
    for _ in range(fillers):
        forward.row_sums([FILLER])
    sums = [0.0] * len(rows)
    if found:  # only now, and at once: it is a wait for the card
        places = [number for numbers, _ in found for number in numbers]
        for number, total in zip(places, torch.cat([some for _, some in found]).tolist(), strict=True):
            sums[number] = total
    return sums
