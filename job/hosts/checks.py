"""The machine, and what is checked on it before any download or long work: GPU, driver, memory, disk.

Writes nothing, on the machine or on the Hub.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from huggingface_hub import constants, try_to_load_from_cache

from job import __version__
from job.errors import HostUnfit
from job.hosts.ahead import read_ahead
from job.hosts.cards import CARDS, cards_of, workers_and_hosts
from job.hosts.disk import RECORDS_BYTES, cleaning_bytes, present_bytes, require_space
from job.hosts.hub import cache_unusable
from job.hosts.libraries import gpu_wanted, usable_cpus
from job.hosts.main_memory import beside, require_room_for
from job.hosts.places import Place
from job.modeling import early
from job.modeling.architecture import Architecture, require_layers_to_share
from job.modeling.files import listed_weights, weight_files
from job.modeling.memory import GIB, RESERVE_SHARE
from job.modeling.precision import require_computed, weakest_capability
from job.modeling.sharding import Fit, require_room_to_load
from job.modeling.sizes import architecture_of, sizes, width_of
from job.modeling.weights import count_weights
from job.results import Host
from job.settings.fields import ModelSettings, Settings, TrainSettings

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "datasets", "accelerate", "huggingface_hub")
OLDEST_GPU = (7, 5)
LARGE_FOR_CPU_BYTES = 1_000_000_000


def inspect(root: Path) -> Host:
    cuda = torch.cuda.is_available()
    properties = torch.cuda.get_device_properties(0) if cuda else None
    return Host(
        device="cuda" if cuda else "cpu",
        gpu=properties.name if properties else "",
        compute_capability=f"{properties.major}.{properties.minor}" if properties else "",
        gpu_bytes=properties.total_memory if properties else 0,
        cpus=usable_cpus(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        disk_free_bytes=shutil.disk_usage(root).free,
        platform=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        versions={"lora-job": __version__, **{name: version(name) for name in PACKAGES}},
    )


def check(
    settings: Settings,
    token: str,
    root: Path,
    host: Host,
    *,
    computes: bool = True,
    trains: bool = True,
    place: Place | None = None,
) -> None:
    """Run all checks, the cheapest first. Without stages that compute, only the base model's: its tokenizer counts tokens.
    `trains`: whether this process is to load the base for training; what takes time there begins now. `place`: of this process,
    where the run has several.

    Raises HostUnfit (68), SettingsError (64) for a base model that cannot be trained as the settings say, AccessDenied (67),
    NotFound (66), HubUnavailable (76).
    """
    if computes:
        _check_gpu(host, driver_of_host(), torch.version.cuda)
        _check_gpu_settings(settings, host, place)
        require_computed(settings.train.precision, weakest_capability())
    base = architecture_of(settings, token)
    if not computes:
        return
    _check_cpu(host, base)
    require_layers_to_share(base, settings.train.shard, _workers(settings.train, host, place))
    expected, room = sizes(base, settings), 0
    if host.device == "cuda":
        width, free = width_of(base, settings, weakest_capability()), torch.cuda.mem_get_info()[0]
        _check_gpu_memory(base, settings, host, free, width, CARDS, place)
        room = _room_ahead(base, host, free, width)
    _check_disk(root, cleaning_bytes(settings.data) + expected.run_bytes)
    _check_cache(settings.model, token)
    weights = _weights_here(settings.model)
    if not settings.model.is_local:  # those in a folder are read to be hashed
        read_ahead(weights)
    if trains and room > 0 and _workers(settings.train, host, place) == 1:  # workers may share a card
        early.begin(weights, room)


@dataclass(frozen=True)
class Driver:
    """What NVIDIA's driver says of itself: PyTorch only says that CUDA is not available."""

    cuda: int
    """The version of CUDA that it supports, as 13000 for 13.0; 0 without a driver, or if no GPU is wanted."""
    failure: str = ""
    """The name of the error with which it refuses to start, as `CUDA_ERROR_NO_DEVICE`."""


def driver_of_host() -> Driver:
    if not gpu_wanted():
        return Driver(0)
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Driver(0)
    version, name = ctypes.c_int(0), ctypes.c_char_p()
    if library.cuDriverGetVersion(ctypes.byref(version)) != 0:
        return Driver(0)
    if code := library.cuInit(0):
        known = library.cuGetErrorName(code, ctypes.byref(name)) == 0 and name.value
        return Driver(version.value, known.decode() if known else f"error {code}")
    return Driver(version.value)


NEW_DRIVER = (
    "Install driver R580 or newer on the host (`nvidia-smi` shows the one in use). On data-center cards an older one works "
    "with an image that has NVIDIA's cuda-compat libraries. To run on the CPU, set CUDA_VISIBLE_DEVICES= (empty)."
)
DRIVER_FAILURES = {
    "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE": NEW_DRIVER,  # the image's libraries on a GeForce card
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "Restart the host: its driver was updated and the old one is still loaded. If that "
    "changes nothing, start without other versions of libcuda.so in LD_LIBRARY_PATH.",
    "CUDA_ERROR_SYSTEM_NOT_READY": "Start NVIDIA's fabric manager on the host (`systemctl start nvidia-fabricmanager`).",
}
"""What to do about the names of NVIDIA's cuda.h."""


def require_driver(driver: Driver, torch_cuda: str | None) -> None:
    """Where PyTorch sees no GPU. `torch_cuda`: as "13.0", None for a CPU build. Raises HostUnfit (68) if the driver is why."""
    if torch_cuda is None:
        return
    if 0 < driver.cuda < int(torch_cuda.partition(".")[0]) * 1000:
        raise HostUnfit(
            f"The NVIDIA driver of this host supports CUDA {driver.cuda // 1000}.{driver.cuda % 1000 // 10}, but this PyTorch "
            f"is built for CUDA {torch_cuda}.",
            remedy=NEW_DRIVER,
        )
    if driver.failure and driver.failure != "CUDA_ERROR_NO_DEVICE":  # what the weights ask for decides later
        raise HostUnfit(
            f"The NVIDIA driver of this host does not start: {driver.failure}.",
            remedy=DRIVER_FAILURES.get(driver.failure)
            or "Find out why with `nvidia-smi` and `dmesg` on the host; often a restart mends it. To run on the CPU, set "
            "CUDA_VISIBLE_DEVICES= (empty).",
        )


def _check_gpu(host: Host, driver: Driver, torch_cuda: str | None) -> None:
    """Raises HostUnfit (68)."""
    if host.device == "cpu":
        require_driver(driver, torch_cuda)
    if host.device == "cuda" and tuple(map(int, host.compute_capability.split("."))) < OLDEST_GPU:
        raise HostUnfit(
            f"{host.gpu} (compute capability {host.compute_capability}) is too old: PyTorch for CUDA 13 supports "
            f"{OLDEST_GPU[0]}.{OLDEST_GPU[1]} (NVIDIA's Turing) and newer.",
            remedy="Use a T4 or any newer GPU.",
        )


def _own_workers(train: TrainSettings, host: Host, place: Place | None) -> int:
    """That this process starts, itself included. Raises HostUnfit (68) if it sees fewer GPUs than asked for."""
    local_rank = place.local_rank if place else None
    return len(cards_of(train.devices, train.batch_size, local_rank, on_gpu=host.device == "cuda"))


def _workers(train: TrainSettings, host: Host, place: Place | None) -> int:
    """Of all hosts, if all are as this one; no more than have rows."""
    return min(_own_workers(train, host, place) * (place.processes if place else 1), train.batch_size)


def _check_gpu_settings(settings: Settings, host: Host, place: Place | None) -> None:
    train = settings.train
    require_room_for(_own_workers(train, host, place) - 1, on_gpu=host.device == "cuda")
    if host.device == "cpu" and train.optimizer == "paged_adamw_32bit":
        raise HostUnfit(
            "FINETUNE_TRAIN_OPTIMIZER=paged_adamw_32bit pages GPU memory, but no GPU is visible.",
            remedy="Set FINETUNE_TRAIN_OPTIMIZER=adamw, or start the container with --gpus all.",
        )


def _check_gpu_memory(
    base: Architecture,
    settings: Settings,
    host: Host,
    free_bytes: int,
    width: int,
    cards: list[str],
    place: Place | None,
) -> None:
    """Raises HostUnfit (68) if even one row with every layer recomputed does not fit, however the workers hold the base, or if
    a base that they share does not fit the GPUs of this host together. The prediction may be 15 % off.

    `width`: bytes of a number. `cards`: of this host; the others, and those of other hosts, count as equal to the first.
    """
    workers, hosts = workers_and_hosts(settings.train, place, cards)
    usable = int(free_bytes - RESERVE_SHARE * host.gpu_bytes)
    main = beside(-(-workers // hosts) - 1)
    fit = Fit(base, settings.train, settings.lora, workers, usable, width, hosts, main)
    if not fit.fits_main(fit.held) or fit.need(fit.held) * 0.85 > free_bytes:
        raise _too_small(fit, host, free_bytes)
    if fit.held != "whole":
        require_room_to_load(fit, max(len(cards), 1), host.gpu)


def _too_small(fit: Fit, host: Host, free_bytes: int) -> HostUnfit:
    need = min(map(fit.need, fit.ways))
    if need <= fit.usable:
        full = ", or set FINETUNE_TRAIN_SHARD=auto" if fit.train.shard == "full" else ""
        return HostUnfit(
            f"{fit.workers} workers that share the base's layers read it into main memory first. There it takes "
            f"{fit.main_need / GIB:.1f} GiB, and beside the workers of this host themselves {fit.main / GIB:.1f} GiB are free.",
            remedy=f"Use a host with more main memory or larger GPUs{full}.",
        )
    shared = f", even if {fit.workers} workers share the base's layers; {RESERVE_SHARE:.0%} of a card stay in reserve"
    empty = need <= (1 - RESERVE_SHARE) * host.gpu_bytes
    return HostUnfit(
        f"{host.gpu} has {free_bytes / GIB:.1f} of {host.gpu_bytes / GIB:.1f} GiB free, but one row of "
        f"{fit.train.max_tokens:,} tokens needs about {need / GIB:.1f} GiB{shared if len(fit.ways) > 1 else ''}.",
        remedy="Stop whatever else uses the GPU (`nvidia-smi` lists it), lower FINETUNE_TRAIN_MAX_TOKENS, or use a larger GPU."
        if empty
        else fit.advice(),
    )


def _check_disk(root: Path, run_bytes: int) -> None:
    """Raises HostUnfit (68) if the run's files do not fit beside what else is there. A run that goes on has some of them."""
    missing = max(run_bytes - present_bytes(root), RECORDS_BYTES)
    require_space(root, missing, "rows, checkpoints and adapter", "FINETUNE_OUTPUT_DIR")


def _check_cpu(host: Host, base: Architecture) -> None:
    """Raises HostUnfit (68) if a large base would be trained without a GPU. Its config alone says how large it is."""
    if host.device == "cuda":
        return
    weight_bytes = sum(count.parameters for count in count_weights(base.model)) * base.published_width
    if weight_bytes > LARGE_FOR_CPU_BYTES:
        raise HostUnfit(
            f"No GPU is visible, and the base model has {weight_bytes / 1e9:.1f} GB of weights: a CPU would take days.",
            remedy="Start the container with --gpus all (`nvidia-smi` must work on the host and inside it), or set "
            "FINETUNE_MODEL_BASE to a small model.",
        )


def _room_ahead(base: Architecture, host: Host, free_bytes: int, width: int) -> int:
    """Bytes of weights that may be on the card before the base is loaded."""
    copies = max(weight.numel() for weight in base.model.parameters()) * (base.published_width + width)
    usable = int(free_bytes - RESERVE_SHARE * host.gpu_bytes)
    return early.room(usable, loaded=base.weights(width).whole, copies=copies)


def _weights_here(model: ModelSettings) -> list[Path]:
    """The files of the base's weights, where they are on this machine."""
    config: object = str(Path(model.location) / "config.json")
    if not model.is_local:
        config = try_to_load_from_cache(model.base, "config.json", revision=model.revision)
    if isinstance(config, str):
        with suppress(
            OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError
        ):  # said by whoever loads them
            return [path.resolve() for path in weight_files(Path(config).parent) if path.is_file()]
    return []


def _check_cache(model: ModelSettings, token: str) -> None:
    """Raises HostUnfit (68) if weights that are not here yet do not fit the Hub's cache, or cannot be written there."""
    files = {} if model.is_local else listed_weights(model, token)
    missing = sum(
        size
        for path, size in files.items()
        if not isinstance(try_to_load_from_cache(model.base, path, revision=model.revision), str)
    )
    if missing:
        folder = Path(constants.HF_HUB_CACHE) / f"models--{model.base.replace('/', '--')}"
        existing = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110 (never raises)
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            reason = f"{existing} is no folder that it may write"
            raise cache_unusable(f"base model {model.base} at {model.revision}", reason, existing)
        require_space(existing, int(missing * 1.05), "the base model's weights", "HF_HOME")
