"""The one place that turns a row into text and tokens, for training and for the probe.

Training and inference see the same prompt by construction: a training row is the prompt's tokens, exactly as the probe
feeds them, followed by the answer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError

from job.errors import DataError, SettingsError

# Llama 3's template writes today's date into every prompt through `strftime_now`. The text would depend on the day of the
# run, a resumed run would train on other tokens, and no later prompt would match. A macro of the same name shadows it.
FIXED_DATE = "26 Jul 2024"  # the date that Llama 3's own template falls back to
_PIN_DATE = "{%- macro strftime_now(format) -%}" + FIXED_DATE + "{%- endmacro -%}"


MOST_FRAMES = 1000
_TRIALS = (
    ("What, {{ 1 }} & 'two' of \"them\"?\n\n- one  two", "It's [3] > {4};\n\n1. `five` %s \\n"),
    ("q", "An answer. With two sentences"),
)
"""Questions and answers that show whether a template changes what it is given."""


@dataclass(frozen=True)
class Tokens:
    """One row: `ids[:prompt_length]` is the prompt, the rest the answer with its end-of-turn token."""

    ids: list[int]
    prompt_length: int


class Chat:
    """A tokenizer's chat template, with the date pinned."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.frames: dict[str, tuple[str, str, str] | None] = {}

    def messages(self, system: str, question: str) -> list[dict[str, str]]:
        turns = [{"role": "system", "content": system}] if system else []
        return [*turns, {"role": "user", "content": question}]

    def prompt(self, system: str, question: str) -> str:
        """The text up to where the answer begins, special tokens included."""
        text: str = self.tokenizer.apply_chat_template(
            self.messages(system, question), tokenize=False, add_generation_prompt=True
        )
        return text

    def text(self, system: str, question: str, answer: str) -> tuple[str, str]:
        """(prompt, answer with the template's end of turn).

        Raises SettingsError (64) where the template does not put the answer right behind the prompt.
        """
        prompt = self.prompt(system, question)
        turns = [*self.messages(system, question), {"role": "assistant", "content": answer}]
        whole: str = self.tokenizer.apply_chat_template(turns, tokenize=False)
        if not whole.startswith(prompt):
            raise SettingsError(
                [
                    "FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template renders an answered question differently "
                    "from an open one, so that training and inference would see different prompts; set a template in "
                    "which the generation prompt is a prefix of the answered chat"
                ]
            )
        return prompt, whole[len(prompt) :]

    def lengths(self, rows: list[dict[str, str]]) -> list[tuple[int, int]]:
        """(tokens of the prompt, tokens of the answer) of rows; what `rows` gives, counted in a third of the time."""
        texts = [self._framed(row["system"], row["question"], row["answer"]) for row in rows]
        if not texts or not self.tokenizer.is_fast:
            return [(tokens.prompt_length, len(tokens.ids) - tokens.prompt_length) for tokens in self.rows(rows)]
        encode = self.tokenizer.backend_tokenizer.encode_batch_fast
        prompts = encode([prompt for prompt, _ in texts], add_special_tokens=False)
        answers = encode([answer for _, answer in texts], add_special_tokens=False)
        return [(len(prompt), len(answer)) for prompt, answer in zip(prompts, answers, strict=True)]

    def _framed(self, system: str, question: str, answer: str) -> tuple[str, str]:
        """What `text` gives, by putting question and answer into the template's text: 3 us a row instead of 400.

        Only where two trials with awkward texts show that the template puts them in as they are.
        """
        if system not in self.frames:
            if len(self.frames) >= MOST_FRAMES:
                self.frames.clear()
            self.frames[system] = self._frame(system)
        frame = self.frames[system]
        plain = question == question.strip() and answer == answer.strip() and "<" not in question and "<" not in answer
        if frame is None or not plain:  # templates look for tags of their own, such as </think>
            return self.text(system, question, answer)
        before, between, behind = frame
        return f"{before}{question}{between}", f"{answer}{behind}"

    def _frame(self, system: str) -> tuple[str, str, str] | None:
        """(before the question, between question and answer, behind the answer), or None where there is no such thing."""
        found = set()
        for question, answer in _TRIALS:
            prompt, rest = self.text(system, question, answer)
            if prompt.count(question) != 1 or not rest.startswith(answer):
                return None
            before, between = prompt.split(question)
            found.add((before, between, rest[len(answer) :]))
        return found.pop() if len(found) == 1 else None

    def prompt_ids(self, system: str, question: str) -> list[int]:
        ids: list[int] = self.tokenizer(self.prompt(system, question), add_special_tokens=False)["input_ids"]
        return ids

    def rows(self, rows: list[dict[str, str]]) -> list[Tokens]:
        """Tokens of rows with `system`, `question`, `answer`; one tokenizer call for all prompts, one for all answers."""
        texts = [self._framed(row["system"], row["question"], row["answer"]) for row in rows]
        if not texts:
            return []
        prompts = self.tokenizer([prompt for prompt, _ in texts], add_special_tokens=False)["input_ids"]
        answers = self.tokenizer([answer for _, answer in texts], add_special_tokens=False)["input_ids"]
        return [Tokens([*p, *a], len(p)) for p, a in zip(prompts, answers, strict=True)]


def prepare_template(tokenizer: Any, replacement: str, base: str) -> None:
    """Give the tokenizer the template of the run: its own or `replacement`, proven to render, with the date pinned.

    Raises SettingsError (64) for a base model without a template and for one that does not render.
    """
    template = replacement or tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    if not template:
        raise SettingsError(
            [
                f"FINETUNE_MODEL_BASE: {base} has no chat template (it is no instruction-tuned model); set "
                "FINETUNE_MODEL_CHAT_TEMPLATE_FILE to a Jinja chat template, or choose the model's instruct version"
            ]
        )
    if "strftime_now" in template and not template.startswith(_PIN_DATE):
        template = _PIN_DATE + template
    tokenizer.chat_template = template
    chat = Chat(tokenizer)
    try:
        _prompt, answer = chat.text("system", "question", "answer")
    except TemplateError:
        try:
            _prompt, answer = chat.text("", "question", "answer")
        except TemplateError as error:
            raise SettingsError(
                [f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template of {base} does not render: {error}"]
            ) from error
    if "answer" not in answer:
        raise SettingsError(
            [f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template of {base} leaves out the assistant's answer"]
        )


def require_system_role(chat: Chat, system: str, base: str) -> None:
    """Raises DataError (65) where rows bring a system prompt and the template refuses that role."""
    try:
        rendered = chat.prompt(system, "question")
    except TemplateError as error:
        raise DataError(
            f"The chat template of {base} takes no system prompt ({error}), and the rows bring one.",
            remedy="Set FINETUNE_MODEL_CHAT_TEMPLATE_FILE to a template with a system role.",
        ) from error
    if system.split()[0] not in rendered:
        raise DataError(
            f"The chat template of {base} drops the system prompt without a word, and the rows bring one.",
            remedy="Set FINETUNE_MODEL_CHAT_TEMPLATE_FILE to a template with a system role.",
        )
