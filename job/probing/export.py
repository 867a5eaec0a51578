"""adapter/: the adapter that the probe has chosen, with everything that its users need."""

from __future__ import annotations

import logging
from pathlib import Path

from peft import PeftModel

from job.modeling import round_trip
from job.modeling.adapter_file import copy_adapter, load_lora_tensors, swap_lora_tensors
from job.modeling.files import BaseFiles
from job.modeling.spread import empty, is_spread
from job.results import RoundTrip, Trained, TrainedAdapter
from job.runs.files import replace_folder
from job.runs.progress import saving

log = logging.getLogger("job.probe")
ADAPTER = "adapter"


def export(
    trained: Trained,
    candidate: TrainedAdapter,
    root: Path,
    *,
    model: PeftModel,
    rows: list[list[int]],
    files: BaseFiles,
    pad_token: int,
) -> RoundTrip:
    """Fill `adapter/` below `root` with a candidate of training, which `model` carries from then on. One that is spread over
    several cards may be empty afterwards.

    `rows`: token ids on which a fresh process must compute what `model` does. The adapter that training wrote has passed that
    check already. Raises DiskFull (73), and JobError (1) if the fresh process gets different answers.
    """
    source, partial = root / trained.adapter_path, root / f"{ADAPTER}.partial"
    load_lora_tensors(model, root / candidate.path)
    with saving():
        copy_adapter(source, trained.adapter_files, partial)
        if candidate.step != trained.best_step:
            swap_lora_tensors(partial, root / candidate.path)
    found = trained.round_trip
    if candidate.step != trained.best_step:
        saved, new_rows = "embedding" in trained.adapter_parts_bytes, trained.new_rows
        expected = round_trip.expected_of(model, rows, new_rows if saved else 0)
        if is_spread(model):
            empty(model)  # the cards do not hold it twice
        found = round_trip.check(
            expected,
            trained.vocabulary_rows if new_rows else 0,
            files,
            partial,
            dtype=trained.precision.value,
            left_out=pad_token if new_rows and not saved else None,
        )
        log.info(
            "stage=probe round_trip=true max_difference=%.2e tolerance=%.2e", found.max_difference, found.tolerance
        )
    replace_folder(partial, root / ADAPTER)
    log.info("stage=probe exported_step=%d eval_loss=%.4f", candidate.step, candidate.eval_loss)
    return found
