"""The adapter: attached to the frozen base, and saved with the embedding layer where the vocabulary was extended.

peft's `save_embedding_layers="auto"` is never used: it asks the Hub whether the vocabulary changed, and it writes a tied
embedding twice in float32 (Llama 3.2 3B with one new row: 3.19 GB). Here the layer is written once, in the dtype in which
the base model was published (0.83 GB), or as its new rows alone (37 MB).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from job.errors import DiskFull, SettingsError
from job.modeling.adapter_file import lora_tensors, write_weights
from job.modeling.config import published_dtype
from job.modeling.files import BaseFiles
from job.modeling.refusals import rows_of_two_layers
from job.modeling.targets import peft_names, targets
from job.runs.files import remove
from job.settings.fields import LoraSettings


def attach(model: PreTrainedModel, lora: LoraSettings, seed: int, base: str) -> PeftModel:
    """LoRA on the layers that FINETUNE_LORA_TARGETS names; its parameters are float32 and the only trainable ones.

    Raises SettingsError (64) if a target names no layer of this model.
    """
    chosen = peft_names(targets(model, lora.targets, base), model)
    torch.manual_seed(seed)  # the initial adapter does not depend on what drew random numbers before
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=chosen,
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:  # peft knows some layers to be fused with others (AFMoE's gate_proj)
        raise SettingsError([f"FINETUNE_LORA_TARGETS: peft refuses {', '.join(chosen)} of {base}: {error}"]) from error


def save(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    files: BaseFiles,
    folder: Path,
    *,
    new_rows: int,
    save_embedding: str,
) -> dict[str, int]:
    """Write adapter and tokenizer into `folder`; returns bytes by part. Raises DiskFull (73) before it writes the adapter.

    `new_rows`: rows added to the vocabulary; with 0 there is no embedding to save.
    """
    remove(folder)
    folder.mkdir(parents=True)
    tensors = lora_tensors(model)
    parts = {"lora": _bytes(tensors)}
    config = model.peft_config["default"]
    if new_rows and save_embedding != "none":
        embedding = embedding_tensors(model, published_dtype(files.config), new_rows, save_embedding)
        parts["embedding"] = _bytes(embedding)
        tensors |= embedding
    saved = LoraConfig(**{**config.to_dict(), "inference_mode": True})
    name = files.name if files.revision else files.folder.name  # it is published: no path of this machine
    saved.base_model_name_or_path, saved.revision = name, files.revision or None
    saved.target_modules = sorted(saved.target_modules)  # peft keeps a set, whose order differs from process to process
    if new_rows and save_embedding == "rows":
        first = model.get_input_embeddings().weight.shape[0] - new_rows
        name = name_of(model, model.get_input_embeddings()).rpartition(".")[2]
        saved.trainable_token_indices = {name: list(range(first, first + new_rows))}
    needed = int(sum(parts.values()) * 1.5)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(f"The adapter needs {needed:,} bytes at {folder}, but only {free:,} are free.")
    write_weights(tensors, folder)
    saved.save_pretrained(str(folder))
    tokenizer.init_kwargs.pop("local_files_only", None)  # how this process loaded it, which is nobody else's business
    tokenizer.save_pretrained(folder)
    return parts


def embedding_tensors(model: PeftModel, stored: torch.dtype, new_rows: int, how: str) -> dict[str, torch.Tensor]:
    """The rows or layers of embedding and head to save: one layer if they are tied, both if not."""
    layer, head_layer = model.get_input_embeddings(), model.get_base_model().get_output_embeddings()
    key = name_of(model, layer)
    weight, head = layer.weight.detach(), head_layer.weight.detach()  # (V, H)
    tied = head.data_ptr() == weight.data_ptr()
    if how == "rows":
        if not tied:
            raise rows_of_two_layers(model.get_base_model().config.name_or_path)
        rows = weight[-new_rows:].to(stored).cpu().contiguous()
        return {f"{key}.token_adapter.trainable_tokens_delta": rows}
    tensors = {f"{key}.weight": weight.to(stored).cpu().contiguous()}
    if not tied:
        tensors[f"{name_of(model, head_layer)}.weight"] = head.to(stored).cpu().contiguous()
    return tensors


def name_of(model: PeftModel, layer: torch.nn.Module) -> str:
    """The full name of a layer, which is its key in the adapter's file."""
    return next(name for name, module in model.named_modules() if module is layer)


def _bytes(tensors: dict[str, torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
