"""The GPUs that the job may use, and which of its workers takes which."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

from job.errors import HostUnfit, SettingsError
from job.hosts.places import Place
from job.settings.fields import TrainSettings

CARDS: list[str] = []
"""As CUDA_VISIBLE_DEVICES names them, from before FINETUNE_TRAIN_DEVICES limited them. The first is this process's own."""


def visible_cards(environ: Mapping[str, str]) -> list[str]:
    """Those that the variable names; without it all that NVIDIA's driver shows in this container."""
    if (named := environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [one for name in named.split(",") if (one := name.strip())]
    return [str(number) for number in range(driver_count())]


def driver_count() -> int:
    """By NVML, which needs no CUDA context: torch would read the variable above, and never again. 0 without a driver."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return 0
    count = ctypes.c_uint(0)
    if library.nvmlInit_v2() != 0:
        return 0
    try:
        return count.value if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0 else 0
    finally:
        library.nvmlShutdown()


def workers_of(devices: int | str, batch_size: int, *, on_gpu: bool, cards: list[str] | None = None) -> list[str]:
    """CUDA_VISIBLE_DEVICES of each worker, the leader's first; empty texts on a CPU. `devices`: the setting.

    Raises HostUnfit (68) if there are fewer GPUs than asked for.
    """
    known = (CARDS if cards is None else cards) if on_gpu else []
    if not on_gpu:
        return [""] * (1 if devices == "auto" else int(devices))
    if devices == "auto":
        return known[:batch_size] or [""]
    if int(devices) > max(len(known), 1):
        raise HostUnfit(
            f"FINETUNE_TRAIN_DEVICES={devices} asks for more GPUs than the {len(known)} that this job sees"
            f"{' (' + ', '.join(known) + ')' if known else ''}.",
            remedy="Set FINETUNE_TRAIN_DEVICES=auto for all of them, or start the container with --gpus all; "
            "CUDA_VISIBLE_DEVICES limits them, too.",
        )
    return known[: int(devices)] or [""]


def require_rows(train: TrainSettings, place: Place | None) -> None:
    """Raises SettingsError (64) if a number of workers is asked for that is more than a step has rows."""
    if train.devices == "auto":
        return
    if place and place.local_rank is not None:
        workers, asked = place.processes, f"{place.processes} processes of {place.launcher}"
    elif place:
        workers = place.processes * int(train.devices)
        asked = f"{train.devices} on each of {place.processes} hosts"
    else:
        workers, asked = int(train.devices), str(train.devices)
    if workers > train.batch_size:
        raise SettingsError(
            [
                f"FINETUNE_TRAIN_DEVICES: {asked} are {workers} workers, more than the rows of a step "
                f"(FINETUNE_TRAIN_BATCH_SIZE={train.batch_size}); set the one lower or the other higher, or "
                "FINETUNE_TRAIN_DEVICES=auto, which takes as many as have rows"
            ]
        )


def cards_of(
    devices: int | str, batch_size: int, local_rank: int | None, *, on_gpu: bool, cards: list[str] | None = None
) -> list[str]:
    """The same where a launcher may have started this process for one GPU, `local_rank`: that one alone, or the one that it
    sees. Raises HostUnfit (68) if there is no such GPU."""
    known = CARDS if cards is None else cards
    if local_rank is None or not on_gpu:
        return workers_of(1 if local_rank is not None else devices, batch_size, on_gpu=on_gpu, cards=cards)
    if len(known) == 1:
        return known[:]
    if local_rank >= len(known):
        raise HostUnfit(
            f"This process is to use GPU {local_rank} of its host (LOCAL_RANK), but sees {len(known)}.",
            remedy="Start as many processes a host as it has GPUs (torchrun --nproc-per-node).",
        )
    return [known[local_rank]]


def workers_and_hosts(train: TrainSettings, place: Place | None, cards: list[str]) -> tuple[int, int]:
    """How many workers a run on GPUs has, and in how many processes that start them, if all see as many `cards`."""
    processes, local_rank = (place.processes, place.local_rank) if place else (1, None)
    own = len(cards_of(train.devices, train.batch_size, local_rank, on_gpu=True, cards=cards))
    workers = min(processes * own, train.batch_size) if train.devices == "auto" else processes * own
    return workers, -(-workers // own)
