"""What tests on a real container engine share."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

IMAGE = os.environ.get("LORA_JOB_IMAGE", "lora-job:cpu")
SHORT = {
    "FINETUNE_TRAIN_EPOCHS": "0.5",
    "FINETUNE_TRAIN_EVAL_STEPS": "5",
    "FINETUNE_TRAIN_WARMUP_STEPS": "2",
    "FINETUNE_PROBE_ANSWERS": "1",
    "FINETUNE_PROBE_MAX_NEW_TOKENS": "8",
    "OMP_NUM_THREADS": "1",
}
"""A run of a few steps. One thread, as in every other test: on a busy machine two of them wait for each other."""


def program() -> str:
    return "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"


def docker(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=timeout, check=False)


def require_engine() -> None:
    if not shutil.which("docker") or docker("info").returncode:
        pytest.skip("no docker engine answers")


def require_image() -> str:
    require_engine()
    if docker("image", "inspect", IMAGE).returncode:
        pytest.skip(f"there is no image {IMAGE}; the head of tests/test_image.py says how it is built")
    return IMAGE
