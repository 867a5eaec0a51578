"""The folders that a run writes beside its own: temporary files and the Hub's cache. Tested before any work.

Others find another place by themselves: matplotlib (XDG_CONFIG_HOME) takes the folder for temporary files.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from job.errors import HostUnfit
from job.hosts.libraries import is_offline
from job.hosts.mounts import place_of, remedy
from job.settings.fields import Settings


def require_folders(settings: Settings, environ: Mapping[str, str]) -> None:
    """Raises HostUnfit (68) for the first folder that this run needs and cannot write."""
    _require_temporary(environ)
    if settings.uses_hub and not is_offline(environ):
        cache = hub_cache(environ)
        if any(not (cache / name / "snapshots").is_dir() for name in cached_names(settings)):
            _require_cache(cache, "HF_HUB_CACHE" if environ.get("HF_HUB_CACHE") else "HF_HOME")


def _require_temporary(environ: Mapping[str, str]) -> None:
    """Python itself looks at TMPDIR, /tmp, /var/tmp, /usr/tmp and the working directory."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        folder = Path(environ.get("TMPDIR") or "/tmp")
        error = _try(folder)
        raise HostUnfit(
            f"No folder for temporary files can be written, {folder} neither: {_words(error)}.",
            remedy=remedy(place_of(folder), error.errno if error else None, "TMPDIR"),
        ) from None


def _require_cache(cache: Path, variable: str) -> None:
    if error := _try(cache):
        raise HostUnfit(
            f"Base model or data have to be downloaded, but the cache {cache} cannot be written: {_words(error)}.",
            remedy=remedy(place_of(cache), error.errno, variable),
        )


def hub_cache(environ: Mapping[str, str]) -> Path:
    """Where the Hub client keeps downloads. Its own constants are read at its import, which comes later."""
    home = environ.get("HF_HOME") or Path(environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    found = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE") or Path(home, "hub")
    return Path(os.path.expandvars(found)).expanduser().absolute()


def cached_names(settings: Settings) -> Iterator[str]:
    """The cache's folders for what the settings name on the Hub."""
    if not settings.model.is_local:
        yield f"models--{settings.model.base.replace('/', '--')}"
    for source in settings.data.sources:
        if not source.is_local and not source.file:  # a file is read without the cache
            yield f"datasets--{source.name.replace('/', '--')}"


def _try(folder: Path) -> OSError | None:
    """What the first write there would fail with. Makes no folder: a file in the nearest one that exists, gone at once."""
    existing = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110 (never raises)
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        return error
    return None


def _words(error: OSError | None) -> str:
    return (error.strerror or str(error)) if error else "it is full"
