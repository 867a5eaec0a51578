"""What a base model is made of, told from its config.json alone, before any weight is downloaded.

The model is built on PyTorch's meta device, which holds shapes and no numbers (0.3 s for a model of 30 billion parameters), and
its layers are replaced as they will be when it is loaded in 4 bits. So which layers get an adapter, how large it becomes and
what stays unquantized is counted, not guessed from names of models; the loaded model is counted by the same function.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.quantizers import AutoHfQuantizer

from job.errors import NotFound, SettingsError
from job.hosts.hub import translate_hub_errors
from job.modeling.layers import decoder_of
from job.modeling.memory import Adapter, Candidate, Shapes, predict
from job.modeling.nf4 import quantization
from job.modeling.targets import adapter_of, targets
from job.modeling.weights import LINEAR, count_weights
from job.settings.fields import LoraSettings, ModelSettings

log = logging.getLogger("job.model")
DAMAGED_CONFIG = "Check FINETUNE_MODEL_BASE: its config.json is damaged or of another version of transformers."
GENERATIVE = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


@dataclass(frozen=True)
class Architecture:
    """A base model without its weights. `model` is on the meta device, its linear layers as bitsandbytes replaces them."""

    name: str
    config: Any
    model: Any
    published_width: int
    """Bytes of a number as the base was published."""
    new_rows: int = 1
    """By which its tokenizer extends the vocabulary, where it is known."""

    @classmethod
    def read(cls, folder: Path, name: str) -> Architecture:
        """From the config.json in `folder`; `name` is what the user calls the model.

        Raises NotFound (66) where the file is damaged, SettingsError (64) for what cannot be trained here: code of its own,
        no causal language model, quantized already.
        """
        config = load_config(folder, name)
        dtype = (
            config.dtype or config.get_text_config().dtype
        )  # below, transformers writes that of the empty model there
        try:
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(config, dtype=torch.float16, trust_remote_code=False)
        except ImportError as error:
            why = f"{name} needs a package that is not installed here: {_one_line(error)}"
            raise SettingsError([f"FINETUNE_MODEL_BASE: {why}"]) from error
        except Exception as error:  # whatever a model's constructor makes of impossible sizes
            raise NotFound(
                f"No model can be built from the config.json of {name}: {_one_line(error)}", remedy=DAMAGED_CONFIG
            ) from error
        if _is_encoder(config, model):
            raise looks_ahead(name)
        quantizer = AutoHfQuantizer.from_config(quantization(torch.float16), pre_quantized=False)
        quantizer.preprocess_model(model=model, device_map=None)
        if not any(count.parameters for count in count_weights(model) if count.kind in LINEAR):
            raise NotFound(f"The config.json of {name} describes a model without layers.", remedy=DAMAGED_CONFIG)
        return cls(name, config, model, dtype.itemsize if isinstance(dtype, torch.dtype) else 4)

    @classmethod
    def of(cls, model: ModelSettings, token: str) -> Architecture:
        """Of the base model that the settings name; from the Hub its config.json alone is downloaded.

        Raises as `read`, and what the Hub's failures mean (66, 67, 76).
        """
        if model.is_local:
            return cls.read(Path(model.location), model.location)
        what = f"base model {model.base} at {model.revision}"
        with translate_hub_errors(what, "FINETUNE_MODEL_BASE and FINETUNE_MODEL_REVISION", has_token=bool(token)):
            path = hf_hub_download(model.base, "config.json", revision=model.revision, token=token or False)
        return cls.read(Path(path).parent, model.base)

    @property
    def text_config(self) -> Any:
        """The language model's part of a config that holds several."""
        return self.config.get_text_config()

    @property
    def tied(self) -> bool:
        head = self.model.get_output_embeddings()
        return head is not None and head.weight is self.model.get_input_embeddings().weight

    def shapes(self) -> Shapes | None:
        """For the prediction of GPU memory; None where the config does not name its sizes, or some layers have others."""
        try:
            return shapes_of(self.text_config)
        except RuntimeError:  # transformers', where a size is asked for that differs between layers (Gemma 4)
            return None

    def adapter(self, lora: LoraSettings) -> Adapter:
        """Sizes of the adapter. Raises SettingsError (64) for targets that the model lacks."""
        return adapter_of(targets(self.model, lora.targets, self.name), lora.r)

    def embedding_bytes(self, how: str) -> int:
        """Of what FINETUNE_MODEL_SAVE_EMBEDDING=`how` saves where the vocabulary is extended: the whole layer, and the head
        where it is another one; the new rows alone; or nothing.

        Raises SettingsError (64) for new rows alone where the head has rows of its own.
        """
        if not self.new_rows:
            return 0
        if how == "rows" and not self.tied:
            raise rows_of_two_layers(self.name)
        if how == "none" and self.new_rows > 1:
            raise SettingsError(
                [
                    f"FINETUNE_MODEL_SAVE_EMBEDDING: the tokenizer of {self.name} has {self.new_rows - 1:,} tokens more than "
                    "its embedding has rows, and with none those would be random wherever the adapter is loaded; set it to full"
                ]
            )
        layers = [self.model.get_input_embeddings()] + ([] if self.tied else [self.model.get_output_embeddings()])
        rows = {"full": sum(len(layer.weight) + self.new_rows for layer in layers), "rows": self.new_rows, "none": 0}[
            how
        ]
        return rows * int(layers[0].weight.shape[1]) * self.published_width

    def weight_bytes(self, width: int) -> int:
        """On the GPU: 4 bits and a float32 scale for 64 weights, all else in `width` bytes."""
        return sum(
            int(count.parameters * (0.5 + 4 / 64 if count.kind == "4-bit linear" else width))
            for count in count_weights(self.model)
        )


def predictions(
    architecture: Architecture, lora: LoraSettings, candidates: Sequence[Candidate], *, width: int
) -> list[int | None]:
    """Peak bytes of each way to cut a step; None where the config does not name its sizes."""
    shapes = architecture.shapes()
    if shapes is None:
        return [None] * len(candidates)
    adapter, weights = architecture.adapter(lora), architecture.weight_bytes(width)
    return [
        predict(shapes, adapter, candidate, weight_bytes=weights, dropout=lora.dropout, width=width)
        for candidate in candidates
    ]


def load_config(folder: Path, name: str) -> Any:
    """transformers' config of a base model, for what can be trained here. Raises as `Architecture.read`."""
    path = folder / "config.json"
    try:
        raw = json.loads(path.read_text("utf-8"))
        if not isinstance(raw, dict):
            raise ValueError(f"it holds a {type(raw).__name__}")
    except (OSError, ValueError, RecursionError) as error:  # the last of brackets without end
        raise NotFound(
            f"The config.json of {name} cannot be read as a model's config: {error}",
            remedy="Check FINETUNE_MODEL_BASE: the file is damaged or incomplete; download the model again.",
        ) from error
    nested = raw.get("text_config")
    for part in (raw, nested if isinstance(nested, dict) else {}):
        if method := part.get("quantization_config"):
            raise quantized_already(name, str(method.get("quant_method", "")) if isinstance(method, dict) else "")
    if not raw.get("model_type") and not raw.get("auto_map"):
        raise NotFound(f"The config.json of {name} names no model_type.", remedy=DAMAGED_CONFIG)
    _require_fit(raw, name)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # transformers checks fields with errors of its own
        raise NotFound(
            f"The config.json of {name} is not accepted by transformers: {_one_line(error)}", remedy=DAMAGED_CONFIG
        ) from error
    if config.is_encoder_decoder:
        raise _no_causal_model(name, "an encoder beside the decoder")
    return config


def rows_of_two_layers(name: str) -> SettingsError:
    return SettingsError(
        [
            f"FINETUNE_MODEL_SAVE_EMBEDDING: rows needs a base whose head shares the embedding's weights, and {name} has two "
            "layers; set it to full, or FINETUNE_MODEL_PAD_TOKEN=reserved"
        ]
    )


def quantized_already(name: str, how: str) -> SettingsError:
    return SettingsError(
        [
            f"FINETUNE_MODEL_BASE: {name} is quantized already{f' ({how})' if how else ''}; the job quantizes 16- or 32-bit "
            "weights itself, so set it to the checkpoint that this one was made from"
        ]
    )


def looks_ahead(name: str) -> SettingsError:
    return SettingsError(
        [
            f"FINETUNE_MODEL_BASE: {name} is no causal language model: what it says of a token depends on tokens behind it, "
            "as in an encoder such as BERT; choose an instruction-tuned decoder model"
        ]
    )


def _is_encoder(config: Any, model: Any) -> bool:
    """Whether the config says that attention looks ahead, in families that are built either way. Neither sign is enough:
    GPT-NeoX calls itself no decoder, and BigBird-Pegasus calls its causal attention not causal."""
    causal = {module.is_causal for module in decoder_of(model).modules() if hasattr(module, "is_causal")}
    return getattr(config, "is_decoder", True) is False and causal == {False}


def _no_causal_model(name: str, named: str) -> SettingsError:
    return SettingsError(
        [
            f"FINETUNE_MODEL_BASE: {name} is no causal language model (its config names {named}); choose an instruction-tuned "
            "decoder model"
        ]
    )


def _require_fit(raw: dict[str, Any], name: str) -> None:
    """Raises SettingsError (64) for what a config says of itself: that it needs code of its own, or is no decoder."""
    kind = str(raw.get("model_type", ""))
    if kind not in CONFIG_MAPPING:
        why = f"transformers knows no model type '{kind}' ({name}); choose another model, or a newer transformers"
        if raw.get("auto_map"):
            why = (
                f"{name} needs code from its own repository, which is never run; choose a model that transformers knows"
            )
        raise SettingsError([f"FINETUNE_MODEL_BASE: {why}"])
    listed = raw.get("architectures")
    named = [str(one) for one in listed if one] if isinstance(listed, list) else []
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or (named and not any(one.endswith(GENERATIVE) for one in named)):
        raise _no_causal_model(name, ", ".join(named) or kind)


def require_lengths(base: Architecture, max_tokens: int, max_new_tokens: int) -> None:
    """Raises SettingsError (64) where rows or answers may be longer than a table of learned positions, or than what keeps the
    rotary embedding of a row apart from the rows beside it."""
    problems = []
    tokens = base.model.get_input_embeddings()
    tables = {
        name: len(module.weight)
        for name, module in decoder_of(base.model).named_modules()
        if isinstance(module, torch.nn.Embedding) and module is not tokens and re.search("position|wpe", name)
    }
    for name, places in tables.items():
        if max_tokens + max_new_tokens > places:
            problems.append(
                f"FINETUNE_TRAIN_MAX_TOKENS ({max_tokens:,}) and FINETUNE_PROBE_MAX_NEW_TOKENS ({max_new_tokens:,}): together "
                f"at most {places:,}, the positions that {base.name} has learned ({name})"
            )
    config = base.text_config
    rope = getattr(config, "rope_parameters", None)
    kinds = [rope, *rope.values()] if isinstance(rope, dict) else []
    for kind in kinds:
        if not isinstance(kind, dict) or kind.get("rope_type") not in ("longrope", "dynamic"):
            continue
        most = kind.get("original_max_position_embeddings") or getattr(config, "original_max_position_embeddings", 0)
        most = most or config.max_position_embeddings
        if max_tokens > most:
            problems.append(
                f"FINETUNE_TRAIN_MAX_TOKENS: at most {most:,} for {base.name}: where a row is longer, its {kind['rope_type']} "
                "rotary embedding changes for every row beside it, so that a step would depend on how it is cut"
            )
    if problems:
        raise SettingsError(dict.fromkeys(problems))


def shapes_of(config: Any) -> Shapes | None:
    """`config`: of the language model. Sizes by the names that transformers gives them in every family."""

    def first(*names: str) -> int:
        return next(
            (int(value) for name in names if isinstance(value := getattr(config, name, None), int) and value), 0
        )

    hidden, layers, heads = first("hidden_size"), first("num_hidden_layers"), first("num_attention_heads")
    if not (hidden and layers and heads):
        return None
    head = first("head_dim") or hidden // heads
    inner = first("moe_intermediate_size") * first("num_experts_per_tok") or first(
        "intermediate_size", "ffn_hidden_size", "n_inner"
    )
    return Shapes(
        hidden=hidden,
        layers=layers,
        query=heads * head,
        keys=(first("num_key_value_heads") or heads) * head,
        inner=inner or 4 * hidden,
        vocabulary=first("vocab_size"),
    )


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
