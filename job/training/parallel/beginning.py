"""How a training begins with other workers: how they hold the base, what they are told, and whether sharing steps pays."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from job.errors import MemoryExhausted, Stopped
from job.hosts.main_memory import beside
from job.modeling import sharding
from job.modeling.architecture import Architecture
from job.modeling.batching import Row
from job.modeling.files import BaseFiles
from job.modeling.memory import Held
from job.modeling.precision import DTYPES, choose_precision, weakest_capability
from job.modeling.room import usable_bytes
from job.parallel.others import Others
from job.parallel.team import Team
from job.results import Cleaned
from job.settings.fields import LoraSettings, ModelSettings, TrainSettings
from job.training.parallel.gain import measured, pays
from job.training.parallel.sharded import Sharing, own_device
from job.training.preparation import Prepared

log = logging.getLogger("job.train")
WORKER = "job.training.parallel.worker"
SMALLER = "train/smaller"
"""Marks that memory ran out in a start whose workers held the base together."""


def gathered(others: Others | None, cards: int, settings: TrainSettings) -> tuple[list[int], tuple[int, int] | None]:
    """How many workers each host starts, and the compute capability of the weakest GPU of all. `cards`: of this host.

    Raises HostUnfit (68) if a host does not come, or cannot compute what the others do.
    """
    own = weakest_capability()
    if not others:
        return [cards], own
    counts = others.counts(cards, settings.batch_size if settings.devices == "auto" else None)
    return counts, others.weakest(own, counts)


def held_by(
    files: BaseFiles,
    lora: LoraSettings,
    settings: TrainSettings,
    counts: Sequence[int],
    capability: tuple[int, int] | None,
) -> Held:
    """How each worker holds the base. `counts`: of workers, by host. `capability`: of the weakest GPU."""
    workers = sum(counts)
    if settings.shard == "full" and workers == 1:
        log.warning(
            "stage=train held=whole: FINETUNE_TRAIN_SHARD=full shares the base among workers, and this run has one"
        )
    if workers == 1 or settings.shard == "none":
        return "whole"
    if not torch.cuda.is_available():
        return "sharded" if settings.shard == "full" else "whole"
    base = Architecture.read(files.folder, files.name)
    precision = choose_precision(settings.precision, base.config.model_type, capability)
    hosts = sum(count > 0 for count in counts)
    width = DTYPES[precision.value].itemsize
    return sharding.Fit(base, settings, lora, workers, usable_bytes(), width, hosts, beside(counts[0] - 1)).held


@contextmanager
def smaller_next_time(marker: Path, *, halved: bool) -> Iterator[None]:
    """Workers that pass through one base together cannot try another cut while others wait. So where memory ran out, the next
    start begins with smaller micro-batches.

    Raises Stopped (75) the first time, after that MemoryExhausted (62).
    """
    try:
        yield
    except MemoryExhausted as error:
        if halved:
            raise
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        raise Stopped(f"{error} The next start begins with micro-batches of half the size.") from error


def prepared_together(team: Team, load: Callable[..., Prepared], held: Held) -> Prepared:
    team.meet(own_device())
    return team.together(lambda: load(sharing=Sharing.of(team.wire, team.hosts, held)))


def request_of(
    files: BaseFiles,
    cleaned: Cleaned,
    model: ModelSettings,
    lora: LoraSettings,
    settings: TrainSettings,
    root: Path,
    *,
    held: Held,
    halved: bool,
    capability: tuple[int, int] | None,
) -> dict[str, Any]:
    """What another worker needs to load the same base and rows."""
    return {
        "module": WORKER,
        "folder": str(files.folder),
        "name": files.name,
        "revision": files.revision,
        "model": model.model_dump(mode="json"),
        "lora": lora.model_dump(mode="json"),
        "train": settings.model_dump(mode="json"),
        "root": str(root.absolute()),
        "rows": cleaned.train_path,
        "eval_rows": cleaned.eval_path,
        "held": held,
        "halved": halved,
        "capability": capability,
    }


def team_pays(prepared: Prepared, rows: list[Row], workers: int) -> bool:
    alone, shared = measured(prepared.loaded.forward, prepared.step.memory_plan, rows, workers)
    prepared.step.memory_plan.forget_peak()
    found = pays(alone, shared)
    (log.info if found else log.warning)(
        "stage=train workers=%d step_seconds=%.3f share_seconds=%.3f%s",
        workers if found else 1,
        alone,
        shared,
        ""
        if found
        else f": a step of {len(rows)} rows is no shorter on {workers} GPUs, so one trains; a larger FINETUNE_TRAIN_BATCH_SIZE "
        "would use them",
    )
    return found
