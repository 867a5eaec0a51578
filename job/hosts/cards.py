"""The GPUs that the job may use, and which of its workers takes which."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

from job.errors import HostUnfit

CARDS: list[str] = []
"""As CUDA_VISIBLE_DEVICES names them, from before this process took the first for itself."""


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
