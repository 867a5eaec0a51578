"""What the result of each stage depends on, beyond earlier results, as JSON values.

A record holds it, and the next start compares. A setting that changes no result stands in none of them. Knows nothing of what a
stage does.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from pathlib import Path
from typing import Any

from job.runs.progress import advance
from job.settings.fields import Settings
from job.settings.files import QUICKSTART, read_text
from job.settings.sources import Source


def clean_inputs(settings: Settings) -> dict[str, Any]:
    """Everything that the cleaned rows depend on."""
    data = settings.data.model_dump(mode="json", exclude={"system_prompt_file", "rules_file", "workers"})
    return {
        "data": {
            **data,
            "system_prompt": read_text(settings.data.system_prompt_file),
            "rules": read_text(settings.data.rules_file),
            "files": {str(source): fingerprint(source) for source in settings.data.sources if source.is_local},
        },
        "model": model_inputs(settings),
        "train": settings.train.model_dump(mode="json", include={"max_tokens", "loss_on", "seed"}),
    }


def model_inputs(settings: Settings) -> dict[str, Any]:
    dump = settings.model.model_dump(mode="json", exclude={"chat_template_file", "save_embedding"})
    return {**dump, "chat_template": read_text(settings.model.chat_template_file)}


def train_inputs(settings: Settings) -> dict[str, Any]:
    """What training depends on beyond the cleaned rows, whose inputs their own stage compares. Lines of the log and when
    checkpoints are saved change nothing."""
    return {
        "model": {**model_inputs(settings), "save_embedding": settings.model.save_embedding},
        "lora": settings.lora.model_dump(mode="json"),
        "train": settings.train.model_dump(mode="json", exclude={"log_steps", "checkpoint_minutes"}),
    }


def probe_inputs(settings: Settings) -> dict[str, Any]:
    dump = settings.probe.model_dump(mode="json", exclude={"questions_file"})
    return {"probe": {**dump, "questions": read_text(settings.probe.questions_file)}}


def push_inputs(settings: Settings) -> dict[str, Any]:
    """What is pushed where. How long a Hub is waited for, and what a push may replace, changes nothing."""
    return {"hub": settings.hub.model_dump(mode="json", exclude={"overwrite", "retry_minutes"})}


def fingerprint(source: Source) -> str:
    """sha256 over all files of a source, in the order of their names."""
    if source.path.is_relative_to(QUICKSTART):
        return "embedded"
    digest = hashlib.sha256()
    for path in source.list_files():
        digest.update(os.path.relpath(path, source.path).encode())
        facts = path.stat()
        known = time.time() - facts.st_mtime > SETTLED_SECONDS
        digest.update((_sha256 if known else _sha256.__wrapped__)(path, facts.st_size, facts.st_mtime_ns))
    return digest.hexdigest()


SETTLED_SECONDS = 2.0
"""A file that changed later may change again without another time stamp."""


@functools.cache
def _sha256(path: Path, _size: int, _modified_ns: int) -> bytes:
    """Remembered in this start: several stages ask, and gigabytes take seconds."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(2**23):
            digest.update(piece)
            advance("bytes", len(piece))
    return digest.digest()
