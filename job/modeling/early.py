"""Weights that are on the card before they are asked for: copied in a thread while rows are cleaned and libraries imported.

Copying is most of what loading a base takes (1.2 of 1.6 s for the 6.4 GB of Llama 3.2 3B in an H200's host), and Python has no
part in it. What finds no room here, or cannot be read, is left to transformers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import torch
from safetensors import safe_open
from transformers import modeling_utils

log = logging.getLogger("job.model")
OPEN = "safe_open"
"""The name by which transformers' module knows what opens a file of weights."""
LARGEST_SHARE = 0.5
"""Of the card's free memory. Nothing is read once loading has begun, and a weight in 4 bits takes less than a third of what it
replaces: what fits at first fits to the end."""
Tensors = dict[tuple[Path, str], torch.Tensor]


class Early:
    """Tensors of the files `paths` on `device`, in the order of the files, as many as take `room` bytes.

    They have a memory pool of their own: 4-bit weights that took the place of some would hold the memory around them.
    """

    def __init__(self, paths: Sequence[Path], device: torch.device, room: int) -> None:
        self.paths, self.device, self.room = paths, device, room
        self.tensors: Tensors = {}
        self.read = 0
        self.pool = torch.cuda.MemPool() if device.type == "cuda" else None
        self._closed = Event()
        self.thread = Thread(target=self._read_all, name="weights", daemon=True)  # no end of the run waits for it
        self.thread.start()

    def close(self) -> Tensors:
        """Read no further. Returns what is here."""
        self._closed.set()
        self.thread.join()
        return self.tensors

    def _read_all(self) -> None:
        own_memory = torch.cuda.use_mem_pool(self.pool, self.device) if self.pool else nullcontext()
        with suppress(Exception), own_memory:  # whoever loads the base meets the same, and has a message for it
            for path in self.paths:
                self._read(path)

    def _read(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                tensor = file.get_tensor(name)
                if self._closed.is_set() or self.read + tensor.nbytes > self.room:
                    return
                self.tensors[path, name] = tensor.to(self.device)
                self.read += tensor.nbytes


_begun: list[Early] = []
"""At most one: a process loads one base."""


def begin(paths: Sequence[Path]) -> None:
    """On the first card, for the next base that this process loads."""
    _begun[:] = [Early(paths, torch.device("cuda", 0), int(LARGEST_SHARE * torch.cuda.mem_get_info(0)[0]))]


@contextmanager
def handed_over() -> Iterator[None]:
    """Inside, transformers gets the tensors that are here in place of reading them. Each is copied once more, on the card: so
    the memory is laid out as if they had come from the file."""
    if not _begun or not hasattr(modeling_utils, OPEN):
        if _begun:
            log.warning("missing=%s: weights that are on the GPU are read again", OPEN)
        _begun.clear()
        yield
        return
    early = _begun.pop()
    tensors, own = early.close(), getattr(modeling_utils, OPEN)
    log.info("weights_ahead_bytes=%d", early.read)
    setattr(
        modeling_utils, OPEN, lambda path, *args, **options: _File(own(path, *args, **options), Path(path), tensors)
    )
    try:
        yield
    finally:
        setattr(modeling_utils, OPEN, own)
        tensors.clear()
        if early.pool:
            early.pool = None
            torch.cuda.empty_cache()


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
