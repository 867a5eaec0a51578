"""The chat template of a run: one of several, its date pinned, with one begin token, checked by rendering."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from job.errors import SettingsError
from job.modeling.chat import ANSWER, QUESTION, SYSTEM, Chat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger("job.chat")

# Llama 3's template writes today's date into every prompt through `strftime_now`. The text would depend on the day of the
# run, a resumed run would train on other tokens, and no later prompt would match. A macro of the same name shadows it.
FIXED_DATE = "26 Jul 2024"  # the date that Llama 3's own template falls back to
_PIN_DATE = "{%- macro strftime_now(format) -%}" + FIXED_DATE + "{%- endmacro -%}"
_NO_BEGIN = "{%- set bos_token = '' -%}"
MANY_WORDS = " ".join(["Why", "is", "It", "so?"] * 25)
"""Enough words, in upper and lower case, to show whether a template cuts or changes texts."""


def prepare_template(tokenizer: PreTrainedTokenizerBase, replacement: str, base: str) -> None:
    """Give the tokenizer the template of the run: its own or `replacement`, with the date pinned.

    Raises SettingsError (64) for a base model without a template, and for a template that does not render or changes the texts
    that it gets. Also for one whose two begin tokens cannot be reduced to one, or that ends an answer without a special token.
    """
    template = _only_template(replacement or tokenizer.chat_template, base)
    body = template.removeprefix(_PIN_DATE)
    pin = _PIN_DATE if "strftime_now" in body else ""
    tokenizer.chat_template = pin + body
    _require_whole_texts(tokenizer, base)
    _begin_once(tokenizer, pin, body, base)
    _require_stop_token(tokenizer, base)


def _require_whole_texts(tokenizer: PreTrainedTokenizerBase, base: str) -> None:
    question, answer = f"{QUESTION} {MANY_WORDS}", f"{ANSWER} {MANY_WORDS}"
    prompt, answered = Chat(tokenizer).text(SYSTEM, question, answer)
    for text, words, what in ((answered, answer, "the assistant's answer"), (prompt, question, "the user's question")):
        if words not in text:
            raise SettingsError(
                [
                    f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template of {base} leaves out {what}, or changes its words"
                ]
            )


def _require_stop_token(tokenizer: PreTrainedTokenizerBase, base: str) -> None:
    if Chat(tokenizer).stop_token:
        return
    if tokenizer.eos_token is None:
        raise SettingsError(
            [
                f"FINETUNE_MODEL_BASE: the tokenizer of {base} has no end token, and its chat template ends an answer "
                "without a special token, so a model trained on it would never stop; choose the model's instruct version"
            ]
        )
    raise SettingsError(
        [
            f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template of {base} writes no special token after an answer, so "
            "a model trained on it would never stop; set it to a file with a copy of the template in which "
            f"{{{{ eos_token }}}} ({tokenizer.eos_token} for this tokenizer) follows the assistant's content"
        ]
    )


def _only_template(template: str | dict[str, str] | None, base: str) -> str:
    """The one named `default`, where a tokenizer has several."""
    if isinstance(template, dict):
        if template and "default" not in template:
            raise SettingsError(
                [
                    f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: none of the chat templates of {base} "
                    f"({', '.join(sorted(template))}) is the default; set it to a file with the one to train with"
                ]
            )
        template = template.get("default")
    if not template or not isinstance(template, str):
        raise SettingsError(
            [
                f"FINETUNE_MODEL_BASE: {base} has no chat template (it is not instruction-tuned); set "
                "FINETUNE_MODEL_CHAT_TEMPLATE_FILE to a Jinja chat template, or choose the model's instruct version"
            ]
        )
    return template


def _begin_once(tokenizer: PreTrainedTokenizerBase, pin: str, body: str, base: str) -> None:
    """Mend a template that begins a chat with the begin token twice; it is saved with the adapter, and users render it.

    Raises SettingsError (64) unless rendering shows that one is left and nothing else has changed.
    """
    begin = tokenizer.bos_token
    if not begin:
        return
    found = _beginnings(tokenizer, begin)
    if all(count < 2 for count, _ in found):
        return
    wanted = [(1, rest) for _, rest in found]
    for front in (_NO_BEGIN, begin + _NO_BEGIN):  # one comes from the variable, or both do
        tokenizer.chat_template = pin + front + body
        if _beginnings(tokenizer, begin) == wanted:
            log.info("chat_template=mended: it began every chat with %s twice, and now begins with one", begin)
            return
    raise SettingsError(
        [
            f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template of {base} begins a chat with {begin} twice; set it to "
            "a file with a copy of the template in which one of the two is deleted"
        ]
    )


def _beginnings(tokenizer: PreTrainedTokenizerBase, begin: str) -> list[tuple[int, str]]:
    """The number of begin tokens before a prompt, and the text after them; with a system prompt and without."""
    found = []
    chat = Chat(tokenizer)
    for system in (SYSTEM, ""):
        try:
            rest = chat.prompt(system, QUESTION).lstrip()
        except SettingsError:  # some templates want a system turn
            continue
        count = 0
        while rest.startswith(begin):
            rest, count = rest[len(begin) :].lstrip(), count + 1
        found.append((count, rest))
    return found
