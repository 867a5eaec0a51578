"""The loading of weights as progress: a large base on a slow disk takes many minutes, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers.utils import logging

from job.runs.progress import advance


@contextmanager
def weights_as_progress(folder: Path) -> Iterator[None]:
    """While transformers loads the safetensors files in `folder`, each tensor counts as an equal share of their bytes.

    It goes through the tensors in a progress bar, and lets a hook make that bar.
    """
    total = sum(path.stat().st_size for path in folder.glob("*.safetensors"))

    def bar(factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not args or not hasattr(args[0], "__len__"):
            return factory(*args, **kwargs)
        count = len(args[0])
        return factory(_counted(args[0], total // max(count, 1)), *args[1:], **{"total": count, **kwargs})

    before = logging.set_tqdm_hook(bar)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def _counted(items: Iterable[Any], share: int) -> Iterator[Any]:
    for item in items:
        yield item
        advance("bytes", share)
