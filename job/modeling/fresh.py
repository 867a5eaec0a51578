"""A fresh process that loads what was saved, as its users will: local files only, no network, and no secret of this process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from job.errors import HostUnfit, JobError, MemoryExhausted
from job.runs.deaths import memory_kills
from job.runs.files import remove
from job.runs.redaction import without_secrets

NO_ROOM = ("OutOfMemoryError", "CUDA error: out of memory", "dispatched on the CPU or the disk")
"""In the last words of PyTorch, and of transformers, whose `device_map="auto"` found no card for a layer in 4 bits."""
OUR_FAULT = "This is a fault of the program or of its library versions: please report it"


def fresh_process(
    module: str,
    request: dict[str, Any],
    tensors: dict[str, torch.Tensor],
    saved: Path,
    what: str,
    *,
    spread: bool = False,
) -> dict[str, Any]:
    """The JSON that `python -m MODULE REQUEST.json` prints last, with `tensors` in the file that its field `expected` names.

    `saved`: the file or folder that it loads, and `what` that is. `spread`: whether it sees all cards of this process, over
    which transformers' `device_map="auto"` shares out the layers; otherwise the first alone. Raises JobError (1) if it fails,
    MemoryExhausted (62) and HostUnfit (68) if memory of the GPU or main memory ran out.
    """
    kills_before = memory_kills()
    folder = saved.with_name("fresh.partial")
    remove(folder)
    folder.mkdir()
    try:
        expected = folder / "expected.safetensors"
        save_file(tensors, expected)
        path = folder / "request.json"
        path.write_text(json.dumps({**request, "expected": str(expected)}), "utf-8")
        child = subprocess.run(
            [sys.executable, "-m", module, str(path)],
            capture_output=True,
            text=True,
            check=False,
            env=environment() if spread else environment() | first_card(os.environ),
        )
    finally:
        remove(folder)
    if child.returncode == -signal.SIGKILL and memory_kills() > kills_before:
        raise HostUnfit(
            f"The kernel killed the process that loaded {what}, because main memory ran out.",
            remedy="End other processes, or give the container or the machine more main memory.",
        )
    if child.returncode and any(words in child.stderr for words in NO_ROOM):
        raise MemoryExhausted(
            f"A fresh process found no room for {what[0].lower()}{what[1:]} in GPU memory: {child.stderr.strip()[-300:]}",
            remedy="End other processes on the GPU (nvidia-smi lists them), and start again: it is checked once more.",
        )
    if child.returncode:
        raise JobError(
            f"{what} does not load in a fresh process:\n{child.stderr.strip()[-2000:]}",
            remedy=f"{OUR_FAULT} with this text.",
        )
    answer: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return answer


def environment() -> dict[str, str]:
    return {**without_secrets(os.environ), "HF_HUB_OFFLINE": "1", "PYTHONPATH": _import_path()}


def first_card(environ: Mapping[str, str]) -> dict[str, str]:
    """The first of several: a model that it holds is not to be shared out over cards that others may use."""
    cards = environ.get("CUDA_VISIBLE_DEVICES", "")
    return {"CUDA_VISIBLE_DEVICES": cards.partition(",")[0]} if "," in cards else {}


def _import_path() -> str:
    project = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, [project, os.environ.get("PYTHONPATH", "")]))
