"""What libraries look up twice while they are imported, looked up once."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MODELS = "models"
READ = "define_import_structure"
"""The function of transformers that reads which names each module of a package defines, and remembers it."""
Names = dict[frozenset[str], dict[str, set[str]]]


_packages = functools.cache(importlib.metadata.packages_distributions)


@contextmanager
def packages_listed_once() -> Iterator[None]:
    """Inside, what all installed packages contain is listed once in this process: transformers and TRL each ask."""
    with _replaced(importlib.metadata, "packages_distributions", _packages):
        yield


def import_transformers() -> None:
    """With its package of models, which by itself would read the same 1,700 files once more. Where another version reads them
    otherwise, it does."""
    import transformers
    from transformers.utils import import_utils

    package = f"{transformers.__name__}.{MODELS}"
    if package in sys.modules:
        return
    try:
        names = names_of_models(Path(transformers.__file__).with_name(MODELS), getattr(import_utils, READ))
    except Exception:
        return
    with _replaced(import_utils, READ, lambda *_, **__: names):
        importlib.import_module(package)


def names_of_models(folder: Path, read: Callable[..., Names]) -> Names:
    """What `read` gives for their package, made of what it remembers: transformers asked for the same with "models." before
    each module."""
    before = f"{MODELS}."
    return {
        needed: {name.removeprefix(before): set(found) for name, found in some.items() if name.startswith(before)}
        for needed, some in read(folder, prefix=MODELS).items()
    }


@contextmanager
def _replaced(place: Any, name: str, by: Any) -> Iterator[None]:
    own = getattr(place, name)
    setattr(place, name, by)
    try:
        yield
    finally:
        setattr(place, name, own)
