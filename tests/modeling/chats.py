"""What tests of chat templates share: tokenizers of every style, and what the model card's lines ask."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from job.modeling.chat import Chat
from job.modeling.files import BaseFiles
from job.modeling.template import prepare_template
from job.modeling.tokenizer import load_tokenizer
from job.results import Cleaned
from job.settings.fields import ModelSettings
from tests.sample_results import CLEANED
from tests.templates import Template, give_template

ROW = {"system": "You answer questions on repairs.", "question": "My lamp is broken.", "answer": "Replace it."}
LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
"""A template that does not end."""


def tokenizer_of(template: Template, base: Path, **tokens: str | None) -> Any:
    """A tokenizer of this style, prepared as a run does it."""
    tokenizer = raw_tokenizer(template, base, **tokens)
    prepare_template(tokenizer, "", "the-base")
    return tokenizer


def raw_tokenizer(template: Template, base: Path, **tokens: str | None) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(base)
    give_template(tokenizer, template)
    for name, token in tokens.items():
        setattr(tokenizer, name, token)
    return tokenizer


def load(folder: Path, **model: Any) -> Any:
    return load_tokenizer(BaseFiles(folder, "the-base", ""), ModelSettings(base="the/base", **model))


def cleaned_with(chat: Chat, system: str) -> Cleaned:
    """What the clean stage says of rows with this system prompt."""
    return CLEANED.model_copy(
        update={
            "system_prompt": system,
            "system_in_user_turn": bool(system) and chat.folds_system,
            "thinking_off": bool(chat.options),
            "stop_token": chat.stop_token,
        }
    )


def asked_by_the_card(card: str, tokenizer: Any) -> tuple[list[int], int]:
    """Prompt and end token that the card's lines give to `generate`."""
    seen: dict[str, Any] = {}

    def answer(**given: Any) -> Any:
        seen.update(given)
        return given["input_ids"]

    code = card.partition("```python\n")[2].partition("```")[0]
    exec(code, {"tokenizer": tokenizer, "model": types.SimpleNamespace(device="cpu", generate=answer)})  # noqa: S102
    return seen["input_ids"][0].tolist(), seen["eos_token_id"]
