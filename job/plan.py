"""Prints what a run would do, without a GPU, without weights and without writing anything: `python entrypoint.py plan`.

Sizes follow from the base model's shapes, which come from its config.json alone. Heavy libraries are imported only
then, so that a wrong setting is reported in half a second.
"""

from __future__ import annotations

import gzip
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from job import pipeline
from job.errors import AccessDenied, HubUnavailable
from job.modeling.memory import GIB, RESERVE_SHARE, T4_BYTES, candidates
from job.modeling.sizes import architecture_of, sizes, width_of
from job.results import Pin
from job.runs import pins
from job.runs.redaction import STARS
from job.settings.fields import PREFIX, Settings
from job.settings.reference import as_text
from job.settings.sources import Source

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture


def count_rows(source: Source) -> int | None:
    """Rows of a local file; None if counting them means reading all of it with its library."""
    if not source.is_local or not source.path.is_file():
        return None
    name = source.path.name
    if name.endswith((".jsonl", ".jsonl.gz")):
        with gzip.open(source.path, "rb") if name.endswith(".gz") else source.path.open("rb") as file:
            return sum(1 for line in file if line.strip())
    if name.endswith(".parquet"):
        import pyarrow.parquet

        return int(pyarrow.parquet.read_metadata(source.path).num_rows)
    return None


def lines(settings: Settings, token: str, *, origin: dict[str, str]) -> Iterator[str]:
    """`origin`: variable -> where its value came from; defaults are not in it.

    Raises SettingsError (64), NotFound (66) for a base model that cannot be trained as the settings say.
    """
    yield "Settings"
    yield from settings_lines(settings, token, origin)
    yield "\nStages"
    yield from stage_lines(settings)
    yield "\nRows"
    yield from row_lines(settings)
    yield "\nQuestions"
    yield from question_lines(settings)
    yield "\nHub"
    yield from hub_lines(settings)
    known = pins.read(settings.output_dir)
    yield from pin_lines(known)
    base, problem = read_base(pins.pinned(settings, known), token)
    yield f"\nFiles in {settings.output_dir}"
    yield from file_lines(settings, base, problem)
    if base:
        yield "\nBase model"
        yield from base_lines(base, settings)
    yield "\nGPU memory on an NVIDIA T4 for the longest rows that the settings allow (a run measures it before training)"
    yield f"  {memory_line(base, settings) if base else 'unknown'}"


def settings_lines(settings: Settings, token: str, origin: dict[str, str]) -> Iterator[str]:
    for section, fields in settings.model_dump(mode="json").items():
        items = fields.items() if isinstance(fields, dict) else [("", fields)]
        for field, value in items:
            name = PREFIX + "_".join(filter(None, (section, field))).upper()
            shown = ",".join(map(str, value)) if isinstance(value, list) else as_text(value)
            yield f"  {name}={shown}" + (f"  ({origin[name]})" if name in origin else "")
    yield f"  HF_TOKEN={STARS if token else ''}"


def stage_lines(settings: Settings) -> Iterator[str]:
    """Raises SettingsError (64) for FINETUNE_STAGES that cannot be run."""
    wanted = pipeline.chosen(settings)
    width = max(len(stage.name) for stage in pipeline.STAGES)
    for stage in pipeline.STAGES:
        yield f"  {stage.name:<{width}}  {stage.words}" + ("" if stage in wanted else " (not in this start)")


def row_lines(settings: Settings) -> Iterator[str]:
    """What each source holds, and how many optimizer steps that makes at most."""
    train = settings.train
    counts = [(source, count_rows(source)) for source in settings.data.sources]
    for source, rows in counts:
        yield f"  {source}: {f'{rows:,} rows' if rows is not None else 'row count unknown until the run reads it'}"
    taken = [min(source.rows or (rows or 0), rows or source.rows) for source, rows in counts]
    if all(taken):
        most = min(sum(taken), settings.data.max_rows or sum(taken))
        train_rows = most - round(most * settings.data.eval_fraction)
        steps = math.ceil(math.ceil(train_rows / train.batch_size) * train.epochs)
        yield f"  at most {train_rows:,} rows for training, {steps:,} optimizer steps of {train.batch_size} rows"
    else:
        yield f"  {train.epochs:g} epochs in optimizer steps of {train.batch_size} rows"


def question_lines(settings: Settings) -> Iterator[str]:
    if settings.probe.questions_file:
        yield f"  from {settings.probe.questions_file}"
    yield f"  from {settings.probe.eval_rows} evaluation rows"


def hub_lines(settings: Settings) -> Iterator[str]:
    visibility = "private" if settings.hub.private else "public"
    for what, repo_id in (("adapter", settings.hub.repo_id), ("cleaned rows", settings.hub.dataset_repo_id)):
        yield f"  {what}: {f'{repo_id} ({visibility})' if repo_id else 'not pushed'}"


def pin_lines(known: list[Pin]) -> Iterator[str]:
    """The commits that the run in the output folder keeps to; a new run finds its own."""
    for pin in known:
        yield f"  {pin.name}@{pin.revision} stays at {pin.commit}"


def read_base(settings: Settings, token: str) -> tuple[Architecture | None, str]:
    """The base model, or None and the reason why its config cannot be fetched now: a plan can do without."""
    if settings.model.is_local and not Path(settings.model.location).exists():
        return None, f"{settings.model.location} is not on this machine"
    from job.hosts.patience import Limits, set_limits

    set_limits(Limits(still_seconds=20))
    try:
        return architecture_of(settings, token), ""
    except (HubUnavailable, AccessDenied) as error:
        return None, str(error)


def file_lines(settings: Settings, base: Architecture | None, problem: str) -> Iterator[str]:
    """The files that the stages leave, and the sizes of the large ones."""
    for stage in pipeline.STAGES:
        yield f"  {' '.join((f'{stage.name}.json', *stage.files))}"
    yield "  settings.json metrics.json report.html"
    if not base:
        yield f"  sizes are unknown, because the base model's config cannot be read now: {problem}"
        return
    found = sizes(base, settings)
    yield (
        f"  adapter_model.safetensors: {found.adapter_bytes:,} bytes: "
        f"{found.lora_parameters:,} float32 LoRA parameters ({found.lora_bytes:,})"
        + (f" and the embedding layer ({found.embedding_bytes:,})" if found.embedding_bytes else "")
    )
    yield f"  checkpoints: about {9 * found.lora_bytes:,} bytes at most"


def base_lines(base: Architecture, settings: Settings) -> Iterator[str]:
    """How much of the base will be in 4 bits, and which layers get the adapter."""
    from job.modeling.targets import shown, targets
    from job.modeling.weights import count_weights, quantized_share

    parameters: Counter[str] = Counter()
    for count in count_weights(base.model):
        parameters[count.kind] += count.parameters
    for kind, number in parameters.items():
        yield f"  {kind:<18} {number:>15,} parameters"
    yield f"  in 4 bits: {quantized_share(base.model):.1%} of the linear weights (not counting embedding and head)"
    chosen = targets(base.model, settings.lora.targets, base.name)
    yield f"  adapter on {', '.join(shown(chosen, base.model))}: {len(chosen)} layers"


def memory_line(base: Architecture, settings: Settings) -> str:
    """How a step would be cut on a T4, and the predicted peak."""
    from job.modeling.layers import decoder_layers
    from job.modeling.prediction import predictions

    longest = settings.train.max_tokens
    width = width_of(base, settings, (7, 5))
    usable = T4_BYTES * (1 - RESERVE_SHARE)
    ways = candidates(longest, longest * settings.train.batch_size, recomputable=bool(decoder_layers(base.model)))
    needs = predictions(base, settings.lora, ways, width=width)
    if needs[0] is None:
        return "unknown for this architecture"
    for candidate, need in zip(ways, needs, strict=True):
        peak = f"{(need or 0) / GIB:.1f} GiB of {usable / GIB:.1f} usable, {RESERVE_SHARE:.0%} kept in reserve"
        if (need or 0) <= usable:
            return f"{candidate}: {peak}"
    return f"one row does not fit: {peak}; lower FINETUNE_TRAIN_MAX_TOKENS"
