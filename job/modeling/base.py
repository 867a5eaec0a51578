"""The base model in 4 bits (bitsandbytes NF4, double quantization) and its tokenizer with a pad token.

Runs on CPU as on CUDA. Loads safetensors only and runs no code from a model repository.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.hf_api import RepoFile
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.integrations import sdpa_attention

from job.errors import MemoryExhausted, NotFound, SettingsError
from job.hub import explained
from job.modeling.architecture import Architecture, looks_ahead, quantized_already
from job.modeling.chat import Chat, prepare_template
from job.modeling.nf4 import quantization, stay_differentiable
from job.results import Choice
from job.settings import ModelSettings, read_text

log = logging.getLogger("job.model")
NEW_PAD_TOKEN = "<pad>"
GROUPED_QUERIES = "use_gqa_in_sdpa"
"""transformers' own decision, which has no documented name."""
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
OVERFLOWING_FAMILIES = {
    *("gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text"),
    *("glm4_moe", "gpt_oss", "qwen3_5", "qwen3_5_text", "qwen3_moe"),
}
OVERFLOWING_SOURCE = "unsloth's models/loader.py trains this family in float32 where there is no bfloat16"
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
NO_WEIGHTS = f"there is neither {WHOLE} nor {INDEX}, and no other format is read, such as pytorch_model.bin"
FLOATS = ("F16", "BF16", "F32", "F64")
LOOKING_AHEAD = 0.1
"""Of the size of the logits: more than rounding in bfloat16 where experts get their tokens in other groups."""
FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]


@dataclass(frozen=True)
class BaseFiles:
    """A base model on disk. `name` is what users load it by, `revision` its commit (empty for a folder)."""

    folder: Path
    name: str
    revision: str


def fetch_files(model: ModelSettings, token: str, *, weights: bool) -> BaseFiles:
    """The folder of the base model, downloaded where it is on the Hub.

    Raises NotFound (66), AccessDenied (67), HubUnavailable (76).
    """
    if model.is_local:
        return BaseFiles(Path(model.location), model.location, "")
    patterns = FILES if weights else [pattern for pattern in FILES if pattern != "*.safetensors"]
    with explained(
        f"base model {model.base} at {model.revision}",
        "FINETUNE_MODEL_BASE and FINETUNE_MODEL_REVISION",
        has_token=bool(token),
    ):
        folder = snapshot_download(
            model.base,
            revision=model.revision,
            token=token or False,
            allow_patterns=patterns,
            ignore_patterns=["original/*"],  # Llama repositories hold a second copy of the weights there
        )
    return BaseFiles(Path(folder), model.base, Path(folder).name)


def _require_gpu_memory(error: RuntimeError) -> None:
    free, total = torch.cuda.mem_get_info()
    if free < 0.05 * total:
        raise MemoryExhausted(
            f"GPU memory ran out while the base model was loaded: {free / 1e9:.1f} of {total / 1e9:.1f} GB are free.",
            remedy="End what else uses the GPU (nvidia-smi lists it), choose a smaller FINETUNE_MODEL_BASE, or use a GPU with "
            "more memory.",
        ) from error


def listed_weights(model: ModelSettings, token: str) -> dict[str, int]:
    """Path -> bytes of the safetensors files of a base on the Hub; empty where the Hub must not be asked (HF_HUB_OFFLINE).

    Raises NotFound (66) where there are none that transformers would load, and what the Hub's failures mean (66, 67, 76).
    """
    if constants.is_offline_mode():
        return {}
    with explained(
        f"base model {model.base} at {model.revision}",
        "FINETUNE_MODEL_BASE and FINETUNE_MODEL_REVISION",
        has_token=bool(token),
    ):
        entries = HfApi(token=token or False).list_repo_tree(model.base, revision=model.revision, recursive=True)
        sizes = {entry.path: entry.size for entry in entries if isinstance(entry, RepoFile)}
    if not {WHOLE, INDEX} & set(sizes):
        raise damaged_weights(model.base, NO_WEIGHTS)
    return {
        path: size for path, size in sizes.items() if path.endswith(".safetensors") and not path.startswith("original/")
    }


def choose_precision(setting: str, model_type: str, capability: tuple[int, int] | None) -> Choice:
    """By compute capability: `torch.cuda.is_bf16_supported()` is true on a T4, which only emulates bfloat16.

    A first choice; a real step on the longest rows confirms it or turns it into float32 (job/training/train.py).
    """
    if setting != "auto":
        return Choice(value=setting, reason="FINETUNE_TRAIN_PRECISION")
    if capability is None:
        return Choice(value="float32", reason="no GPU; a CPU gains nothing from 16 bits here")
    major, minor = capability
    if (major, minor) >= (8, 0):
        return Choice(value="bfloat16", reason=f"sm_{major}{minor} computes in bfloat16")
    if model_type in OVERFLOWING_FAMILIES:
        return Choice(value="float32", reason=f"{model_type} overflows in float16: {OVERFLOWING_SOURCE}")
    return Choice(value="float16", reason=f"sm_{major}{minor} has no bfloat16; the adapter stays float32")


def load_tokenizer(files: BaseFiles, model: ModelSettings) -> Any:
    """The base model's tokenizer with the run's chat template and a pad token that is not its end-of-turn token.

    Padding with the end-of-turn token teaches a model not to stop, so where a tokenizer has no spare token
    `reserved` is refused (SettingsError, 64).
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(files.folder, trust_remote_code=False)
    except Exception as error:  # of a damaged tokenizer.json the Rust library raises a plain one
        raise NotFound(
            f"The base model {files.name} has no tokenizer that loads: {error}", remedy="Check FINETUNE_MODEL_BASE."
        ) from error
    prepare_template(tokenizer, read_text(model.chat_template_file), files.name)
    if model.pad_token == "add":
        tokenizer.add_special_tokens({"pad_token": NEW_PAD_TOKEN})
    else:
        tokenizer.pad_token = _spare_token(tokenizer, files.name)
    tokenizer.padding_side = "right"
    return tokenizer


def _spare_token(tokenizer: Any, base: str) -> str:
    """The tokenizer's own pad token, else one that its makers reserved for padding, else any reserved one."""
    ends = {tokenizer.eos_token, Chat(tokenizer).stop_token}
    if tokenizer.pad_token and tokenizer.pad_token not in ends:
        return str(tokenizer.pad_token)
    others = [token for token in tokenizer.get_added_vocab() if token not in ends]
    spare = [token for token in others if "pad" in token.lower()]
    spare += sorted(token for token in others if "reserved" in token.lower())
    if not spare:
        raise SettingsError(
            [f"FINETUNE_MODEL_PAD_TOKEN: the tokenizer of {base} has no spare token to pad with; set it to add"]
        )
    return str(spare[0])


def checkpoint_dtype(files: BaseFiles) -> torch.dtype:
    """The dtype in which the base model was published; the saved embedding layer keeps it."""
    dtype = AutoConfig.from_pretrained(files.folder, trust_remote_code=False).dtype
    return dtype if isinstance(dtype, torch.dtype) else torch.float32


def load_base(files: BaseFiles, tokenizer: Any, dtype: torch.dtype) -> Any:
    """The frozen NF4 base in `dtype`, its vocabulary extended where the tokenizer has more tokens than it has rows.

    No `prepare_model_for_kbit_training`: it makes float32 copies of embedding, head and norms (1.58 instead of 0.79 GB on
    Llama 3.2 3B) and switches checkpointing on; freezing is all that is needed.

    Raises NotFound (66) where weights are missing, damaged or of other shapes than the config says, SettingsError (64) where
    they are quantized already, and for a model that looks ahead.
    """
    stored_tensors(files.folder, files.name)
    try:
        model, loaded = AutoModelForCausalLM.from_pretrained(
            files.folder,
            dtype=dtype,
            quantization_config=quantization(dtype),
            device_map={"": 0 if torch.cuda.is_available() else "cpu"},
            use_safetensors=True,
            attn_implementation=attention_of(files) or None,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if isinstance(error, RuntimeError) and torch.cuda.is_available():
            _require_gpu_memory(error)  # transformers makes one error of whatever happened to a tensor
        raise damaged_weights(files.name, str(error).strip()) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise not_in_4_bits(files.name, error) from error
    _require_all(loaded, files.name)
    model.requires_grad_(False)
    stay_differentiable(model)
    model.config.use_cache = False  # transformers drops the mask between packed rows where a cache is kept
    if torch.cuda.is_available():
        guard_attention(torch.cuda.get_device_capability())
    require_causal(model, tokenizer, files.name)
    extend_vocabulary(model, len(tokenizer), checkpoint_dtype(files))
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def stored_tensors(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """The tensors of a base on disk, on the meta device: names and shapes, from the headers of its safetensors files alone.

    Raises NotFound (66) where a file is missing or shorter than its header says, SettingsError (64) for quantized weights.
    """
    whole, index = folder / WHOLE, folder / INDEX
    tensors = {}
    try:
        if whole.exists():  # transformers looks for it first
            parts = [whole]
        else:
            listed = json.loads(index.read_text("utf-8"))["weight_map"].values()
            parts = sorted({folder / str(part) for part in listed})
        for part in parts:
            with safe_open(part, "pt") as file:
                for key in file.keys():  # noqa: SIM118
                    stored = file.get_slice(key)
                    if key.endswith("weight") and stored.get_dtype() not in FLOATS:
                        raise quantized_already(name, f"{key} holds {stored.get_dtype()}")
                    tensors[key] = torch.empty(stored.get_shape(), dtype=torch.float16, device="meta")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        if not whole.exists() and not index.exists():
            raise damaged_weights(name, NO_WEIGHTS) from error
        raise damaged_weights(name, f"{type(error).__name__}: {error}") from error
    return tensors


def require_whole(base: Architecture, folder: Path) -> None:
    """Every tensor of a local base is there in the shape that its config asks for, told in milliseconds: transformers fills a
    model on the meta device, so that its own renaming and merging of tensors counts.

    Raises as `stored_tensors`.
    """
    tensors = stored_tensors(folder, base.name)
    logging.disable(logging.WARNING)  # transformers' table of what is missing advises to train it
    try:
        _, loaded = type(base.model).from_pretrained(
            None,
            config=base.model.config,
            state_dict=tensors,
            device_map="meta",
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (ValueError, RuntimeError) as error:  # of tensors that cannot be merged into one
        raise damaged_weights(base.name, str(error).strip()) from error
    finally:
        logging.disable(logging.NOTSET)
    _require_all(loaded, base.name)


def _require_all(loaded: dict[str, Any], name: str) -> None:
    """transformers would go on with random numbers in place of what it did not find."""
    missing = sorted(map(str, loaded["missing_keys"]))
    other = sorted(f"{key} {list(found)} instead of {list(wanted)}" for key, found, wanted in loaded["mismatched_keys"])
    problems = [
        f"{what}: {len(tensors)} ({', '.join(tensors[:3])}{', ...' if tensors[3:] else ''})"
        for what, tensors in (("tensors missing", missing), ("tensors of another shape", other))
        if tensors
    ]
    if problems:
        raise damaged_weights(name, "; ".join(problems))


def damaged_weights(name: str, what: str) -> NotFound:
    return NotFound(
        f"The weights of the base model {name} cannot be loaded: {what[:1000]}",
        remedy="Check FINETUNE_MODEL_BASE: it needs whole safetensors weights that fit its config.json; download the model "
        "again (on the Hub's cache, remove its folder below HF_HOME first).",
    )


@torch.no_grad()
def require_causal(model: Any, tokenizer: Any, name: str) -> None:
    """What a model says of a token must not depend on later ones; no config tells that of every family.

    One forward pass of two rows that differ in their second half. Raises SettingsError (64).
    """
    special = {*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}  # a token for images asks for an image
    plain = [number for number in range(len(tokenizer)) if number not in special]
    ids = [plain[number % len(plain)] for number in range(24)]
    rows = torch.tensor([ids[:16], ids[:8] + ids[16:]], device=model.device)
    try:
        first, second = model(input_ids=rows, use_cache=False).logits[:, :8].float()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of a family whose code reads a weight as numbers (Gemma 3n)
        raise not_in_4_bits(name, error) from error
    change = ((first - second).norm(dim=-1) / first.norm(dim=-1)).median()
    if change > LOOKING_AHEAD:  # a NaN is told by training
        raise looks_ahead(name)


def guard_attention(capability: tuple[int, int]) -> None:
    """Below compute capability 8.0, grouped queries sent to PyTorch's attention as such fall to its slow math kernel
    (transformers #48633), so keys and values are repeated before the call."""
    if capability >= (8, 0):
        return
    if not hasattr(sdpa_attention, GROUPED_QUERIES):
        log.warning(
            "transformers has no %s: on this GPU its attention takes PyTorch's slow math kernel", GROUPED_QUERIES
        )
    setattr(sdpa_attention, GROUPED_QUERIES, lambda *_, **__: False)


def not_in_4_bits(name: str, error: Exception) -> SettingsError:
    """For code of a family that reads or changes a weight as numbers (RWKV, Gemma 3n)."""
    why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return SettingsError(
        [
            f"FINETUNE_MODEL_BASE: transformers cannot compute {name} with its layers in 4 bits ({why}); choose another model"
        ]
    )


def attention_of(files: BaseFiles) -> str:
    """`eager` where attention scores are capped (Gemma 2): up to 5.17 transformers takes PyTorch's attention there, which drops
    the cap without a word. Empty where transformers' own choice is right."""
    config = AutoConfig.from_pretrained(files.folder, trust_remote_code=False).get_text_config()
    return "eager" if getattr(config, "attn_logit_softcapping", None) else ""


def extend_vocabulary(model: Any, rows: int, stored: torch.dtype) -> int:
    """Grow embedding and head to `rows`; the new rows are the mean of the old ones, as they will be stored.

    Returns the number of new rows. Never shrinks: some vocabularies are padded beyond their tokenizer.
    """
    old = int(model.get_input_embeddings().weight.shape[0])
    if rows <= old:
        return 0
    model.resize_token_embeddings(rows, mean_resizing=False)  # its mean needs a covariance of all rows, and a draw
    layers = {id(layer.weight): layer.weight for layer in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for weight in layers.values():  # one where embedding and head are tied
            weight[old:] = weight[:old].float().mean(dim=0).to(stored).to(weight.dtype)
            weight.requires_grad_(False)
    return rows - old


def loading_code(base: str, revision: str, dtype: str, vocabulary_rows: int, attention: str) -> str:
    """The lines that give users the tuned model. `adapter` stands for the Hub name or the folder.

    `vocabulary_rows`: what the base is extended to, 0 where it is not. `attention`: of
    `attention_of`. After training a fresh process runs these very lines and compares logits (job/training/readback.py).
    """
    pinned = f'\n    revision="{revision}",' if revision else ""
    pinned += f'\n    attn_implementation="{attention}",' if attention else ""
    extend = f"model.resize_token_embeddings({vocabulary_rows}, mean_resizing=False)\n" if vocabulary_rows else ""
    return f'''import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

tokenizer = AutoTokenizer.from_pretrained(adapter)
model = AutoModelForCausalLM.from_pretrained(
    "{base}",{pinned}
    dtype=torch.{dtype},
    device_map="auto",
    quantization_config=BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.{dtype},
    ),
)
{extend}model = PeftModel.from_pretrained(model, adapter).eval()
'''
