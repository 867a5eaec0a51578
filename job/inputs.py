"""What the result of each stage depends on, beyond earlier results, as JSON values.

A record holds it, and the next start compares. A setting that changes no result stands in none of them. Knows nothing of what a
stage does.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, current_thread, main_thread
from typing import Any

from job.errors import DataError, NotFound
from job.hosts.libraries import usable_cpus
from job.runs.differences import difference
from job.runs.progress import advance
from job.settings.fields import Settings
from job.settings.files import QUICKSTART, read_text
from job.settings.sources import Source

DESCRIPTIONS = ("*.json", "*.jinja", "*.model", "vocab.txt", "merges.txt")
"""Config, tokenizer and chat template of a base."""
WEIGHTS = ("*.safetensors",)
UNREADABLE = "Check the disk or the mount that it is on, and that this user may read it; {} names it."


def clean_inputs(settings: Settings) -> dict[str, Any]:
    """Everything that the cleaned rows depend on."""
    data = settings.data.model_dump(mode="json", exclude={"system_prompt_file", "rules_file", "workers", "engine"})
    return {
        "data": {
            **data,
            "system_prompt": read_text(settings.data.system_prompt_file),
            "rules": read_text(settings.data.rules_file),
            "files": {str(source): fingerprint(source) for source in settings.data.sources if source.is_local},
        },
        "model": model_inputs(settings, weights=False),
        "train": settings.train.model_dump(mode="json", include={"max_tokens", "loss_on", "seed"}),
    }


def absent_as_recorded(inputs: dict[str, Any], recorded: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The inputs with the recorded hashes of those sources, and of a base, of which no file is on this machine, and their
    names."""
    files, known = (side.get("data", {}).get("files", {}) for side in (inputs, recorded))
    absent = [name for name, found in files.items() if not found and name in known]
    if absent:
        inputs = inputs | {"data": inputs["data"] | {"files": files | {name: known[name] for name in absent}}}
    model, known = (side.get("model", {}) for side in (inputs, recorded))
    if known.get("files") and model.get("files") == {}:
        inputs = inputs | {"model": model | {"files": known["files"]}}
        absent = [*absent, model["base"]]
    return inputs, absent


def require_unchanged(before: dict[str, Any], now: dict[str, Any]) -> None:
    """After a stage has read its files. Raises DataError (65): the record would name what nobody has read."""
    if changes := list(difference(before, now)):
        raise DataError(
            "What was read changed while it was read:\n  " + "\n  ".join(changes),
            remedy="Start again once nothing else writes to these files.",
        )


def model_inputs(settings: Settings, *, weights: bool) -> dict[str, Any]:
    """`weights`: whether the result depends on those too."""
    dump = settings.model.model_dump(mode="json", exclude={"chat_template_file", "save_embedding"})
    return {
        **dump,
        "chat_template": read_text(settings.model.chat_template_file),
        "files": base_files(settings, (*DESCRIPTIONS, *(WEIGHTS if weights else ()))),
    }


def base_files(settings: Settings, patterns: tuple[str, ...]) -> dict[str, str]:
    """Name -> sha256 of each such file of a base in a folder. A base on the Hub is known by its commit, ours by its name.

    Raises NotFound (66) for a file that cannot be read.
    """
    if not settings.model.is_local or settings.model.base == "quickstart":
        return {}
    try:
        return {path.name: sha256(path).hex() for path in _files_of(settings, patterns)}
    except OSError as error:
        raise NotFound(
            f"{error.filename} of the base model cannot be read: {error.strerror}.",
            remedy=UNREADABLE.format("FINETUNE_MODEL_BASE"),
        ) from error


def _files_of(settings: Settings, patterns: tuple[str, ...]) -> list[Path]:
    folder = Path(settings.model.location)
    return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})


def hash_ahead(settings: Settings) -> ThreadPoolExecutor | None:
    """Begin to hash the weights of a base in a folder, beside what Python does: a gigabyte takes a second. A failure is left to
    whoever asks for the hash. None where there is nothing to hash."""
    if not settings.model.is_local or settings.model.base == "quickstart":
        return None
    pool = ThreadPoolExecutor(max(1, min(MOST_HASHING, usable_cpus() - 1)))
    for path in _files_of(settings, WEIGHTS):
        pool.submit(sha256, path)
    pool.shutdown(wait=False)
    return pool


MOST_HASHING = 4
"""Threads: each reads a file from beginning to end."""
NO_RESULT = {"devices", "shard", "log_steps", "checkpoint_minutes", "report_to"}
"""Settings of training that do not say what is trained."""


def train_inputs(settings: Settings) -> dict[str, Any]:
    """What training depends on beyond the cleaned rows, whose inputs their own stage compares. Lines of the log, a tracker,
    when checkpoints are saved and how many GPUs share a step change nothing. How many adapters the probe compares is how many
    training keeps."""
    return {
        "model": {**model_inputs(settings, weights=True), "save_embedding": settings.model.save_embedding},
        "lora": settings.lora.model_dump(mode="json"),
        "train": settings.train.model_dump(mode="json", exclude=NO_RESULT),
        "probe": settings.probe.model_dump(mode="json", include={"checkpoints"}),
    }


def probe_inputs(settings: Settings) -> dict[str, Any]:
    dump = settings.probe.model_dump(mode="json", exclude={"questions_file"})
    return {"probe": {**dump, "questions": read_text(settings.probe.questions_file)}}


def export_inputs(settings: Settings) -> dict[str, Any]:
    return {"export": {"forms": sorted(settings.export), "merge_into": settings.merge_into}}


def push_inputs(settings: Settings) -> dict[str, Any]:
    """What is pushed where. How long a Hub is waited for, and what a push may replace, changes nothing."""
    return {"hub": settings.hub.model_dump(mode="json", exclude={"overwrite", "retry_minutes"})}


def fingerprint(source: Source) -> str:
    """sha256 over all files of a source, in the order of their names; empty where none is on this machine.

    Raises DataError (65) for a file that cannot be read.
    """
    if source.path.is_relative_to(QUICKSTART):
        return "embedded"
    digest = hashlib.sha256()
    files = source.list_files()
    for path in files:
        digest.update(os.path.relpath(path, source.path).encode())
        try:
            digest.update(sha256(path))
        except OSError as error:
            raise DataError(
                f"{error.filename} of the source {source} cannot be read: {error.strerror}.",
                remedy=UNREADABLE.format("FINETUNE_DATA_SOURCES"),
            ) from error
    return digest.hexdigest() if files else ""


def sha256(path: Path) -> bytes:
    facts = path.stat()
    known = time.time() - facts.st_mtime > SETTLED_SECONDS
    seen = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
    with _hashing(path):
        return (_sha256 if known else _sha256.__wrapped__)(path, seen)


@functools.cache
def _hashing(_path: Path) -> Lock:
    """Whoever asks for a file that is being hashed waits for that."""
    return Lock()


PIECE_BYTES = 2**26
"""A thread waits for Python's lock after reading a piece and after hashing it, which takes 0.06 s: 0.005 s each time while
another one imports."""
MAIN_PIECE_BYTES = 2**23
"""The same in the main thread, which imports nothing while it reads, and answers signals only between two pieces: from a disk
with 5 MB/s, 64 MiB kept one waiting for 11 s, and Docker kills after 10."""
LEAST_BYTES = 2**16
"""Of a piece: some file systems tell no size, and a file that another process writes is larger by now."""
SETTLED_SECONDS = 2.0
"""A file that changed later may change again without another time stamp."""


@functools.cache
def _sha256(path: Path, _seen: tuple[int, ...]) -> bytes:
    """Remembered in this start: several stages ask, and gigabytes take seconds."""
    longest = MAIN_PIECE_BYTES if current_thread() is main_thread() else PIECE_BYTES
    digest, room = hashlib.sha256(), memoryview(bytearray(min(longest, max(path.stat().st_size, LEAST_BYTES))))
    try:
        with path.open("rb", buffering=0) as file:
            while read := file.readinto(room):
                digest.update(room[:read])
                advance("bytes", read)
    except OSError as error:
        error.filename = str(path)  # of a failed read it is None
        raise
    return digest.digest()
