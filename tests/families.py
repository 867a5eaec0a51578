"""Tiny random base models, one for each family of architectures, in the order of the table that the README shows.

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
from tests.conftest import make_rows

WINDOW = 32


@dataclass(frozen=True)
class Template:
    """A chat template and the special tokens that it writes. `stop` ends an assistant's turn and is the end token."""

    text: str
    begin: str
    stop: str
    others: tuple[str, ...] = ()
    pad: str | None = None
    system: bool = True
    """Whether it has a role for a system prompt; one without refuses it."""


_REFUSE_SYSTEM = "{% if m.role == 'system' %}{{ raise_exception('there is no system role') }}{% endif %}"
_CHATML_TURNS = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
_CHATML_OPEN = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

TEMPLATES = {
    "LLAMA3": Template(
        "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
        "{{ m.content | trim }}<|eot_id|>{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
        begin="<|begin_of_text|>",
        stop="<|eot_id|>",
        others=("<|start_header_id|>", "<|end_header_id|>"),
    ),
    "CHATML": Template(
        _CHATML_TURNS + _CHATML_OPEN,
        begin="<|endoftext|>",
        stop="<|im_end|>",
        others=("<|im_start|>",),
        pad="<|endoftext|>",
    ),
    "QWEN3": Template(  # an answer without reasoning gets empty tags in front
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
        "{{ m.content }}<|im_end|>\n{% endfor %}" + _CHATML_OPEN,
        begin="<|endoftext|>",
        stop="<|im_end|>",
        others=("<|im_start|>", "<think>", "</think>"),
        pad="<|endoftext|>",
    ),
    "GEMMA": Template(
        "{{ bos_token }}{% for m in messages %}" + _REFUSE_SYSTEM + "<start_of_turn>"
        "{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
        begin="<bos>",
        stop="<end_of_turn>",
        others=("<start_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"),
        pad="<pad>",
        system=False,
    ),
    "MISTRAL": Template(
        "{{ bos_token }}{% for m in messages %}" + _REFUSE_SYSTEM + "{% if m.role == 'user' %}"
        "[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}",
        begin="<s>",
        stop="</s>",
        others=("[INST]", "[/INST]"),
        system=False,
    ),
    "PHI3": Template(
        "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
        begin="<s>",
        stop="<|end|>",
        others=("<|system|>", "<|user|>", "<|assistant|>"),
        pad="<|endoftext|>",
    ),
}


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


SHAPE: Mapping[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 512,
}
PAIR = ["sliding_attention", "full_attention"]
EXPERTS = {"num_experts_per_tok": 2, "num_local_experts": 4}
GEMMA3 = {"sliding_window": WINDOW, "layer_types": PAIR, "query_pre_attn_scalar": 16}

FAMILIES: tuple[Family, ...] = (
    Family("llama", "llama", "Llama", "LLAMA3"),
    Family(
        "llama4",
        "llama4_text",
        "Llama 4 (text)",
        "LLAMA3",
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
    ),
    Family("qwen2", "qwen2", "Qwen2", "CHATML", {"tie_word_embeddings": True}),
    Family("qwen3", "qwen3", "Qwen3", "QWEN3", {"tie_word_embeddings": True}),
    Family(
        "qwen3_moe",
        "qwen3_moe",
        "Qwen3-MoE",
        "QWEN3",
        {"num_experts_per_tok": 2, "num_experts": 4, "moe_intermediate_size": 64, "norm_topk_prob": True},
    ),
    Family("mistral", "mistral", "Mistral", "MISTRAL", {"sliding_window": None}),
    Family(
        "mistral_window",
        "mistral",
        "Mistral (sliding window)",
        "MISTRAL",
        {"sliding_window": WINDOW},
        windows=("sliding_window",),
    ),
    Family("mixtral", "mixtral", "Mixtral", "MISTRAL", EXPERTS),
    Family(
        "gemma2",
        "gemma2",
        "Gemma 2",
        "GEMMA",
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
    ),
    Family(
        "gemma3_text",
        "gemma3_text",
        "Gemma 3 (text)",
        "GEMMA",
        GEMMA3,
        windows=("sliding_window",),
        centred_norms=True,
    ),
    Family(
        "gemma3",
        "gemma3",
        "Gemma 3 (with vision)",
        "GEMMA",
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
    ),
    Family("phi3", "phi3", "Phi-3", "PHI3", {"sliding_window": WINDOW}, windows=("sliding_window",)),
    Family("olmo2", "olmo2", "OLMo 2", "CHATML"),
    Family(
        "smollm3",
        "smollm3",
        "SmolLM3",
        "CHATML",
        {"no_rope_layers": [1, 0], "tie_word_embeddings": True},
    ),
    Family(
        "granite",
        "granite",
        "Granite",
        "CHATML",
        {
            "logits_scaling": 2.0,
            "residual_multiplier": 0.5,
            "embedding_multiplier": 3.0,
            "attention_multiplier": 0.4,
            "tie_word_embeddings": True,
        },
        caps=("logits_scaling", "residual_multiplier", "embedding_multiplier", "attention_multiplier"),
    ),
    Family("gpt_neox", "gpt_neox", "GPT-NeoX", "CHATML", {"use_parallel_residual": True}, dtype=torch.float16),
    Family(
        "gpt2",
        "gpt2",
        "GPT-2",
        "CHATML",
        {"n_inner": 128, "attn_pdrop": 0.1, "resid_pdrop": 0.1, "embd_pdrop": 0.1},
        dtype=torch.float32,
    ),
    Family(
        "falcon",
        "falcon",
        "Falcon",
        "CHATML",
        {"new_decoder_architecture": True, "num_kv_heads": 2, "ffn_hidden_size": 128, "alibi": False},
    ),
)
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
    tokenizer = make_family_tokenizer(TEMPLATES[family.template])
    config = make_config(family, tokenizer)
    model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    draw(model, centred_norms=family.centred_norms, seed=seed)
    model.to(family.dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_family_tokenizer(template: Template) -> Any:
    tokenizer: Any = make_tokenizer([row["input"] + " " + row["output"] for row in make_rows(50)])
    named = [template.begin, template.stop, *template.others, *([template.pad] if template.pad else [])]
    tokenizer.add_tokens(list(dict.fromkeys(named)), special_tokens=True)
    tokenizer.bos_token, tokenizer.eos_token = template.begin, template.stop
    if template.pad:
        tokenizer.pad_token = template.pad
    tokenizer.chat_template = template.text
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
    images = {
        f"{part}_token_index": tokenizer.convert_tokens_to_ids(token)
        for part, token in (("boi", "<start_of_image>"), ("eoi", "<end_of_image>"), ("image", "<image_soft_token>"))
    }
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
            values = 0.4 * noise  # a last state of 64 channels of size 1 gives logits of about 3
        elif owner.endswith(QUERIES_AND_KEYS):
            values = 0.2 * noise  # scores of about 2.5, where queries and keys have no norm of their own
        else:
            values = noise / 64**0.5
        parameter.data.copy_(values)
