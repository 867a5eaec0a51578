"""The adapter: attached to the frozen base, saved with the embedding layer where the vocabulary was extended, proven.

peft's `save_embedding_layers="auto"` is never used: it asks the Hub whether the vocabulary changed, and it writes a tied
embedding twice in float32 (Llama 3.2 3B with one new row: 3.19 GB). Here the layer is written once, in the dtype in which
the base model was published (0.83 GB), or as its new rows alone (37 MB).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from job.errors import DiskFull, JobError, SettingsError
from job.modeling.architecture import peft_names, rows_of_two_layers, targets
from job.modeling.base import BaseFiles, attention_of, checkpoint_dtype, loading_code
from job.settings import LoraSettings

WEIGHTS = "adapter_model.safetensors"
COMPARED_ROWS = 64
EMBEDDING_ROUNDING = 0.01
"""Of a row's length: one rounding to bfloat16 is at most 0.004."""


@dataclass(frozen=True)
class Readback:
    difference: float
    tolerance: float
    cpu_kernel_difference: float | None = None
    """As `difference`, on the CPU kernel that the card's lines alone end in; None where this machine has none."""
    cpu_kernel_error: str = ""
    """Why that kernel cannot compute this base."""


def attach(model: Any, lora: LoraSettings, seed: int, base: str) -> Any:
    """LoRA on the layers that FINETUNE_LORA_TARGETS names; its parameters are float32 and the only trainable ones.

    Raises SettingsError (64) where a target names no layer of this model.
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
    except ValueError as error:  # of layers that peft knows to be fused with others (AFMoE's gate_proj)
        raise SettingsError([f"FINETUNE_LORA_TARGETS: peft refuses {', '.join(chosen)} of {base}: {error}"]) from error


def lora_tensors(model: PeftModel) -> dict[str, torch.Tensor]:
    """The adapter's own tensors under their file names, without any embedding."""
    tensors = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def load_lora_tensors(model: PeftModel, path: Path) -> None:
    set_peft_model_state_dict(model, load_file(path))


def save(
    model: PeftModel, tokenizer: Any, files: BaseFiles, folder: Path, *, new_rows: int, save_embedding: str
) -> dict[str, int]:
    """Write adapter and tokenizer into `folder`; returns bytes by part.

    `new_rows`: rows by which the vocabulary was extended; with 0 there is no embedding to save.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = lora_tensors(model)
    parts = {"lora": _bytes(tensors)}
    config = model.peft_config["default"]
    if new_rows and save_embedding != "none":
        embedding = _embedding_tensors(model, checkpoint_dtype(files), new_rows, save_embedding)
        parts["embedding"] = _bytes(embedding)
        tensors |= embedding
    saved = LoraConfig(**{**config.to_dict(), "inference_mode": True})
    saved.base_model_name_or_path, saved.revision = files.name, files.revision or None
    if new_rows and save_embedding == "rows":
        first = model.get_input_embeddings().weight.shape[0] - new_rows
        name = name_of(model, model.get_input_embeddings()).rpartition(".")[2]
        saved.trainable_token_indices = {name: list(range(first, first + new_rows))}
    needed = int(sum(parts.values()) * 1.5)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(f"The adapter needs {needed:,} bytes at {folder}, and {free:,} are free.")
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    saved.save_pretrained(str(folder))
    tokenizer.save_pretrained(folder)
    _readable(folder)
    return parts


def _embedding_tensors(model: PeftModel, stored: torch.dtype, new_rows: int, how: str) -> dict[str, torch.Tensor]:
    """What must be saved of embedding and head: once where they are tied, both where not."""
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


def name_of(model: Any, layer: Any) -> str:
    """The full name of a layer, which is its key in the adapter's file."""
    return next(name for name, module in model.named_modules() if module is layer)


def _bytes(tensors: dict[str, torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _readable(folder: Path) -> None:
    """safetensors writes mode 0600 whatever the umask; the person who mounted the volume must be able to read."""
    umask = os.umask(0)
    os.umask(umask)
    for path in folder.iterdir():
        path.chmod(0o666 & ~umask)


def prove(
    model: PeftModel,
    rows: list[list[int]],
    files: BaseFiles,
    adapter: Path,
    *,
    dtype: str,
    new_rows: int,
    save_embedding: str,
    pad_token: int,
) -> Readback:
    """Load base and adapter in a fresh process by the lines of the model card, and compare logits on `rows`.

    Where rows of the embedding are saved, what the loaded layer gives for them is compared as well, the new ones first, and
    the new token's logits with all others. Raises JobError (1) where anything differs by more than the dtype's rounding.
    """
    folder = adapter.with_name("readback.partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    embedding_saved = bool(new_rows) and save_embedding != "none"
    vocabulary_rows = model.get_input_embeddings().weight.shape[0]
    try:
        expected = {}
        model.eval()
        for number, ids in enumerate(rows):
            batch = torch.tensor([ids], device=model.device)
            with torch.no_grad():
                logits = model(input_ids=batch, attention_mask=torch.ones_like(batch)).logits
            expected[f"ids_{number}"] = batch[0].cpu()
            expected[f"logits_{number}"] = logits[0].float().cpu().contiguous()  # (T, V)
        if embedding_saved:
            tokens = torch.tensor([*range(vocabulary_rows - new_rows, vocabulary_rows), *range(COMPARED_ROWS)])
            with torch.no_grad():
                vectors = model.get_input_embeddings()(tokens.to(model.device))
            expected["embedding_ids"], expected["embedding"] = (
                tokens,
                vectors.float().cpu().contiguous(),
            )  # (N,), (N, H)
        save_file(expected, folder / "expected.safetensors")
        code = loading_code(str(files.folder), "", dtype, vocabulary_rows if new_rows else 0, attention_of(files))
        request = {
            "code": code,
            "adapter": str(adapter.absolute()),
            "expected": str(folder / "expected.safetensors"),
            "rows": len(rows),
            "left_out": None if embedding_saved or not new_rows else pad_token,
        }
        (folder / "request.json").write_text(json.dumps(request), "utf-8")
        child = subprocess.run(
            [sys.executable, "-m", "job.training.readback", str(folder / "request.json")],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": _import_path()},
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if child.returncode:
        raise JobError(
            f"The saved adapter does not load in a fresh process:\n{child.stderr.strip()[-2000:]}",
            remedy="This is a fault of the program or of its library versions: please report it with this text.",
        )
    answer = json.loads(child.stdout.splitlines()[-1])
    # Rounding of the dtype, times the depth over which it adds up, in units of the largest logit.
    rounding = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}[dtype]
    tolerance = rounding * max(1.0, answer["largest"])
    result = Readback(
        answer["difference"], tolerance, answer.get("cpu_kernel_difference"), answer.get("cpu_kernel_error", "")
    )
    if not result.difference <= result.tolerance:
        raise JobError(
            f"The adapter in a fresh process answers differently from the trained model: a logit differs by "
            f"{result.difference:g}, more than {result.tolerance:g}.",
            remedy="This is a fault of the program or of its library versions: please report it with metrics.json.",
        )
    if not answer.get("embedding_difference", 0.0) <= EMBEDDING_ROUNDING:
        raise JobError(
            f"The saved embedding layer is not what a fresh process loads: a row of it differs by "
            f"{answer['embedding_difference']:.1%} of its length.",
            remedy="This is a fault of the program or of its library versions: please report it with metrics.json. With "
            "FINETUNE_MODEL_PAD_TOKEN=reserved, in a new FINETUNE_OUTPUT_DIR, no embedding layer has to be saved.",
        )
    return result


def _import_path() -> str:
    project = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, [project, os.environ.get("PYTHONPATH", "")]))
