"""The precision of a run, and the reason for it."""

from __future__ import annotations

import torch

from job.errors import HostUnfit
from job.results import Choice

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
BFLOAT16_FROM = (8, 0)
OVERFLOWING_FAMILIES = {
    *("gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text"),
    *("glm4_moe", "gpt_oss", "qwen3_5", "qwen3_5_text", "qwen3_moe"),
}
OVERFLOWING_SOURCE = "unsloth's models/loader.py trains this family in float32 where there is no bfloat16"


def weakest_capability() -> tuple[int, int] | None:
    """Of the cards that this process sees, which for the leader of workers are those of all of them; None on a CPU. They share
    each step, so all compute in what the weakest can. Asking takes no memory of a card (4 MiB before and after on an H200)."""
    if not torch.cuda.is_available():
        return None
    return min(torch.cuda.get_device_capability(card) for card in range(torch.cuda.device_count()))


def require_computed(setting: str, capability: tuple[int, int] | None) -> None:
    """What the setting names must be computed by the GPUs of this host. Raises HostUnfit (68)."""
    if capability is None and setting in ("float16", "bfloat16"):
        raise HostUnfit(
            f"FINETUNE_TRAIN_PRECISION={setting} needs a GPU, but none is visible.",
            remedy="Set FINETUNE_TRAIN_PRECISION=auto, or start the container with --gpus all.",
        )
    if capability is not None and capability < BFLOAT16_FROM and setting == "bfloat16":
        raise HostUnfit(
            f"FINETUNE_TRAIN_PRECISION=bfloat16, which a GPU of this host (compute capability {capability[0]}.{capability[1]}) "
            "does not compute.",
            remedy="Set FINETUNE_TRAIN_PRECISION=auto.",
        )


def choose_precision(setting: str, model_type: str, capability: tuple[int, int] | None) -> Choice:
    """Choose by compute capability: `torch.cuda.is_bf16_supported()` is true on a T4, which only emulates bfloat16.

    This is the first choice: a dry run on the longest rows confirms it or falls back to float32 (job/training/preparation.py).
    """
    if setting != "auto":
        return Choice(value=setting, reason="FINETUNE_TRAIN_PRECISION")
    if capability is None:
        return Choice(value="float32", reason="no GPU; a CPU gains nothing from 16 bits here")
    major, minor = capability
    if (major, minor) >= BFLOAT16_FROM:
        return Choice(value="bfloat16", reason=f"sm_{major}{minor} computes in bfloat16")
    if model_type in OVERFLOWING_FAMILIES:
        return Choice(value="float32", reason=f"{model_type} overflows in float16: {OVERFLOWING_SOURCE}")
    return Choice(value="float16", reason=f"sm_{major}{minor} has no bfloat16; the adapter stays float32")
