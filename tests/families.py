"""Tiny random base models, one for each family of architectures, in the order of the training page's table.

Their weights are drawn so that a mistake shows: attention is not uniform, norms are not 1, biases are not 0, logits are so
large that a cap bends them. Windows are so short that a row of a few dozen tokens leaves them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from job.quickstart.make_base import make_tokenizer
from job.training.optimizations.registry import OPTIMIZATIONS
from tests.conftest import make_rows
from tests.templates import STYLES, give_template

WINDOW = 32


@dataclass(frozen=True)
class Family:
    """`config` is what differs from `SHAPE`; `windows` and `caps` are names of its settings that change the logits."""

    name: str
    model_type: str
    title: str
    template: str
    config: Mapping[str, Any] = field(default_factory=dict)
    text: Mapping[str, Any] | None = None
    """The nested text_config, where a model has other parts beside the text model."""
    dtype: torch.dtype = torch.bfloat16
    windows: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    centred_norms: bool = False
    """Whether norms multiply by 1 + weight."""
    off: Mapping[str, str] = field(default_factory=dict)
    """Optimization -> why this family does without it, in the words of the table."""
    refused: str = ""
    """Why the base is refused unless FINETUNE_MODEL_ALLOW_UNQUANTIZED=true."""


SHAPE: Mapping[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 512,
}
OTHER_NORM = "a norm of another form"
PAIR = ["sliding_attention", "full_attention"]
EXPERTS = {"num_experts_per_tok": 2, "num_local_experts": 4}
GEMMA3 = {"sliding_window": WINDOW, "layer_types": PAIR, "query_pre_attn_scalar": 16}

FAMILIES: tuple[Family, ...] = (
    Family("llama", "llama", "Llama", "llama3"),
    Family(
        "llama4",
        "llama4_text",
        "Llama 4 (text)",
        "llama3",
        {
            **EXPERTS,
            "num_experts_per_tok": 1,
            "intermediate_size_mlp": 128,
            "attention_chunk_size": WINDOW,
            "no_rope_layers": [1, 0],  # the chunked layer turns queries and keys, the full one does not
            "floor_scale": 16,
        },
        windows=("attention_chunk_size",),
        caps=("attn_temperature_tuning",),
        off={"packed_rows": "queries are scaled by their place in the whole sequence", "norm": OTHER_NORM},
        refused="Llama4TextExperts",
    ),
    Family("qwen2", "qwen2", "Qwen2", "chatml", {"tie_word_embeddings": True}),
    Family("qwen3", "qwen3", "Qwen3", "qwen3", {"tie_word_embeddings": True}),
    Family(
        "qwen3_moe",
        "qwen3_moe",
        "Qwen3-MoE",
        "qwen3",
        {"num_experts_per_tok": 2, "num_experts": 4, "moe_intermediate_size": 64, "norm_topk_prob": True},
        refused="Qwen3MoeExperts",
    ),
    Family("mistral", "mistral", "Mistral", "mistral", {"sliding_window": None}),
    Family(
        "mistral_window",
        "mistral",
        "Mistral (sliding window)",
        "mistral",
        {"sliding_window": WINDOW},
        windows=("sliding_window",),
    ),
    Family("mixtral", "mixtral", "Mixtral", "mistral", EXPERTS, refused="MixtralExperts"),
    Family(
        "gemma2",
        "gemma2",
        "Gemma 2",
        "gemma",
        {
            "sliding_window": WINDOW,
            "layer_types": PAIR,
            "query_pre_attn_scalar": 24,  # not head_dim, as in the 27B
            "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 5.0,
        },
        windows=("sliding_window",),
        caps=("attn_logit_softcapping", "final_logit_softcapping"),
        centred_norms=True,
        off={"packed_rows": "attention logits are capped, which no kernel here knows", "norm": OTHER_NORM},
    ),
    Family(
        "gemma3_text",
        "gemma3_text",
        "Gemma 3 (text)",
        "gemma",
        GEMMA3,
        windows=("sliding_window",),
        centred_norms=True,
        off={"norm": OTHER_NORM},
    ),
    Family(
        "gemma3",
        "gemma3",
        "Gemma 3 (with vision)",
        "gemma",
        {
            "mm_tokens_per_image": 4,
            "vision_config": {
                "model_type": "siglip_vision_model",
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "image_size": 28,
                "patch_size": 14,
                "vision_use_head": False,
            },
        },
        text=GEMMA3,
        windows=("sliding_window",),
        centred_norms=True,
        off={"norm": OTHER_NORM},
    ),
    Family("phi3", "phi3", "Phi-3", "phi3", {"sliding_window": WINDOW}, windows=("sliding_window",)),
    Family("olmo2", "olmo2", "OLMo 2", "chatml"),
    Family(
        "smollm3",
        "smollm3",
        "SmolLM3",
        "chatml",
        {"no_rope_layers": [1, 0], "tie_word_embeddings": True},
    ),
    Family(
        "granite",
        "granite",
        "Granite",
        "chatml",
        {
            "logits_scaling": 2.0,
            "residual_multiplier": 0.5,
            "embedding_multiplier": 3.0,
            "attention_multiplier": 0.4,
            "tie_word_embeddings": True,
        },
        caps=("logits_scaling", "residual_multiplier", "embedding_multiplier", "attention_multiplier"),
    ),
    Family(
        "gpt_neox",
        "gpt_neox",
        "GPT-NeoX",
        "chatml",
        {"use_parallel_residual": True},
        dtype=torch.float16,
        off={"norm": OTHER_NORM},
    ),
    Family(
        "gpt2",
        "gpt2",
        "GPT-2",
        "chatml",
        {"n_inner": 128, "attn_pdrop": 0.1, "resid_pdrop": 0.1, "embd_pdrop": 0.1},
        dtype=torch.float32,
        off={"packed_rows": "attention has dropout of its own", "norm": OTHER_NORM},
    ),
    Family(
        "falcon",
        "falcon",
        "Falcon",
        "chatml",
        {"new_decoder_architecture": True, "num_kv_heads": 2, "ffn_hidden_size": 128, "alibi": False},
        off={"packed_rows": "attention is code of its own", "lora4bit": "no layer is in 4 bits", "norm": OTHER_NORM},
        refused="FalconLinear",
    ),
)
IMAGES = {"boi": "<start_of_image>", "eoi": "<end_of_image>", "image": "<image_soft_token>"}
UNKNOWN_TO = {
    "phi3": {"head_dim"},
    "qwen2": {"head_dim"},
    "olmo2": {"head_dim"},
    "smollm3": {"head_dim"},
    "granite": {"head_dim"},
    "gpt_neox": {"head_dim", "num_key_value_heads"},
    "gpt2": {"head_dim", "num_key_value_heads", "intermediate_size"},
    "falcon": {"head_dim", "num_key_value_heads", "intermediate_size"},
}
"""What of `SHAPE` a family has no setting for; 64 channels in 4 heads are 16 a head anyway."""


def make_family_base(folder: Path, family: Family, *, seed: int = 0) -> Path:
    """A random base of this family with a byte-level tokenizer, as a folder that transformers loads."""
    tokenizer = make_family_tokenizer(family)
    config = make_config(family, tokenizer)
    model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    draw(model, centred_norms=family.centred_norms, seed=seed)
    model.to(family.dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_family_tokenizer(family: Family) -> Any:
    tokenizer: Any = make_tokenizer([row["input"] + " " + row["output"] for row in make_rows(50)])
    give_template(tokenizer, STYLES[family.template])
    if family.text is not None:
        tokenizer.add_tokens(list(IMAGES.values()), special_tokens=True)
    return tokenizer


def make_config(family: Family, tokenizer: Any) -> Any:
    tokens = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    unknown = UNKNOWN_TO.get(family.model_type, set())
    shape = {name: value for name, value in SHAPE.items() if name not in unknown}
    text: dict[str, Any] = {**shape, "vocab_size": len(tokenizer), **tokens}
    if family.text is None:
        return AutoConfig.for_model(family.model_type, **(text | dict(family.config)))
    images = {f"{part}_token_index": tokenizer.convert_tokens_to_ids(token) for part, token in IMAGES.items()}
    return AutoConfig.for_model(
        family.model_type, text_config=text | dict(family.text), **family.config, **images, **tokens
    )


QUERIES_AND_KEYS = ("q_proj", "k_proj", "qkv_proj", "query_key_value", "c_attn")


def draw(model: Any, *, centred_norms: bool, seed: int) -> None:
    """New values for every parameter: scores and logits of some units, norms around 1, biases around 0."""
    generator = torch.Generator().manual_seed(seed)
    embeddings = {id(model.get_input_embeddings().weight), id(model.get_output_embeddings().weight)}
    for name, parameter in model.named_parameters():
        owner, _, kind = name.rpartition(".")
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            middle = 0.0 if kind == "bias" or centred_norms else 1.0
            values = middle + 0.1 * noise
        elif id(parameter) in embeddings:
            # a last state of 64 channels of size 1 gives logits of about 3; Gemma multiplies its embedding by 8, so that a
            # token predicts itself, and a base that is worse than twice chance is refused
            values = (0.2 if centred_norms else 0.4) * noise
        elif owner.endswith(QUERIES_AND_KEYS):
            values = 0.2 * noise  # scores of about 2.5, where queries and keys have no norm of their own
        else:
            values = noise / 64**0.5
        parameter.data.copy_(values)


def table() -> str:
    """The training page's table of families, without what needs a GPU."""
    lines = ["| family | result | optimizations | without |", "| --- | --- | --- | --- |"]
    for family in FAMILIES:
        result = (
            f"refused: `{family.refused}` stay in 16 bits; works where that is allowed" if family.refused else "works"
        )
        names = [entry.name for entry in OPTIMIZATIONS if not entry.needs_gpu]
        used = ", ".join(name for name in names if name not in family.off)
        without = "; ".join(f"{name}: {why}" for name, why in family.off.items())
        lines.append(f"| {family.title} | {result} | {used} | {without} |")
    return "\n".join(lines)
