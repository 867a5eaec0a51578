"""The machine, and what is checked on it before any download or long work: GPU, driver, memory, disk.

Writes nothing, on the machine or on the Hub.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

import torch
from huggingface_hub import constants, try_to_load_from_cache

from job import __version__
from job.errors import HostUnfit
from job.hosts.disk import RECORDS_BYTES, cleaning_bytes, present_bytes, require_space
from job.hosts.hub import cache_unusable
from job.hosts.libraries import gpu_wanted, usable_cpus
from job.modeling.architecture import Architecture
from job.modeling.files import listed_weights
from job.modeling.layers import decoder_layers
from job.modeling.memory import GIB, candidates
from job.modeling.prediction import predictions
from job.modeling.sizes import architecture_of, sizes, width_of
from job.results import Host
from job.settings.fields import Settings

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


def check(settings: Settings, token: str, root: Path, host: Host, *, computes: bool = True) -> None:
    """Run all checks, the cheapest first. Without stages that compute, only the base model's: its tokenizer counts tokens.

    Raises HostUnfit (68), SettingsError (64) for a base model that cannot be trained as the settings say, AccessDenied (67),
    NotFound (66), HubUnavailable (76).
    """
    if computes:
        _check_gpu(host, cuda_of_driver(), torch.version.cuda)
        _check_gpu_settings(settings, host)
    base = architecture_of(settings, token)
    if not computes:
        return
    expected = sizes(base, settings)
    if host.device == "cuda":
        _check_gpu_memory(base, settings, host, torch.cuda.mem_get_info()[0])
    _check_disk(root, cleaning_bytes(settings.data) + expected.run_bytes)
    _check_cpu(host, _weight_bytes(settings, token))


def cuda_of_driver() -> int:
    """The CUDA version that the NVIDIA driver supports, as 13000 for 13.0; 0 without a driver or if no GPU is wanted.

    From the driver's own library: PyTorch only says that CUDA is not available.
    """
    if not gpu_wanted():
        return 0
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    found = ctypes.c_int(0)
    return found.value if driver.cuDriverGetVersion(ctypes.byref(found)) == 0 else 0


def _check_gpu(host: Host, driver_cuda: int, torch_cuda: str | None) -> None:
    """`driver_cuda`: of `cuda_of_driver`; `torch_cuda`: as "13.0", None for a CPU build. Raises HostUnfit (68)."""
    if host.device == "cpu" and torch_cuda and 0 < driver_cuda < int(torch_cuda.partition(".")[0]) * 1000:
        raise HostUnfit(
            f"The NVIDIA driver of this host supports CUDA {driver_cuda // 1000}.{driver_cuda % 1000 // 10}, but this PyTorch "
            f"is built for CUDA {torch_cuda}.",
            remedy="Install driver R580 or newer on the host (`nvidia-smi` shows the one in use), or use an image with "
            "NVIDIA's cuda-compat libraries. To run on the CPU, set CUDA_VISIBLE_DEVICES= (empty).",
        )
    if host.device == "cuda" and tuple(map(int, host.compute_capability.split("."))) < OLDEST_GPU:
        raise HostUnfit(
            f"{host.gpu} (compute capability {host.compute_capability}) is too old: PyTorch for CUDA 13 supports "
            f"{OLDEST_GPU[0]}.{OLDEST_GPU[1]} (NVIDIA's Turing) and newer.",
            remedy="Use a T4 or any newer GPU.",
        )


def _check_gpu_settings(settings: Settings, host: Host) -> None:
    train = settings.train
    if host.device == "cpu" and train.precision in ("float16", "bfloat16"):
        raise HostUnfit(
            f"FINETUNE_TRAIN_PRECISION={train.precision} needs a GPU, but none is visible.",
            remedy="Set FINETUNE_TRAIN_PRECISION=auto, or start the container with --gpus all.",
        )
    if host.device == "cpu" and train.optimizer == "paged_adamw_32bit":
        raise HostUnfit(
            "FINETUNE_TRAIN_OPTIMIZER=paged_adamw_32bit pages GPU memory, but no GPU is visible.",
            remedy="Set FINETUNE_TRAIN_OPTIMIZER=adamw, or start the container with --gpus all.",
        )
    if train.precision == "bfloat16" and host.device == "cuda" and float(host.compute_capability) < 8:
        raise HostUnfit(
            f"{host.gpu} (compute capability {host.compute_capability}) has no bfloat16.",
            remedy="Set FINETUNE_TRAIN_PRECISION=auto.",
        )


def _check_gpu_memory(base: Architecture, settings: Settings, host: Host, free_bytes: int) -> None:
    """Raises HostUnfit (68) if even one row with every layer recomputed does not fit. The prediction may be 15 % off."""
    train = settings.train
    major, minor = map(int, host.compute_capability.split("."))
    last = candidates(train.max_tokens, train.max_tokens, recomputable=bool(decoder_layers(base.model)))[-1]
    (need,) = predictions(base, settings.lora, [last], width=width_of(base, settings, (major, minor)))
    if need and need * 0.85 > free_bytes:
        raise HostUnfit(
            f"{host.gpu} has {free_bytes / GIB:.1f} of {host.gpu_bytes / GIB:.1f} GiB free, but one row of "
            f"{train.max_tokens:,} tokens needs about {need / GIB:.1f} GiB.",
            remedy="Stop whatever else uses the GPU (`nvidia-smi` lists it), lower FINETUNE_TRAIN_MAX_TOKENS, or use a larger "
            "GPU.",
        )


def _check_disk(root: Path, run_bytes: int) -> None:
    """Raises HostUnfit (68) if the run's files do not fit beside what else is there. A run that goes on has some of them."""
    missing = max(run_bytes - present_bytes(root), RECORDS_BYTES)
    require_space(root, missing, "rows, checkpoints and adapter", "FINETUNE_OUTPUT_DIR")


def _check_cpu(host: Host, weight_bytes: int) -> None:
    """Raises HostUnfit (68) if a large base would be trained without a GPU."""
    if host.device == "cpu" and weight_bytes > LARGE_FOR_CPU_BYTES:
        raise HostUnfit(
            f"No GPU is visible, and the base model has {weight_bytes / 1e9:.1f} GB of weights: a CPU would take days.",
            remedy="Start the container with --gpus all (`nvidia-smi` must work on the host and inside it), or set "
            "FINETUNE_MODEL_BASE to a small model.",
        )


def _weight_bytes(settings: Settings, token: str) -> int:
    """Bytes of the base model's safetensors files. Raises HostUnfit (68) if missing ones do not fit the cache, or cannot be
    written there."""
    if settings.model.is_local:
        return sum(path.stat().st_size for path in Path(settings.model.location).glob("*.safetensors"))
    name, revision = settings.model.base, settings.model.revision
    files = listed_weights(settings.model, token)
    missing = sum(
        size
        for path, size in files.items()
        if not isinstance(try_to_load_from_cache(name, path, revision=revision), str)
    )
    if missing:
        folder = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
        existing = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110 (never raises)
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise cache_unusable(f"base model {name} at {revision}", f"{existing} is no folder that it may write")
        require_space(existing, int(missing * 1.05), "the base model's weights", "HF_HOME")
    return sum(files.values())
