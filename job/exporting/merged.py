"""merged/: a whole model in 16 bits, the adapter merged into the base's weights, as tools want it that know no LoRA.

It is written from the base's files tensor by tensor, so a model of any size is merged in the memory that its largest tensor
takes. Where transformers builds a weight that changes from several stored ones, or under names that do not say so, the whole
model is loaded instead, in 16 bits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from job.errors import JobError
from job.exporting.agreement import agreement_of
from job.exporting.checkpoint import FLOATS, NAMES, Stored, loaded_as, read, shards, write, write_index
from job.exporting.merging import Weight, changed_weights, merged_weight, update_share
from job.exporting.modelfile import no_template, write_modelfile
from job.exporting.source import Source
from job.exporting.texts import base_tokenizer, generation_config
from job.hosts import disk
from job.hosts.main_memory import main_memory_bytes, require_main_memory
from job.modeling.architecture import Architecture
from job.modeling.base import merged_loading_code
from job.modeling.config import published_dtype
from job.modeling.fresh import OUR_FAULT
from job.modeling.spread import one_card_holds
from job.results import Form

LEAST_SHARE = {"dequantized": 0.9, "unquantized": 0.5}
"""Of the tokens of the probe's answers; measured in README.md. The published weights are another model than the one that was
trained: how far from it depends on the base, so there the bound only tells a tuned model from a damaged one."""
NUMBER_BYTES = 16
"""Of a weight while it is merged, and while it is read again: in float32 three times at most, and in 16 bits twice."""
CHECK_BYTES = 620_000_000
"""Of the process that checks: libraries, tokenizer, and states of Llama 3.2 3B. Weights are mapped, and take none."""
MORE_MEMORY = (
    "End other processes, use a machine with more memory, or leave merged out of FINETUNE_EXPORT: `export merged` makes it "
    "from a copy of the run folder on any machine."
)


def dtype_of(source: Source) -> torch.dtype:
    """The one in which the base was published, if that has 16 bits; else bfloat16, whose range is that of float32."""
    published = published_dtype(source.files.config)
    return published if published.itemsize == 2 else torch.bfloat16


def write_merged(source: Source, folder: Path) -> None:
    """Raises DiskFull (73) and HostUnfit (68) before it writes weights that do not fit."""
    dtype = dtype_of(source)
    files = shards(source.files.folder)
    planned = {name: [_written(one, source, dtype) for one in stored] for name, stored in files.items()}
    disk.require_left(folder.parent, int(_bytes(planned) * 1.02), "the merged model's weights")
    folder.mkdir(parents=True)
    model = Architecture.read(source.files.folder, source.files.name).model
    weights = changed_weights(source, model)
    keys = _keys(weights, loaded_as(model, [one.key for stored in files.values() for one in stored]), files)
    if keys is None:
        _write_whole(source, weights, folder, dtype)
    else:
        needed = (_memory(one, to, keys) for name in files for one, to in zip(files[name], planned[name], strict=True))
        require_main_memory(max(needed), "merging the largest weight", MORE_MEMORY)
        require_main_memory(_check_bytes(source), "the process that checks merged/", MORE_MEMORY)
        for name, stored in files.items():
            tensors = read(source.files.folder / name, [one.key for one in stored])
            write(folder / name, planned[name], _merged(source, stored, planned[name], tensors, keys))
        write_index(folder, planned)
    _write_texts(source, folder, dtype)


def _bytes(planned: dict[str, list[Stored]]) -> int:
    return sum(one.bytes for stored in planned.values() for one in stored)


def _memory(one: Stored, to: Stored, keys: dict[str, Weight]) -> int:
    """What it takes while it is merged or copied. What is stored is mapped, and takes none of what is free."""
    return one.numbers * NUMBER_BYTES if one.key in keys else to.bytes if one.dtype != to.dtype else 0


def _check_bytes(source: Source) -> int:
    """With the logits of the longest answer, in 16 bits and in float32."""
    longest = max((len(said.prompt + said.answer) for said in source.said), default=0)
    return CHECK_BYTES + 6 * longest * source.trained.vocabulary_rows


def _written(one: Stored, source: Source, dtype: torch.dtype) -> Stored:
    """Vectors that the base stores in another precision than the rest keep it."""
    is_float = one.dtype in FLOATS
    usual = one.dtype == NAMES[published_dtype(source.files.config)]
    return Stored(one.key, NAMES[dtype], one.shape) if is_float and (usual or len(one.shape) > 1) else one


def _keys(
    weights: dict[str, Weight], loaded: dict[str, str], files: dict[str, list[Stored]]
) -> dict[str, Weight] | None:
    """Key in the files -> the weight that changes; None unless each weight is stored by itself, in the shape that it has."""
    shapes = {one.key: one.shape for stored in files.values() for one in stored}
    found = {key: weights[name] for key, name in loaded.items() if name in weights}
    fits = all(
        shapes[key] == (weight.shape[::-1] if weight.transposed else weight.shape) for key, weight in found.items()
    )
    return (
        found
        if fits and sorted(w.module for w in found.values()) == sorted(w.module for w in weights.values())
        else None
    )


def _merged(
    source: Source,
    stored: list[Stored],
    planned: list[Stored],
    tensors: Iterator[torch.Tensor],
    keys: dict[str, Weight],
) -> Iterator[torch.Tensor]:
    for before, after, tensor in zip(stored, planned, tensors, strict=True):
        source.look()
        if weight := keys.get(before.key):
            yield merged_weight(source, weight, tensor, FLOATS[after.dtype])
        else:
            yield tensor.to(FLOATS[after.dtype]) if after.dtype != before.dtype else tensor


@torch.no_grad()
def _write_whole(source: Source, weights: dict[str, Weight], folder: Path, dtype: torch.dtype) -> None:
    stored = sum(path.stat().st_size for path in source.files.folder.glob("*.safetensors"))
    what = "merging this base, whose files name its weights differently than the model,"
    require_main_memory(int(1.2 * stored), what, MORE_MEMORY)
    model = AutoModelForCausalLM.from_pretrained(source.files.folder, dtype=dtype, trust_remote_code=False)
    parameters = dict(model.named_parameters())
    for name, weight in weights.items():
        source.look()
        parameters[name].copy_(merged_weight(source, weight, parameters[name], dtype))
    model.save_pretrained(folder)


def _write_texts(source: Source, folder: Path, dtype: torch.dtype) -> None:
    tokenizer = base_tokenizer(source)
    tokenizer.save_pretrained(folder)
    generation_config(source, tokenizer).save_pretrained(folder)
    config = json.loads((source.files.folder / "config.json").read_text("utf-8"))
    for part in (config, config.get("text_config")):
        if isinstance(part, dict):
            name = "torch_dtype" if "torch_dtype" in part else "dtype"
            part[name] = str(dtype).removeprefix("torch.")
    config.pop("auto_map", None)  # names code of the base's repository, which is not here
    (folder / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")
    write_modelfile(source, tokenizer, folder)


# --- the check ---------------------------------------------------------------------------------------------------------


def check_merged(source: Source, folder: Path) -> Form:
    """Raises JobError (1) if a weight holds another update than the adapter's, or the answers are not the tuned model's."""
    shares = update_shares(source, folder)
    if wrong := [name for name, (share, tolerance) in shares.items() if abs(share - 1) > tolerance]:
        raise JobError(
            f"{len(wrong)} of {len(shares)} weights in merged/ do not hold the adapter's update: {wrong[0]} holds "
            f"{shares[wrong[0]][0]:.2f} of it, 1 being all. A file of the base or of merged/ is damaged.",
            remedy=f"Check the base model and the disk. {OUR_FAULT} if they are sound.",
        )
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    free = main_memory_bytes()
    said = agreement_of(
        source,
        folder,
        merged_loading_code(source.trained.attention),
        "model_folder",
        LEAST_SHARE[source.merge_into],
        spread=not one_card_holds(size),
        memory_bytes=free // 2 if 0 < free < 1.2 * size and not torch.cuda.is_available() else 0,
    )
    found = [share for share, _ in shares.values()]
    update = {"least_update": round(min(found), 4), "greatest_update": round(max(found), 4)}
    return Form(
        name="merged",
        dtype=str(dtype_of(source)).removeprefix("torch."),
        bytes=sum(path.stat().st_size for path in folder.iterdir()),
        into=source.merge_into,
        no_template=no_template(folder),
        agreement=said.model_copy(update=update),
    )


def update_shares(source: Source, folder: Path) -> dict[str, tuple[float, float]]:
    """Module with an update -> the part of it that the files hold, and by how much that may differ from 1. Both folders are
    read anew; what transformers makes from several tensors is left to the answers."""
    model = Architecture.read(source.files.folder, source.files.name).model
    before, after = _places(source.files.folder, model), _places(folder, model)
    found = {}
    for name, weight in changed_weights(source, model).items():
        if weight.module in source.updates and name in before:
            source.look()
            stored, merged = (next(read(*places[name])) if name in places else None for places in (before, after))
            assert stored is not None
            found[weight.module] = update_share(source, weight, stored, merged)
    return found


def _places(folder: Path, model: PreTrainedModel) -> dict[str, tuple[Path, list[str]]]:
    """Parameter -> the file and the key under which it is stored, where it is stored by itself."""
    files = {one.key: folder / name for name, stored in shards(folder).items() for one in stored}
    return {name: (files[key], [key]) for key, name in loaded_as(model, list(files)).items()}
