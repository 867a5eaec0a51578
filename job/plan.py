"""What a run would do, told without GPU, weights or any write: `python entrypoint.py plan`.

Sizes are counted on the base model's shapes, which its config.json alone gives. Imports no heavy library before it gets there:
wrong settings are told in half a second.
"""

from __future__ import annotations

import gzip
import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from job.errors import AccessDenied, HubUnavailable
from job.modeling.memory import GIB, RESERVE_SHARE, T4_BYTES, candidates
from job.runs.redaction import STARS
from job.settings.fields import Settings
from job.settings.reference import as_text
from job.settings.sources import Source

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture
from job.modeling.sizes import architecture_of, sizes, width_of


def count_rows(source: Source) -> int | None:
    """Rows of a local file, None where only reading all of it with its library would tell."""
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
    """`origin`: variable -> where its value came from; defaults are not in it."""
    yield "Settings"
    for section, fields in settings.model_dump(mode="json").items():
        items = fields.items() if isinstance(fields, dict) else [("", fields)]
        for field, value in items:
            name = "FINETUNE_" + "_".join(filter(None, (section, field))).upper()
            shown = ",".join(map(str, value)) if isinstance(value, list) else as_text(value)
            yield f"  {name}={shown}" + (f"  ({origin[name]})" if name in origin else "")
    yield f"  HF_TOKEN={STARS if token else ''}"
    yield ""
    yield "Stages"
    known = [(source, count_rows(source)) for source in settings.data.sources]
    for source, rows in known:
        yield f"  clean   {source}: {f'{rows:,} rows' if rows is not None else 'rows are counted when it is read'}"
    total = sum(rows for _, rows in known if rows is not None)
    asked = [min(source.rows or (rows or 0), rows or source.rows) for source, rows in known]
    if all(asked):
        most = min(sum(asked), settings.data.max_rows or total or sum(asked))
        train_rows = most - round(most * settings.data.eval_fraction)
        steps = math.ceil(math.ceil(train_rows / settings.train.batch_size) * settings.train.epochs)
        yield f"  train   at most {train_rows:,} rows, {steps:,} optimizer steps of {settings.train.batch_size} rows"
    else:
        yield f"  train   optimizer steps of {settings.train.batch_size} rows, {settings.train.epochs:g} epochs"
    yield (
        f"  probe   {'the questions of ' + settings.probe.questions_file + ' and ' if settings.probe.questions_file else ''}"
        f"{settings.probe.eval_rows} evaluation rows, base and tuned model"
    )
    hub = settings.hub
    visibility = "private" if hub.private else "public"
    yield f"  push    adapter: {f'{hub.repo_id} ({visibility})' if hub.repo_id else 'not pushed'}"
    yield f"          cleaned data set: {f'{hub.dataset_repo_id} ({visibility})' if hub.dataset_repo_id else 'not pushed'}"
    yield ""
    yield f"Files in {settings.output_dir}"
    base = None
    try:
        base = architecture_of(settings, token)
    except (HubUnavailable, AccessDenied) as error:
        yield f"  (the base model's config cannot be read now, so sizes are unknown: {error})"
    if base:
        found = sizes(base, settings)
        yield (
            f"  adapter/adapter_model.safetensors  {found.adapter_bytes:,} bytes: "
            f"LoRA {found.lora_parameters:,} float32 parameters ({found.lora_bytes:,})"
            + (f", embedding layer ({found.embedding_bytes:,})" if found.embedding_bytes else "")
        )
        yield f"  train/checkpoints/                 about {9 * found.lora_bytes:,} bytes at most"
    else:
        yield "  adapter/                           size unknown"
    yield "  clean/ train/ probe/ settings.json clean.json train.json probe.json push.json metrics.json report.html"
    yield ""
    if base:
        yield "Base model"
        yield from base_lines(base, settings)
        yield ""
    yield "GPU memory on an NVIDIA T4, with rows as long as they may be (measured on the card before training)"
    yield f"  {memory_line(base, settings) if base else 'unknown'}"


def base_lines(base: Architecture, settings: Settings) -> Iterator[str]:
    """What of the base will be in 4 bits, and which layers get the adapter."""
    from job.modeling.targets import shown, targets
    from job.modeling.weights import count_weights, quantized_share

    parameters: Counter[str] = Counter()
    for count in count_weights(base.model):
        parameters[count.kind] += count.parameters
    for kind, number in parameters.items():
        yield f"  {kind:<18} {number:>15,} parameters"
    yield f"  in 4 bits: {quantized_share(base.model):.1%} of the linear weights (embedding and head aside)"
    chosen = targets(base.model, settings.lora.targets, base.name)
    yield f"  adapter on {', '.join(shown(chosen, base.model))}: {len(chosen)} layers"


def memory_line(base: Architecture, settings: Settings) -> str:
    """How a step would be cut on a T4, and the peak that is predicted."""
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
        told = f"{(need or 0) / GIB:.1f} GiB of {usable / GIB:.1f} usable, {RESERVE_SHARE:.0%} kept in reserve"
        if (need or 0) <= usable:
            return f"{candidate}: {told}"
    return f"one row does not fit: {told}; lower FINETUNE_TRAIN_MAX_TOKENS"
