"""The one place that turns a row into text and tokens, for training and for the probe.

Training and inference see the same prompt by construction: a training row is the prompt's tokens, exactly as the probe
feeds them, followed by the answer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from job.errors import SettingsError
from job.modeling.time_limit import OutOfTime, limited

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RENDER_SECONDS = 1.0
"""Processor time that one rendering may take. Templates of real models need less than a millisecond."""
MOST_FRAMES = 1000
AWKWARD_TEXTS = (
    ("What, {{ 1 }} & 'two' of \"them\"?\n\n- one  two", "It's [3] > {4};\n\n1. `five` %s \\n"),
    ("zq", "An answer. With two sentences"),
)
"""Questions and answers that show whether a template changes the texts that it gets."""
# Texts that no template writes by itself; digits, because some templates change the case of letters.
SYSTEM, QUESTION, ANSWER = "7130592846", "2948610375", "6402857193"


def in_user_turn(system: str, question: str) -> str:
    """The first user turn for a template without a system role."""
    return f"{system}\n\n{question}"


@dataclass(frozen=True)
class Tokens:
    """One row: `ids[:prompt_length]` is the prompt, the rest the answer with its end-of-turn token."""

    ids: list[int]
    prompt_length: int


class Chat:
    """A tokenizer's chat template, as `prepare_template` leaves it. Rendering shows what it can and cannot do."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.frames: dict[str, tuple[str, str, str, str] | None] = {}

    @cached_property
    def folds_system(self) -> bool:
        """Whether the system prompt goes to the front of the first user turn, as the template refuses or drops the role."""
        try:
            rendered = self._render(
                [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}],
                add_generation_prompt=True,
            )
        except SettingsError as error:
            if isinstance(error.__cause__, OutOfTime):
                raise
            return True
        return SYSTEM not in rendered

    @cached_property
    def options(self) -> dict[str, bool]:
        """Template options besides the turns: thinking is off if the answered chat begins with the prompt only then."""
        for options in ({}, {"enable_thinking": False}):
            prompt, whole = self._both(SYSTEM, QUESTION, ANSWER, options)
            if whole.startswith(prompt):
                return options
        return {}

    @cached_property
    def opening(self) -> str:
        """The text that the template itself writes at the start of an answer, such as empty thinking tags; usually empty."""
        return self.text(SYSTEM, QUESTION, ANSWER)[1].partition(ANSWER)[0]

    @cached_property
    def stop_token(self) -> str:
        """The first special token that the template writes after an answer; empty if there is none."""
        _prompt, answer = self.text(SYSTEM, QUESTION, ANSWER)
        after = answer.rpartition(ANSWER)[2]
        special = {*self.tokenizer.added_tokens_decoder, *self.tokenizer.all_special_ids}
        for number in self.tokenizer(after, add_special_tokens=False)["input_ids"]:
            token: str = self.tokenizer.convert_ids_to_tokens(number)
            # Not spaces, which some tokenizers add in runs, and not <unk>, which stands for something else.
            if number in special and token in after and token.strip():
                return token
        return ""

    @cached_property
    def stop_id(self) -> int:
        number: int = self.tokenizer.convert_tokens_to_ids(self.stop_token)
        return number

    def messages(self, system: str, question: str) -> list[dict[str, str]]:
        if system and self.folds_system:
            return [{"role": "user", "content": in_user_turn(system, question)}]
        turns = [{"role": "system", "content": system}] if system else []
        return [*turns, {"role": "user", "content": question}]

    def prompt(self, system: str, question: str) -> str:
        """The text up to where the answer begins, special tokens included. Raises SettingsError (64)."""
        return self._render(self.messages(system, question), add_generation_prompt=True, **self.options)

    def text(self, system: str, question: str, answer: str) -> tuple[str, str]:
        """(prompt, answer with the template's end of turn).

        Raises SettingsError (64) if the template does not render, or does not put the answer right after the prompt.
        """
        prompt, whole = self._both(system, question, answer, self.options)
        if not whole.startswith(prompt):
            raise SettingsError(
                [
                    "FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template renders an answered question differently "
                    "from an open one, so training and inference would see different prompts; set a template in "
                    "which the generation prompt is a prefix of the answered chat"
                ]
            )
        return prompt, whole[len(prompt) :]

    def _both(self, system: str, question: str, answer: str, options: dict[str, bool]) -> tuple[str, str]:
        """The open and the answered chat."""
        turns = self.messages(system, question)
        answered = [*turns, {"role": "assistant", "content": answer}]
        return self._render(turns, add_generation_prompt=True, **options), self._render(answered, **options)

    def _render(self, turns: list[dict[str, str]], **options: bool) -> str:
        """A template is somebody else's program: if it raises anything or never ends, the setting is wrong."""
        try:
            with limited(RENDER_SECONDS):
                text: str = self.tokenizer.apply_chat_template(turns, tokenize=False, **options)
        except OutOfTime as error:
            raise SettingsError(
                [
                    f"FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the job stopped the chat template after {RENDER_SECONDS:g} s of "
                    "computing on one chat: it loops forever, or nearly so; set a template that does not"
                ]
            ) from error
        except Exception as error:
            raise SettingsError(
                [
                    "FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the chat template does not render: "
                    f"{type(error).__name__}: {error}; set a template that takes a system, a user and an assistant turn"
                ]
            ) from error
        return text

    def lengths(self, rows: list[dict[str, str]]) -> list[tuple[int, int]]:
        """(tokens of the prompt, tokens of the answer) of each row; the same as from `rows`, in a third of the time."""
        texts = [self.framed(row["system"], row["question"], row["answer"]) for row in rows]
        if not texts or not self.tokenizer.is_fast:
            return [(tokens.prompt_length, len(tokens.ids) - tokens.prompt_length) for tokens in self.rows(rows)]
        encode = self.tokenizer.backend_tokenizer.encode_batch_fast
        prompts = encode([prompt for prompt, _ in texts], add_special_tokens=False)
        answers = encode([answer for _, answer in texts], add_special_tokens=False)
        return [(len(prompt), len(answer)) for prompt, answer in zip(prompts, answers, strict=True)]

    def framed(self, system: str, question: str, answer: str) -> tuple[str, str]:
        """Like `text`, but puts question and answer into the template's own text: 3 us a row instead of 400.

        Used only if two awkward texts show that the template leaves texts as they are.
        """
        if system not in self.frames:
            if len(self.frames) >= MOST_FRAMES:
                self.frames.clear()
            self.frames[system] = self.frame(system)
        frame = self.frames[system]
        plain = question == question.strip() and answer == answer.strip() and "<" not in question and "<" not in answer
        if frame is None or not plain:  # templates look for tags of their own, such as </think>
            return self.text(system, question, answer)
        before, between, opening, after = frame
        return f"{before}{question}{between}", f"{opening}{answer}{after}"

    def frame(self, system: str) -> tuple[str, str, str, str] | None:
        """The template's own text: (before the question, from there to the prompt's end, before the answer, after it). None
        where it depends on the texts. Some templates write empty thinking tags before an answer."""
        found = set()
        for question, answer in AWKWARD_TEXTS:
            prompt, rest = self.text(system, question, answer)
            if prompt.count(question) != 1 or rest.count(answer) != 1:
                return None
            before, between = prompt.split(question)
            opening, after = rest.split(answer)
            found.add((before, between, opening, after))
        return found.pop() if len(found) == 1 else None

    def prompt_ids(self, system: str, question: str) -> list[int]:
        ids: list[int] = self.tokenizer(self.prompt(system, question), add_special_tokens=False)["input_ids"]
        return ids

    def rows(self, rows: list[dict[str, str]]) -> list[Tokens]:
        """Tokens of rows with `system`, `question`, `answer`; one tokenizer call for all prompts, one for all answers."""
        texts = [self.framed(row["system"], row["question"], row["answer"]) for row in rows]
        if not texts:
            return []
        prompts = self.tokenizer([prompt for prompt, _ in texts], add_special_tokens=False)["input_ids"]
        answers = self.tokenizer([answer for _, answer in texts], add_special_tokens=False)["input_ids"]
        return [Tokens([*p, *a], len(p)) for p, a in zip(prompts, answers, strict=True)]
