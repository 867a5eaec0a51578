"""Stage 4: the forms that FINETUNE_EXPORT names, one after the other, in literal order.

A form is written to NAME.partial, proven by a fresh process, and renamed. What it was made from, and the hashes of its files,
stand in export/NAME.json: so a later start, or the command `export`, makes only what is missing.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from job.errors import NotFound, Stopped
from job.exporting.lora import check_lora, write_lora
from job.exporting.merged import check_merged, write_merged
from job.exporting.source import Source
from job.modeling.adapter_file import WEIGHTS
from job.modeling.files import fetch_files
from job.results import Cleaned, Exported, ExportedFile, Form, Probed, Said, Trained
from job.runs.deadline import Deadline
from job.runs.files import (
    as_sealed,
    facts_of,
    files_of,
    is_as_recorded,
    read_lines,
    read_sealed,
    remove,
    remove_unchanged,
    replace_folder,
    settle,
    write_sealed,
)
from job.runs.progress import saving
from job.runs.signals import StopRequest
from job.settings.fields import ModelSettings, ProbeSettings

log = logging.getLogger("job.export")
NOTES = "export"
"""The folder of what is known of each form."""


@dataclass(frozen=True)
class Kind:
    name: str
    write: Callable[[Source, Path], Any]
    check: Callable[[Source, Path], Form]


@dataclass(frozen=True)
class Made:
    form: Form
    files: list[str]


KINDS: tuple[Kind, ...] = (Kind("lora", write_lora, check_lora), Kind("merged", write_merged, check_merged))


def export(
    cleaned: Cleaned,
    trained: Trained,
    probed: Probed,
    model: ModelSettings,
    probe: ProbeSettings,
    forms: Sequence[str],
    merge_into: str,
    *,
    token: str,
    root: Path,
    stop: StopRequest,
    deadline: Deadline,
) -> Exported:
    """Write what is missing of `forms` below `root`. What earlier starts made beside them stays part of the result.

    Raises JobError (1) for a form that is not proven, HostUnfit (68) and DiskFull (73) before one that does not fit, NotFound
    (66) without the base, and Stopped (75).
    """

    def look() -> None:
        if stop.requested:
            raise Stopped("Stopped while the tuned model was exported.")
        deadline.stop_if_passed("the tuned model was not exported in every form: the next start goes on.")

    origin = {
        "adapter": facts_of(root / probed.adapter_path / WEIGHTS),
        "base": [model.base, trained.base_revision],
        "decoding": [probe.max_new_tokens, probe.repetition_penalty],
        "into": merge_into,
    }
    for kind in KINDS:
        remove(root / f"{kind.name}.partial")  # of a start that was killed, which may have been asked for other forms
        _remove_other(kind.name, root, origin)
    made = {kind.name: _made(kind.name, root, origin, exactly=kind.name in forms) for kind in KINDS}
    if any(made[kind.name] is None for kind in KINDS if kind.name in forms):
        release_memory()
        source = Source(
            fetch_files(model, token, weights=True),
            root / probed.adapter_path,
            cleaned,
            trained,
            _said(root, probed),
            probe.max_new_tokens,
            probe.repetition_penalty,
            merge_into,
            look,
        )
        for kind in KINDS:
            if kind.name in forms and made[kind.name] is None:
                look()
                made[kind.name] = _make(kind, source, root, origin)
    there = {name: one for name, one in made.items() if one}
    return Exported(
        forms=[one.form for one in there.values()],
        lora_files=[ExportedFile(path=f"lora/{name}") for name in (there["lora"].files if "lora" in there else [])],
        merged_path="merged" if "merged" in there else None,
    )


def release_memory() -> None:
    """The probe's model is gone, and the card is for the fresh processes."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _said(root: Path, probed: Probed) -> list[Said]:
    """Raises NotFound (66) without the file: a form that is compared with no answer looks proven."""
    if probed.tokens_path and not (root / probed.tokens_path).exists():
        raise NotFound(
            f"{probed.tokens_path} in {root.absolute()} is gone, or no longer as the probe wrote it: with the answers in it "
            "each form is proven.",
            remedy="Restore the file from a copy of the run folder, or train again in a new folder.",
        )
    return read_lines(root / probed.tokens_path, Said) if probed.tokens_path else []


def _make(kind: Kind, source: Source, root: Path, origin: dict[str, Any]) -> Made:
    partial = root / f"{kind.name}.partial"
    with saving():
        kind.write(source, partial)
    form = kind.check(source, partial)
    settle(partial)
    facts = {path.relative_to(partial).as_posix(): facts_of(path) for path in files_of(partial)}
    replace_folder(partial, root / kind.name)
    entry = {"origin": origin, "files": facts, "form": form.model_dump(mode="json")}
    write_sealed(root / NOTES / f"{kind.name}.json", entry)
    said = form.agreement
    log.info(
        "stage=export form=%s bytes=%d dtype=%s same_answers=%d of=%d same_tokens=%d of_tokens=%d",
        *(form.name, form.bytes, form.dtype, said.same_answers, said.answers, said.same_tokens, said.tokens),
    )
    return Made(form, sorted(facts))


def _remove_other(name: str, root: Path, origin: dict[str, Any]) -> None:
    """The form of another adapter or decoding, which a start that was killed in the export has left without a record of the
    stage: beside the adapter of today it looks like its form. What a user has put there stays."""
    entry = read_sealed(root / NOTES / f"{name}.json")
    if entry is None or all(
        entry["origin"].get(field) == as_sealed(origin[field]) for field in origin.keys() - {"into"}
    ):
        return
    remove_unchanged(root / name, entry["files"])


def _made(name: str, root: Path, origin: dict[str, Any], *, exactly: bool) -> Made | None:
    """The form as an earlier start proved it, if its files are as they were written and it was made from the same; where it is
    not asked for this time, whatever the base's weights were that it was merged into."""
    entry = read_sealed(root / NOTES / f"{name}.json")
    compared = origin if exactly and name == "merged" else origin.keys() - {"into"}
    if entry is None or any(entry["origin"].get(field) != as_sealed(origin[field]) for field in compared):
        return None
    if not all(is_as_recorded(root / name / file, facts) for file, facts in entry["files"].items()):
        return None
    try:
        return Made(Form.model_validate(entry["form"]), sorted(entry["files"]))
    except ValidationError:  # of another version of this program
        return None
