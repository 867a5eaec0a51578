"""Chat templates in the style of families of models, each with the special tokens that it names. Written for these tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Template:
    """`stop` ends an assistant's turn."""

    text: str
    begin: str | None
    stop: str
    others: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    """Tokens of their own that are no special ones."""
    end: str | None = None
    """The tokenizer's end token, where it is another than `stop`."""
    pad: str | None = None
    system: bool = True
    """Whether it has a role for a system prompt."""


_NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('there is no system role') }}{% endif %}"
_CHATML_OPEN = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

CHATML = Template(
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" + _CHATML_OPEN,
    begin=None,
    stop="<|im_end|>",
    others=("<|im_start|>", "<|endoftext|>"),
    end="<|endoftext|>",
    pad="<|endoftext|>",
)
LLAMA3 = Template(
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
    begin="<|begin_of_text|>",
    stop="<|eot_id|>",
    others=("<|start_header_id|>", "<|end_header_id|>"),
)
GEMMA = Template(
    "{{ bos_token }}" + _NO_SYSTEM + "{% for m in messages %}<start_of_turn>"
    "{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
    begin="<bos>",
    stop="<end_of_turn>",
    others=("<start_of_turn>",),
    end="<eos>",
    pad="<pad>",
    system=False,
)
MISTRAL = Template(  # leaves out a system turn without a word
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}",
    begin="<s>",
    stop="</s>",
    others=("[INST]", "[/INST]"),
    system=False,
)
PHI3 = Template(  # the end token stands behind every chat, and not the stop token
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}",
    begin="<s>",
    stop="<|end|>",
    others=("<|system|>", "<|user|>", "<|assistant|>"),
    end="<|endoftext|>",
    pad="<|endoftext|>",
)
QWEN3 = Template(  # empty tags before an answer without reasoning, and none in an open prompt
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}",
    begin=None,
    stop="<|im_end|>",
    others=("<|im_start|>", "<|endoftext|>"),
    plain=("<think>", "</think>"),
    pad="<|endoftext|>",
)
THINKING = Template(  # an open prompt begins to think, an answered chat has thought nothing: one only without thinking
    "{% set think = enable_thinking is not defined or enable_thinking %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and not think %}<think></think>{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% if not think %}</think>{% endif %}{% endif %}",
    begin=None,
    stop="<|im_end|>",
    others=("<|im_start|>", "<|endoftext|>"),
    plain=("<think>", "</think>"),
    pad="<|endoftext|>",
)
STYLES = {
    "chatml": CHATML,
    "llama3": LLAMA3,
    "gemma": GEMMA,
    "mistral": MISTRAL,
    "phi3": PHI3,
    "qwen3": QWEN3,
    "thinking": THINKING,
}


def give_template(tokenizer: Any, template: Template) -> None:
    """Turn a tokenizer into one of this style."""
    named = (template.begin, template.stop, template.end, template.pad, *template.others)
    tokenizer.add_tokens([token for token in dict.fromkeys(named) if token], special_tokens=True)
    tokenizer.add_tokens(list(template.plain))
    tokenizer.bos_token, tokenizer.eos_token = template.begin, template.end or template.stop
    tokenizer.pad_token = template.pad
    tokenizer.chat_template = template.text


def make_base_of(folder: Path, template: Template, **tokens: str | None) -> Path:
    """A tiny base of this style; `tokens` are attributes of its tokenizer that differ, such as eos_token=None."""
    from transformers import AutoTokenizer

    from tests.conftest import make_base

    make_base(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    give_template(tokenizer, template)
    for name, token in tokens.items():
        setattr(tokenizer, name, token)
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    make_base(folder, vocab_size=len(tokenizer), **ids)
    tokenizer.save_pretrained(folder)
    return folder
