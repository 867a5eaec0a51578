"""lora/: the LoRA tensors alone, with the base's own tokenizer. Every tool that knows LoRA takes it as it is.

With the default settings adapter/ holds the extended embedding layer too, for the sake of one new token that no answer
contains. vLLM and llama.cpp's converter refuse any tensor that is not LoRA, and peft cannot put that layer into a base of the
published size. The base's rows in that layer are as they were, so nothing is lost without it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import load_file

from job.errors import JobError
from job.exporting.agreement import agreement_of
from job.exporting.source import Source
from job.exporting.texts import base_tokenizer, generation_config
from job.hosts import disk
from job.modeling.adapter_file import WEIGHTS, copy_adapter, write_weights
from job.modeling.base import loading_code
from job.modeling.fresh import OUR_FAULT
from job.modeling.precision import DTYPES
from job.modeling.spread import is_on_the_first, placement
from job.results import Form

LEAST_SHARE = {"float32": 0.99, "float16": 0.95, "bfloat16": 0.95}
"""Of the tokens of the probe's answers. The weights are the same bit for bit, but answers were computed in other batches, whose
sums are rounded differently, and in 16 bits two tokens are now and then equally likely."""


def write_lora(source: Source, folder: Path) -> None:
    """Raises DiskFull (73) before it writes what does not fit."""
    texts = sum(path.stat().st_size for path in source.adapter.iterdir() if path.name != WEIGHTS)
    disk.require_left(
        folder.parent, texts + sum(tensor.nbytes for tensor in source.lora.values()), "the files of lora/"
    )
    copy_adapter(source.adapter, (WEIGHTS,), folder)
    if source.has_embedding:
        (folder / WEIGHTS).unlink()
        write_weights(source.lora, folder)
    config = LoraConfig.from_pretrained(str(source.adapter))
    config.trainable_token_indices = None  # the new rows of the embedding
    config.target_modules = sorted(config.target_modules)
    config.save_pretrained(str(folder))
    tokenizer = base_tokenizer(source)
    tokenizer.save_pretrained(folder)
    generation_config(source, tokenizer).save_pretrained(folder)


def check_lora(source: Source, folder: Path) -> Form:
    """Raises JobError (1) if the tensors or the answers are not the tuned model's, MemoryExhausted (62)."""
    found = load_file(folder / WEIGHTS)
    if found.keys() != source.lora.keys() or not all(torch.equal(found[name], source.lora[name]) for name in found):
        raise JobError(
            f"The tensors in {folder.name}/{WEIGHTS} are not the LoRA tensors of the adapter.",
            remedy=f"{OUR_FAULT}. FINETUNE_EXPORT=adapter goes on without this form.",
        )
    trained = source.trained
    code = loading_code(str(source.files.folder), "", trained.precision.value, 0, trained.attention)
    spread = not is_on_the_first(placement(source.files, DTYPES[trained.precision.value]))
    found = agreement_of(source, folder, code, "adapter", LEAST_SHARE[trained.precision.value], spread=spread)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return Form(name="lora", dtype="float32", bytes=size, agreement=found)
