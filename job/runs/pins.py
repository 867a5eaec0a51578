"""pins.json: the commits of the base model and the data sets that a run began with, and keeps to.

A branch such as `main` moves while a run trains, waits in a queue or starts again. So each revision becomes a commit once, at
the start of the first run in a folder. Every stage and every later start then use that commit. Knows nothing of how
a revision becomes a commit.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from job.results import SCHEMA_VERSION, Pin
from job.runs.files import write_unredacted
from job.settings.fields import Settings

log = logging.getLogger("job")
NAME = "pins.json"


def unpinned(settings: Settings) -> Iterator[Pin]:
    """What the settings name on the Hub, each once, with no commit yet. The tokenizer belongs to the base model."""
    if not settings.model.is_local:
        yield Pin(kind="model", name=settings.model.base, revision=settings.model.revision, commit="")
    sources = {(source.name, source.revision): source for source in settings.data.sources if not source.is_local}
    for name, revision in sources:
        yield Pin(kind="dataset", name=name, revision=revision, commit="")


def used(settings: Settings, trained: dict[str, Any], cleaned: dict[str, Any]) -> Iterator[Pin]:
    """The commits in the stored results of a training and a cleaning, where there are such."""
    for one in unpinned(settings):
        commit = trained.get("base_revision", "") if one.kind == "model" else ""
        for read in cleaned.get("sources", []) if one.kind == "dataset" else []:
            if read["source"].startswith(f"{one.name}@{one.revision}:"):
                commit = read["revision"]
        if commit:
            yield one.model_copy(update={"commit": commit})


def pinned(settings: Settings, pins: Iterable[Pin]) -> Settings:
    """The settings with commits in place of revisions, where there is a pin: what the stages work with."""
    commits = {(pin.kind, pin.name, pin.revision): pin.commit for pin in pins}
    model, data = settings.model, settings.data
    sources = tuple(
        source.model_copy(update={"commit": commits.get(("dataset", source.name, source.revision), "")})
        for source in data.sources
    )
    commit = commits.get(("model", model.base, model.revision), model.revision)
    return settings.model_copy(
        update={
            "model": model.model_copy(update={"revision": commit}),
            "data": data.model_copy(update={"sources": sources}),
        }
    )


def read(root: Path) -> list[Pin]:
    """Empty without the file, and with a warning if a byte of it has changed."""
    try:
        record = json.loads((root / NAME).read_text("utf-8"))
        pins = [Pin.model_validate(pin) for pin in record["pins"]]
        if record["sha256"] != _sha256(pins):
            raise ValueError("it is not what was written")
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        log.warning("stage=check unreadable=%s: the commits are found anew: %s", NAME, str(error).partition("\n")[0])
        return []
    return pins


def write(root: Path, pins: list[Pin]) -> None:
    entries = [pin.model_dump() for pin in pins]
    record = {"schema_version": SCHEMA_VERSION, "pins": entries, "sha256": _sha256(pins)}
    write_unredacted(root / NAME, json.dumps(record, indent=2) + "\n")


def _sha256(pins: list[Pin]) -> str:
    return hashlib.sha256("\n".join(pin.model_dump_json() for pin in pins).encode()).hexdigest()
