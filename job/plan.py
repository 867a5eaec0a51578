"""What a run would do, told without GPU, weights or any write: `python entrypoint.py plan`.

Sizes are computed from the base model's config alone. Imports no heavy library.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from job.errors import JobError
from job.memory import GIB, RESERVE_SHARE, T4_BYTES, Shapes, predict, rungs
from job.redaction import STARS
from job.settings import Settings, Source, as_text

SPARE_PAD_HINT = "reserved pad token: vocabulary unchanged"
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Sizes:
    """Bytes that the adapter will take, from the shapes in the base model's config."""

    lora_parameters: int
    lora_bytes: int
    embedding_bytes: int

    @property
    def adapter_bytes(self) -> int:
        return self.lora_bytes + self.embedding_bytes

    @property
    def run_bytes(self) -> int:
        """Most that the output folder holds at once: adapter and its copy in the making, best adapter, and three
        checkpoints (two kept, one being written) of adapter and two Adam moments in float32; and 50 MB of records."""
        return 2 * self.adapter_bytes + self.lora_bytes + 3 * 3 * self.lora_bytes + 50_000_000


def sizes(config: dict[str, Any], settings: Settings) -> Sizes | None:
    """None where the architecture's shapes are not those of a Llama-like decoder."""
    shapes = Shapes.of(config)
    parameters = shapes.lora_parameters(settings.lora) if shapes else None
    if shapes is None or parameters is None:
        return None
    width = DTYPE_BYTES.get(str(config.get("dtype") or config.get("torch_dtype")), 4)
    embedding = 0
    if settings.model.pad_token == "add":
        copies = 1 if shapes.tied else 2
        rows = {"full": (shapes.vocabulary + 1) * copies, "rows": 1, "none": 0}[settings.model.save_embedding]
        embedding = rows * shapes.hidden * width
    return Sizes(parameters, parameters * 4, embedding)


def read_config(settings: Settings, token: str) -> dict[str, Any]:
    """The base model's config.json, from its folder or the Hub. Raises what the Hub's failures mean (66, 67, 76)."""
    path = Path(settings.model.location) / "config.json"
    if not settings.model.is_local:
        from huggingface_hub import hf_hub_download

        from job.hub import explained

        what = f"base model {settings.model.base} at {settings.model.revision}"
        with explained(what, "FINETUNE_MODEL_BASE and FINETUNE_MODEL_REVISION", has_token=bool(token)):
            path = Path(
                hf_hub_download(
                    settings.model.base, "config.json", revision=settings.model.revision, token=token or False
                )
            )
    config = json.loads(path.read_text("utf-8"))
    assert isinstance(config, dict)
    return config


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
        train_rows = most - round(most * settings.data.eval_share)
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
    found = memory = None
    try:
        config = read_config(settings, token)
        found, memory = sizes(config, settings), memory_line(config, settings)
    except JobError as error:
        yield f"  (the base model's config cannot be read now, so sizes are unknown: {error})"
    if found:
        yield (
            f"  adapter/adapter_model.safetensors  {found.adapter_bytes:,} bytes: "
            f"LoRA {found.lora_parameters:,} float32 parameters ({found.lora_bytes:,})"
            + (f", embedding layer ({found.embedding_bytes:,})" if found.embedding_bytes else "")
        )
        yield f"  train/checkpoints/                 about {9 * found.lora_bytes:,} bytes at most"
    else:
        yield "  adapter/                           size unknown for this architecture"
    yield "  clean/ train/ probe/ settings.json clean.json train.json probe.json push.json metrics.json report.html"
    yield ""
    yield "GPU memory on an NVIDIA T4, with rows as long as they may be (measured on the card before training)"
    yield f"  {memory or 'unknown for this architecture'}"


def memory_line(config: dict[str, Any], settings: Settings) -> str | None:
    """How a step would be cut on a T4, and the peak that is predicted. None where the shapes are unknown."""
    shapes = Shapes.of(config)
    longest = settings.train.max_tokens
    width = 4 if settings.train.precision == "float32" else 2
    usable = T4_BYTES * (1 - RESERVE_SHARE)
    for rung in rungs(longest, longest * settings.train.batch_size):
        need = predict(shapes, settings.lora, rung, width=width) if shapes else None
        if need is None:
            return None
        told = f"{need / GIB:.1f} GiB of {usable / GIB:.1f} usable, {RESERVE_SHARE:.0%} kept in reserve"
        if need <= usable:
            return f"{rung}: {told}"
    return f"one row does not fit: {told}; lower FINETUNE_TRAIN_MAX_TOKENS"
