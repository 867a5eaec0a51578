"""A base model's config.json: read, checked for what can be trained here, and the facts that several modules take from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from job.errors import NotFound, SettingsError
from job.modeling.refusals import DAMAGED_CONFIG, no_causal_model, one_line, quantized_already

GENERATIVE = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


def load_config(folder: Path, name: str) -> PreTrainedConfig:
    """transformers' config of the base model in `folder`; `name` is what the user calls it.

    Raises NotFound (66) if the file is damaged, SettingsError (64) for a model that cannot be trained here: with code of its
    own, no causal language model, quantized already.
    """
    path = folder / "config.json"
    try:
        raw = json.loads(path.read_text("utf-8"))
        if not isinstance(raw, dict):
            raise ValueError(f"it holds a {type(raw).__name__}")
    except (OSError, ValueError, RecursionError) as error:  # the last for brackets without end
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
    except Exception as error:  # transformers raises its own errors for fields
        raise NotFound(
            f"transformers does not accept the config.json of {name}: {one_line(error)}", remedy=DAMAGED_CONFIG
        ) from error
    if config.is_encoder_decoder:
        raise no_causal_model(name, "an encoder beside the decoder")
    return config


def _require_fit(raw: dict[str, Any], name: str) -> None:
    """Raises SettingsError (64) if a config says that its model needs code of its own, or is not a decoder."""
    kind = str(raw.get("model_type", ""))
    if kind not in CONFIG_MAPPING:
        why = f"transformers does not know the model type '{kind}' ({name}); choose another model, or a newer transformers"
        if raw.get("auto_map"):
            why = f"{name} needs code from its own repository, which the job never runs; choose a model that transformers knows"
        raise SettingsError([f"FINETUNE_MODEL_BASE: {why}"])
    listed = raw.get("architectures")
    named = [str(one) for one in listed if one] if isinstance(listed, list) else []
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or (named and not any(one.endswith(GENERATIVE) for one in named)):
        raise no_causal_model(name, ", ".join(named) or kind)


def published_dtype(config: PreTrainedConfig) -> torch.dtype:
    """The dtype in which the base was published; float32 if its config names none."""
    dtype = config.dtype or config.get_text_config().dtype
    return dtype if isinstance(dtype, torch.dtype) else torch.float32


def attention_of(config: PreTrainedConfig) -> str:
    """`eager` where attention scores are capped (Gemma 2): up to 5.17, transformers uses PyTorch's attention there, which
    silently drops the cap. Empty if transformers' own choice is right."""
    return "eager" if getattr(config.get_text_config(), "attn_logit_softcapping", None) else ""
