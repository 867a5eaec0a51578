"""The base model, loaded in 4 bits (bitsandbytes NF4, double quantization), and the code with which users load it.

Runs on CPU and on CUDA. Loads safetensors only and runs no code from a model repository.
"""

from __future__ import annotations

import gc
import json
import logging
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase
from transformers.integrations import sdpa_attention

from job.errors import MemoryExhausted, NotFound
from job.hosts.hub import first_line
from job.modeling.config import attention_of, published_dtype
from job.modeling.early import handed_over
from job.modeling.files import BaseFiles, require_all, stored_tensors
from job.modeling.loading import weights_as_progress
from job.modeling.nf4 import quantization, stay_differentiable
from job.modeling.refusals import damaged_weights, looks_ahead, not_in_4_bits, not_on_several_cards
from job.modeling.spread import Parts, is_on_the_first, is_spread, placement

log = logging.getLogger("job.model")
GROUPED_QUERIES = "use_gqa_in_sdpa"
"""transformers' own switch, which has no documented name."""
LOOKING_AHEAD = 0.1
"""Change of a logit, relative to the largest, from which a later token counts as seen. Rounding in bfloat16 stays below it,
also in mixtures of experts, where other tokens in the batch change the order of sums."""


def _require_gpu_memory(parts: Parts, error: RuntimeError) -> None:
    for card in {one for one in parts.values() if one != "cpu"}:
        free, total = torch.cuda.mem_get_info(card)
        if free < 0.05 * total:
            raise MemoryExhausted(
                f"GPU memory ran out while the base model was loaded: {free / 1e9:.1f} of {total / 1e9:.1f} GB are free.",
                remedy="End other processes on the GPU (nvidia-smi lists them), choose a smaller FINETUNE_MODEL_BASE, or use a "
                "GPU with more memory.",
            ) from error


def load_base(
    files: BaseFiles, tokenizer: PreTrainedTokenizerBase, dtype: torch.dtype, *, spread: bool = False
) -> PreTrainedModel:
    """The frozen NF4 base in `dtype`, its vocabulary extended if the tokenizer has more tokens than the base has rows.

    `spread`: over all cards that this process sees, if the first does not hold it (job/modeling/spread.py). That is for answers
    and losses. Training does without: its kernels and its memory plan are for one card.

    Raises NotFound (66) if weights are missing, damaged or of other shapes than the config says, SettingsError (64) if
    they are quantized already, and for a model that looks ahead, MemoryExhausted (62) for one that the cards do not hold.
    """
    parts = placement(files, dtype) if spread else {"": 0 if torch.cuda.is_available() else "cpu"}
    if not is_on_the_first(parts):
        log.info("cards=%s: the first does not hold the base", ",".join(map(str, dict.fromkeys(parts.values()))))
    model = finished(read_weights(files, dtype, parts), tokenizer, files)
    require_causal(model, tokenizer, files.name)
    return model


def read_weights(files: BaseFiles, dtype: torch.dtype, parts: Parts) -> PreTrainedModel:
    """The model as transformers loads it in 4 bits. Raises what `load_base` raises."""
    stored_tensors(files.folder, files.name)
    found, reason = None, ""
    with handed_over() as early:
        try:
            found = _loaded(files, dtype, parts)
        except (torch.OutOfMemoryError, MemoryExhausted, NotFound) as error:  # the last: also for want of memory
            if not early:
                raise
            reason = first_line(error)
    if found is None:
        gc.collect()  # what was loaded by then
        log.warning("weights_ahead=off: all weights are read from their files: %s", reason)
        found = _loaded(files, dtype, parts)
    model, loaded = found
    require_all(loaded, files.name)
    return model


def _loaded(files: BaseFiles, dtype: torch.dtype, parts: Parts) -> tuple[PreTrainedModel, dict[str, Any]]:
    """With what transformers says of the loading."""
    try:
        with weights_as_progress(files.folder):
            found: tuple[PreTrainedModel, dict[str, Any]] = AutoModelForCausalLM.from_pretrained(
                files.folder,
                dtype=dtype,
                quantization_config=quantization(dtype),
                device_map=parts,
                use_safetensors=True,
                attn_implementation=attention_of(files.config) or None,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if isinstance(error, RuntimeError) and torch.cuda.is_available():
            # transformers raises this error for anything that goes wrong with a tensor
            _require_gpu_memory(parts, error)
        raise damaged_weights(files.name, str(error).strip()) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise not_in_4_bits(files.name, error) from error
    return found


def finished(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, files: BaseFiles) -> PreTrainedModel:
    """Frozen, and with a row for each token. Also of a model without numbers, on the meta device.

    No `prepare_model_for_kbit_training`: it makes float32 copies of embedding, head and norms (1.58 instead of 0.79 GB on
    Llama 3.2 3B) and switches checkpointing on; freezing is enough.
    """
    model.requires_grad_(False)
    stay_differentiable(model)
    model.config.use_cache = False  # transformers drops the mask between packed rows where a cache is kept
    if torch.cuda.is_available():
        guard_attention(torch.cuda.get_device_capability())
    extend_vocabulary(model, len(tokenizer), published_dtype(files.config))
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


@torch.no_grad()
def require_causal(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """A model's output for a token must not depend on later ones; configs do not say that for every family.

    One forward pass of two rows that differ in their second half. Raises SettingsError (64).
    """
    special = {*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}  # a token for images needs an image
    plain = [number for number in range(len(tokenizer)) if number not in special]
    ids = [plain[number % len(plain)] for number in range(24)]
    rows = torch.tensor([ids[:16], ids[:8] + ids[16:]], device=model.device)
    try:
        first, second = model(input_ids=rows, use_cache=False).logits[:, :8].float()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # in families whose code reads a weight as numbers (Gemma 3n)
        if is_spread(model) and "same device" in str(error):
            raise not_on_several_cards(name, error) from error
        raise not_in_4_bits(name, error) from error
    change = ((first - second).norm(dim=-1) / first.norm(dim=-1)).median()
    if change > LOOKING_AHEAD:  # training reports a NaN
        raise looks_ahead(name)


def guard_attention(capability: tuple[int, int]) -> None:
    """Below compute capability 8.0 PyTorch computes grouped queries in its slow math kernel (transformers #48633), so keys and
    values are repeated before the call."""
    if capability >= (8, 0):
        return
    if not hasattr(sdpa_attention, GROUPED_QUERIES):
        log.warning("missing=%s: attention uses PyTorch's slow math kernel on this GPU", GROUPED_QUERIES)
    setattr(sdpa_attention, GROUPED_QUERIES, lambda *_, **__: False)


def extend_vocabulary(model: PreTrainedModel, rows: int, stored: torch.dtype) -> int:
    """Grow embedding and head to `rows`; the new rows are the mean of the old ones, rounded as they will be stored.

    Returns the number of new rows. Never shrinks: some vocabularies are padded beyond their tokenizer.
    """
    old = int(model.get_input_embeddings().weight.shape[0])
    if rows <= old:
        return 0
    model.resize_token_embeddings(rows, mean_resizing=False)  # True would draw from a covariance of all rows
    layers = {id(layer.weight): layer.weight for layer in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for weight in layers.values():  # only one if embedding and head are tied
            weight[old:] = weight[:old].float().mean(dim=0).to(stored).to(weight.dtype)
            weight.requires_grad_(False)
    return rows - old


def loading_code(
    base: str, revision: str, dtype: str, vocabulary_rows: int, attention: str, subfolder: str = ""
) -> str:
    """The code with which users load the tuned model. `adapter` stands for the Hub name or the folder.

    `vocabulary_rows`: the size to which the base is extended, 0 if it is not. `attention`: from `attention_of`. `subfolder`: of
    the repository. Fresh processes run this very code: after training to compare logits (job/modeling/round_trip.py), and
    on the exported adapter to compare answers (job/exporting/agreement.py).
    """
    inside = f', subfolder="{subfolder}"' if subfolder else ""
    pinned = f'\n    revision="{revision}",' if revision else ""
    pinned += f'\n    attn_implementation="{attention}",' if attention else ""
    extend = f"model.resize_token_embeddings({vocabulary_rows}, mean_resizing=False)\n" if vocabulary_rows else ""
    return f"""import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

tokenizer = AutoTokenizer.from_pretrained(adapter{inside})
model = AutoModelForCausalLM.from_pretrained(
    {json.dumps(base, ensure_ascii=False)},{pinned}
    dtype=torch.{dtype},
    device_map="auto",
    quantization_config=BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.{dtype},
    ),
)
{extend}model = PeftModel.from_pretrained(model, adapter{inside}).eval()
"""


def merged_loading_code(attention: str) -> str:
    """The same for a merged model. `model_folder` stands for the folder or the Hub name."""
    how = f', attn_implementation="{attention}"' if attention else ""
    return f"""from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(model_folder)
model = AutoModelForCausalLM.from_pretrained(model_folder, dtype="auto", device_map="auto"{how}).eval()
"""
