"""Weights that are on the card before they are asked for: copied in a thread while rows are cleaned and libraries imported.

Copying is most of what loading a base takes (by a sampled profile 1.2 of 1.6 s, 6.4 GB of Llama 3.2 3B on an H200's host), and
Python has no part in it. What finds no room here, cannot be read, or has changed since is left to transformers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import torch
from safetensors import safe_open
from transformers import modeling_utils

from job.hosts.hub import first_line

log = logging.getLogger("job.model")
OPEN = "safe_open"
"""The name by which transformers' module knows what opens a file of weights."""
Tensors = dict[tuple[Path, str], torch.Tensor]


def room(free: int, *, loaded: int, copies: int) -> int:
    """Bytes that may lie on the card beside a base that is being loaded. `free`: without the reserve. `loaded`: what the base
    takes in 4 bits. `copies`: of its largest weight, as published and as computed with, which are there for a moment.

    What was handed over stays reserved until all are loaded, so nothing here makes room for the base.
    """
    return min(free // 2, free - loaded - copies)


class Early:
    """Tensors of the files `paths` on `device`, in the order of the files, as many as take `room` bytes.

    They have a memory pool of their own: 4-bit weights that took the place of some would hold the memory around them. No end of
    a run waits for the thread, which copies without Python's lock: a process that has begun one ends by `os._exit`, as all runs
    do (job/runs/supervisor.py), or closes it.
    """

    def __init__(self, paths: Sequence[Path], device: torch.device, room: int) -> None:
        self.paths, self.device, self.room = paths, device, room
        self.tensors: Tensors = {}
        self.read = 0
        self.failure = ""
        self._files: dict[Path, Facts] = {}
        self._pool: Any = None
        self._closed = Event()
        self.thread = Thread(target=self._read_all, name="weights", daemon=True)
        self.thread.start()

    def close(self) -> Tensors:
        """Read no further. Returns what is here, of files that are still the same."""
        self._closed.set()
        self.thread.join()
        for path in [path for path, facts in self._files.items() if _facts(path) != facts]:
            self.failure = self.failure or f"{path.name} has changed"
            for key in [key for key in self.tensors if key[0] == path]:
                del self.tensors[key]
        return self.tensors

    def free(self) -> None:
        self.tensors.clear()
        if self._pool is not None:
            self._pool = None
            torch.cuda.empty_cache()

    def _read_all(self) -> None:
        try:
            with self._own_memory():
                for path in self.paths:
                    self._files[path] = _facts(path)
                    self._read(path)
        except Exception as error:  # whoever loads the base meets the same, and has a message for it
            self.failure = first_line(error)

    @contextmanager
    def _own_memory(self) -> Iterator[None]:
        if self.device.type != "cuda":
            yield
            return
        self._pool = torch.cuda.MemPool()
        with torch.cuda.use_mem_pool(self._pool, self.device):
            yield

    def _read(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                tensor = file.get_tensor(name)
                if self._closed.is_set() or self.read + tensor.nbytes > self.room:
                    return
                self.tensors[path, name] = tensor.to(self.device)
                self.read += tensor.nbytes


Facts = tuple[int, int, int, int] | None


def _facts(path: Path) -> Facts:
    """Whether it is the same file; None where it is gone."""
    with suppress(OSError):
        facts = path.stat()
        return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
    return None


_begun: list[Early] = []
"""At most one: a process loads one base."""


def begin(paths: Sequence[Path], room: int) -> None:
    """On the first card, for the next base that this process loads."""
    _begun[:] = [Early(paths, torch.device("cuda", 0), room)]


@contextmanager
def handed_over() -> Iterator[bool]:
    """Inside, transformers gets the tensors that are here in place of reading them; False if there are none. Each is copied
    once more, on the card: so the memory is laid out as if they had come from the file."""
    if not _begun:
        yield False
        return
    early = _begun.pop()
    tensors, own = early.close(), getattr(modeling_utils, OPEN, None)
    failure = f" failure={early.failure!r}" if early.failure else ""
    log.info("weights_ahead_bytes=%d%s", sum(tensor.nbytes for tensor in tensors.values()), failure)
    if own is None:
        log.warning("missing=%s: weights that are on the GPU are read again", OPEN)
        early.free()
        yield False
        return
    setattr(
        modeling_utils, OPEN, lambda path, *args, **options: _File(own(path, *args, **options), Path(path), tensors)
    )
    try:
        yield bool(tensors)
    finally:
        setattr(modeling_utils, OPEN, own)
        if tensors:
            log.info("weights_ahead_unused=%d", len(tensors))
        early.free()


class _File:
    """An open file of weights, some of whose tensors are here."""

    def __init__(self, file: Any, path: Path, tensors: Tensors) -> None:
        self._file, self._path, self._tensors = file, path.resolve(), tensors

    def __enter__(self) -> _File:
        self._file.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def get_slice(self, name: str) -> _Slice:
        return _Slice(self._file.get_slice(name), (self._path, name), self._tensors)


class _Slice:
    """A tensor that nobody has read yet. It leaves the card with the first reading."""

    def __init__(self, stored: Any, key: tuple[Path, str], tensors: Tensors) -> None:
        self._stored, self._key, self._tensors = stored, key, tensors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stored, name)

    def __getitem__(self, index: Any) -> torch.Tensor:
        early = self._tensors.pop(self._key, None)
        found: torch.Tensor = self._stored[index] if early is None else early[index].clone()
        return found
