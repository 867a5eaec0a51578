"""What a run needs of a machine with a named card: memory, disk, hours. From the settings and the files that are here alone.

`plan` knows more, with the base model's config and a sample of the rows, in seconds and from the Hub. A manifest has to be
there at once and offline, so this counts on the large side, with the rates of `plan`.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from job.errors import SettingsError
from job.hosts.disk import TEXT_PER_BYTE
from job.modeling.memory import GIB, RESERVE_SHARE, Held
from job.plan.cost import (
    CARDS,
    DOWNLOAD_BYTES_PER_SECOND,
    FORWARD_SHARE,
    HOST_SECONDS,
    RECOMPUTED,
    START_SECONDS,
    Card,
    kernel_ms,
)
from job.plan.parallel import Step, exchange_seconds, gather_seconds, largest_share, pays, rows_of, workers_of
from job.plan.rows import BYTES_PER_TOKEN
from job.settings.fields import Settings, TrainSettings
from job.settings.files import read_file
from job.settings.sources import Source
from job.training.intervals import EVALUATIONS

MARGIN = 3
"""Times the estimate: the rates of `plan` may be off by two, and waiting for a Hub or a volume comes on top."""
LEAST_HOURS = 2
SIZE = re.compile(r"(?:(\d+)x)?(?<![\d.])(\d+(?:\.\d+)?)([BM])(?![a-z])", re.IGNORECASE)
"""Of a base in its name: 3B, 0.5b, 135M, 8x7B."""
ASSUMED_PARAMETERS = 8_000_000_000
LEAST_BYTES = 0.5
"""Of a weight in 4 bits. What does not fit at that certainly does not fit."""
SCALE_BYTES = 4 / 64
"""Of a weight: a float32 for every 64."""
HOST_GIB, SHARD_GIB = 9, 5
"""Python, CUDA and the cleaning processes, and the largest file of weights, which is read in one piece."""
WORKER_GIB = 4
"""Python and CUDA of each further worker, which reads the weights as the first one does."""
LAYERS = 80
"""Of the largest bases, since a name says nothing of layers."""
GRADIENT_BYTES = 200e6
"""Of the default adapter on a base of 3 billion parameters it is 37 MB; with seven targets and on larger bases it is more."""
SYSTEM_GB = 65
"""Disk for the system, its drivers and the image, packed and unpacked."""
COPIES = 2
"""Of the weights in 16 bits: as they are downloaded, and where the run exports a merged model."""


@dataclass(frozen=True)
class Needs:
    memory_gib: int
    disk_gb: int
    max_hours: int
    """Memory and disk are of each host."""
    words: str = ""
    limit_words: str = ""
    """Where the numbers come from, for the user."""

    @property
    def memory_mib(self) -> int:
        """A little less than the GiB: a machine that is sold as 16 GB offers about 15,000 MiB to a job."""
        return 1000 * self.memory_gib


USUAL = Needs(memory_gib=14, disk_gb=80, max_hours=24)
"""Without a card: what a base of 3 billion parameters needs, on a machine with a T4 and 16 GB."""
SHARED_MIB = 1024
"""For /dev/shm, of which docker gives 64 MB. The job needs less; libraries that share memory among processes may need more. For
several GPUs NVIDIA's guide to NCCL asks for as much."""


def usual(gpus: int) -> Needs:
    return replace(USUAL, memory_gib=USUAL.memory_gib + (gpus - 1) * (WORKER_GIB + SHARD_GIB))


def needs_of(settings: Settings, name: str, gpus: int = 1, nodes: int = 1) -> Needs:
    """Raises SettingsError (64) if the base cannot fit the cards of a host."""
    card = next(card for card in CARDS if card.name == name)
    parameters, known = parameters_of(settings)
    shares = settings.train.shard != "none" and workers_of(gpus, settings.train) > 1
    room = card.memory_bytes * (gpus if shares else 1)
    if known and parameters * LEAST_BYTES > room:
        cards = f"{gpus} cards" if shares else "the card"
        raise SettingsError(
            [
                f"--gpu {name}: {settings.model.base} has about {parameters / 1e9:,.0f} billion parameters, "
                f"{parameters * LEAST_BYTES / GIB:,.0f} GiB in 4 bits, and {cards} {room / GIB:.1f} GiB; name a larger card, "
                "more of them in a host (--gpus; they share a base unless FINETUNE_TRAIN_SHARD=none), or a smaller base in "
                "FINETUNE_MODEL_BASE"
            ]
        )
    size = f"{parameters / 1e9:,.1f} billion" if parameters >= 1e8 else f"{parameters / 1e6:,.1f} million"
    size += " parameters" + ("" if known else ", assumed, since its name does not say")
    seconds = seconds_of(settings, card, parameters, gpus, nodes)
    if seconds is None:
        hours, why = USUAL.max_hours, "as always where the number of rows is unknown"
    else:
        hours = max(LEAST_HOURS, math.ceil(MARGIN * seconds / 3600))
        why = f"{MARGIN} times the estimate of {seconds / 3600:.1f} h, and at least {LEAST_HOURS} h"
    largest_gib = math.ceil(min(2 * parameters / GIB, SHARD_GIB))
    memory_gib = HOST_GIB + largest_gib + (gpus - 1) * (WORKER_GIB + largest_gib)
    if _is_shared(settings.train, card, parameters, gpus * nodes):  # then main memory reads it, and may keep the layers
        memory_gib += math.ceil(parameters * (LEAST_BYTES + SCALE_BYTES) / GIB)
    disk_gb = 10 * math.ceil((SYSTEM_GB + COPIES * 2 * parameters / 1e9) / 10)
    words = f"a base of {size}: {memory_gib} GiB of memory, {disk_gb} GB of disk"
    words += " each" if nodes > 1 else ""
    return Needs(memory_gib, disk_gb, hours, words, f"time limit {hours} h: {why}")


def parameters_of(settings: Settings) -> tuple[int, bool]:
    """Of the base, and whether that is more than an assumption: from the files of a folder, or from the name on the Hub."""
    if settings.model.is_local:
        folder = Path(settings.model.location)
        weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        return (weights // _width(folder), True) if weights else (ASSUMED_PARAMETERS, False)
    found = SIZE.findall(settings.model.base.rpartition("/")[2])
    if not found:
        return ASSUMED_PARAMETERS, False
    sizes = (int(experts or 1) * float(number) * (1e9 if unit in "bB" else 1e6) for experts, number, unit in found)
    return int(max(sizes)), True  # Qwen3-30B-A3B: of 30, a token uses 3


def _width(folder: Path) -> int:
    """Bytes of a weight in the files."""
    try:
        config = json.loads(read_file(folder / "config.json"))
    except (OSError, ValueError):
        return 2
    return 4 if "float32" in (config.get("dtype"), config.get("torch_dtype")) else 2


def tokens_of(settings: Settings) -> int | None:
    """The most that one epoch can have; None if the rows of a source are not known."""
    longest, rows = settings.train.max_tokens, settings.data.max_rows
    found = [_tokens(source, longest) for source in settings.data.sources]
    total = None if None in found else sum(tokens for tokens in found if tokens is not None)
    most = rows * longest if rows else None
    return min((tokens for tokens in (total, most) if tokens is not None), default=None)


def _tokens(source: Source, longest: int) -> int | None:
    wanted = source.rows * longest if source.rows else None
    if not source.is_local:
        return wanted
    files = source.list_files()
    text = sum(path.stat().st_size * TEXT_PER_BYTE.get(path.suffix, 1) for path in files) // BYTES_PER_TOKEN
    return min(text, wanted) if wanted is not None else text


def seconds_of(settings: Settings, card: Card, parameters: int, gpus: int = 1, nodes: int = 1) -> float | None:
    """As `plan` counts, with every layer recomputed, the longest rows and all the time that the probe may take."""
    tokens = tokens_of(settings)
    if tokens is None:
        return None
    each = kernel_ms(parameters, card, 4 if settings.train.precision == "float32" else 2) / 1e6
    step, alone = _steps(settings.train, card, RECOMPUTED["all"] * each, parameters, gpus, nodes)
    training = tokens * settings.train.epochs * RECOMPUTED["all"] * each * step.seconds / alone.seconds
    evaluations = (EVALUATIONS + 2) * tokens * settings.data.eval_fraction * FORWARD_SHARE * each / step.workers
    evaluations *= max(1.0, step.gathers / step.kernels)
    other = START_SECONDS + 2 * parameters / DOWNLOAD_BYTES_PER_SECOND + 60 * settings.probe.minutes
    return training + evaluations + other


def _is_shared(train: TrainSettings, card: Card, parameters: int, gpus: int) -> bool:
    """Whether workers share the base's layers, on the large side: a base that just fits a card leaves no room for a step."""
    if train.shard == "none" or workers_of(gpus, train) == 1:
        return False
    return train.shard == "full" or parameters * (LEAST_BYTES + SCALE_BYTES) > card.memory_bytes * (1 - RESERVE_SHARE)


def _steps(train: TrainSettings, card: Card, each: float, parameters: int, gpus: int, nodes: int) -> tuple[Step, Step]:
    """One with all GPUs, and one with a single GPU, which stands for both where sharing would not pay. `each`: seconds of a
    token. Workers that share layers gather them twice for each row, all of which are micro-batches of their own at worst."""
    kernels = each * train.batch_size * train.max_tokens
    alone = Step(1, train.batch_size, kernels, launching=0.0)
    workers = workers_of(gpus * nodes, train)
    rows, shared = rows_of(workers, train), _is_shared(train, card, parameters, gpus * nodes)
    held: Held = "offloaded" if shared else "whole"
    parts, apart = (min(gpus, workers), 1) if gpus > 1 else (workers, nodes)  # a host's workers share among themselves
    step = Step(
        workers,
        rows,
        kernels * largest_share((), workers, train.batch_size),
        HOST_SECONDS * LAYERS,
        exchange_seconds(GRADIENT_BYTES, card.name, workers, nodes),
        2 * rows * gather_seconds(parameters * LEAST_BYTES, held, card.name, parts, apart),
    )
    return (step, alone) if shared or pays(alone, step, train) else (alone, alone)
