"""The one place that turns a row into text and tokens, for training and for the probe.

Training and inference see the same prompt by construction: a training row is the prompt's tokens, exactly as the probe
feeds them, followed by the answer's. A conversation goes on with what the template writes between that answer and the next one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from job.errors import SettingsError
from job.modeling.conversation import Conversation, Turn, beginning, calls_of
from job.modeling.examples import Example, Length, Tokens, length_of, one_text, tokens_of
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
SYSTEM, QUESTION, ANSWER, OTHER = "7130592846", "2948610375", "6402857193", "5081736429"
CALL_ID = "call00001"
"""Nine letters or digits, as Mistral's templates want them; given to calls of tools that have none."""
Frame = tuple[str, str, str, str]


def in_user_turn(system: str, question: str) -> str:
    """The first user turn for a template without a system role."""
    return f"{system}\n\n{question}"


class Chat:
    """A tokenizer's chat template, as `prepare_template` leaves it. Rendering shows what it can and cannot do."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.frames: dict[str, Frame | None] = {}
        self.later_frames: dict[str, tuple[str, str, str] | None] = {}

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
    def takes_tools(self) -> bool:
        """Whether the template writes a list of tools into the prompt."""
        turns: list[Turn] = [{"role": "user", "content": QUESTION}]
        function = {"name": f"f{OTHER}", "description": "d", "parameters": {"type": "object", "properties": {}}}
        return self._shows(turns, OTHER, tools=[{"type": "function", "function": function}])

    @cached_property
    def knows_calls(self) -> bool:
        """Whether the template shows calls of tools and what they returned."""
        call = {"name": f"f{SYSTEM}", "arguments": {"a": OTHER}}
        turns: list[Turn] = [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "id": CALL_ID, "function": call}]},
            {"role": "tool", "content": ANSWER, "name": f"f{SYSTEM}", "tool_call_id": CALL_ID},
        ]
        return self._shows(turns, SYSTEM, OTHER, ANSWER, add_generation_prompt=True)

    @cached_property
    def shows_reasoning(self) -> bool:
        """Whether the template writes the reasoning of an answer behind the same prompt."""
        turns: list[Turn] = [{"role": "user", "content": QUESTION}]
        answered = [*turns, {"role": "assistant", "content": ANSWER, "reasoning_content": OTHER}]
        try:
            prompt = self._render(turns, add_generation_prompt=True, **self.options)
            whole = self._render(answered, **self.options)
        except SettingsError:
            return False
        return whole.startswith(prompt) and OTHER in whole

    def _shows(self, turns: list[Turn], *texts: str, **options: Any) -> bool:
        try:
            rendered = self._render(turns, **options)
        except SettingsError as error:
            if isinstance(error.__cause__, OutOfTime):
                raise
            return False
        return all(text in rendered for text in texts)

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

    def stops(self, tokens: Tokens) -> bool:
        """Whether each answer ends with the stop token."""
        return all(self.stop_id in tokens.ids[begin:end] for begin, end in tokens.answers)

    def messages(self, system: str, question: str) -> list[Turn]:
        return self._begun(system, [{"role": "user", "content": question}])

    def _begun(self, system: str, turns: list[Turn]) -> list[Turn]:
        if system and self.folds_system:
            return [{**turns[0], "content": in_user_turn(system, turns[0]["content"])}, *turns[1:]]
        return [{"role": "system", "content": system}, *turns] if system else turns

    def turns(self, turns: Sequence[Turn]) -> list[Turn]:
        """Turns of a conversation as the template takes them. One that has no role for calls of tools gets them as text of the
        assistant, and what they returned as a turn of the user."""
        found: list[Turn] = []
        for turn in turns:
            made = {"role": turn["role"], "content": turn["content"]}
            if "reasoning_content" in turn and self.shows_reasoning:
                made["reasoning_content"] = turn["reasoning_content"]
            calls = calls_of(turn)
            if calls and self.knows_calls:
                made["tool_calls"] = [{"id": CALL_ID, **call} for call in calls]
            elif calls:
                lines = [json.dumps(call["function"], ensure_ascii=False) for call in calls]
                made["content"] = "\n".join(filter(None, [turn["content"], *lines]))
            if turn["role"] == "tool" and self.knows_calls:
                made |= {"name": turn.get("name", ""), "tool_call_id": turn.get("tool_call_id", CALL_ID)}
            elif turn["role"] == "tool":
                made["role"] = "user"
            if found and made["role"] == found[-1]["role"] == "user":
                made["content"] = f"{found.pop()['content']}\n\n{made['content']}"
            found.append(made)
        return found

    def prompt(self, system: str, question: str) -> str:
        """The text up to where the answer begins, special tokens included. Raises SettingsError (64)."""
        return self._render(self.messages(system, question), add_generation_prompt=True, **self.options)

    def text(self, system: str, question: str, answer: str) -> tuple[str, str]:
        """(prompt, answer with the template's end of turn).

        Raises SettingsError (64) if the template does not render, or does not put the answer right after the prompt.
        """
        return self._after_prompt(*self._both(system, question, answer, self.options))

    def _after_prompt(self, prompt: str, whole: str) -> tuple[str, str]:
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

    def answered(self, conversation: Conversation, place: int) -> tuple[str, str]:
        """(everything before the answer at this place, the answer with its end of turn); raises as `text` does."""
        turns = self._begun(conversation.system, self.turns(conversation.turns[: place + 1]))
        options: dict[str, Any] = dict(self.options)
        if conversation.tools and self.takes_tools:
            options["tools"] = json.loads(conversation.tools)
        prompt = self._render(turns[:-1], add_generation_prompt=True, **options)
        return self._after_prompt(prompt, self._render(turns, **options))

    def _render(self, turns: list[Turn], **options: Any) -> str:
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

    def examples(self, row: dict[str, Any], loss: str) -> list[Example]:
        """The texts that a row is trained on: one, unless the template writes earlier turns differently once others follow
        (without their reasoning, say). Then each answer is a text of its own, with what stands before it at inference.

        `loss`: `last` leaves the earlier answers to the prompt, where those of weight 0 always stay. None for a row without any
        other. Raises SettingsError (64) as `text` does.
        """
        if "text" in row:
            return [[(self.text_begin, False), (row["text"] + self.text_end, True)]]
        if "turns" not in row:
            prompt, answer = self.framed(row["system"], row["question"], row["answer"])
            return [[(prompt, False), (answer, True)]]
        conversation = Conversation.of(row)
        found = self._framed_turns(conversation)
        if found is None:
            places = list(conversation.learned())
            found = [self.answered(conversation, place) for place in (places[-1:] if loss == "last" else places)]
        if loss != "last" and found and (one := one_text(found, self.stop_token)):
            return [one]
        return [[(prompt, False), (answer, True)] for prompt, answer in (found if loss == "answers" else found[-1:])]

    @cached_property
    def text_begin(self) -> str:
        """The token with which the tokenizer begins plain text, if any."""
        begin = self.tokenizer.bos_token
        return begin if begin and self.tokenizer("a")["input_ids"][0] == self.tokenizer.bos_token_id else ""

    @property
    def text_end(self) -> str:
        """The token that ends plain text."""
        return self.tokenizer.eos_token or self.stop_token

    def lengths(self, rows: list[dict[str, Any]], loss: str) -> list[Length]:
        """Tokens of each row; the same as from `rows`, in a third of the time."""
        examples = [self.examples(row, loss) for row in rows]
        texts = [text for several in examples for example in several for text, _ in example]
        if not texts:
            return [length_of([]) for _ in rows]
        if self.tokenizer.is_fast:
            encode = self.tokenizer.backend_tokenizer.encode_batch_fast
            counts = iter([len(piece) for piece in encode(texts, add_special_tokens=False)])
        else:
            counts = iter([len(piece) for piece in self.tokenizer(texts, add_special_tokens=False)["input_ids"]])
        return [
            length_of([[(next(counts), learned) for _, learned in example] for example in several])
            for several in examples
        ]

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

    def _framed_turns(self, conversation: Conversation) -> list[tuple[str, str]] | None:
        """What `answered` gives for each answer, from the template's own text as in `framed`. None for turns that are not
        plain, and where three exchanges show that the template does more than add one to the others."""
        texts = [turn["content"] for turn in conversation.turns]
        if not conversation.alternates or any(text != text.strip() or "<" in text or not text for text in texts):
            return None
        system = conversation.system
        if system not in self.later_frames:
            if len(self.later_frames) >= MOST_FRAMES:
                self.later_frames.clear()
            self.later_frames[system] = self.later_frame(system)
        pairs = [self.framed(system, texts[0], texts[1])]
        frame, later = self.frames[system], self.later_frames[system]
        if frame is None or later is None:
            return None
        (_, _, opening, after), (before_answer, between, end) = frame, later
        prompt = pairs[0][0]
        for place in range(2, len(texts), 2):
            prompt += f"{before_answer}{texts[place - 1]}{between}{texts[place]}{end}"
            pairs.append((prompt, f"{opening}{texts[place + 1]}{after}"))
        return pairs

    def later_frame(self, system: str) -> tuple[str, str, str] | None:
        """What the template adds to a prompt for the next one: (before the answer, from there to the next question, behind
        that). None where the second and the third exchange differ, or an answer that is not the first."""
        found = set()
        for question, answer in AWKWARD_TEXTS:
            turns = ({"role": "user", "content": question}, {"role": "assistant", "content": answer}) * 3
            conversation = Conversation(system, turns)
            try:
                pairs = [self.answered(conversation, place) for place in conversation.answers()]
            except SettingsError:  # the row itself will say so
                return None
            if pairs[0] != self.framed(system, question, answer) or len({rest for _, rest in pairs}) != 1:
                return None
            for (prompt, _), (longer, _) in pairwise(pairs):
                added = longer[len(prompt) :]
                before, _, rest = added.partition(answer)
                between, _, end = rest.partition(question)
                if longer != prompt + f"{before}{answer}{between}{question}{end}":
                    return None
                found.add((before, between, end))
        return found.pop() if len(found) == 1 else None

    def prompt_ids(self, system: str, question: str) -> list[int]:
        ids: list[int] = self.tokenizer(self.prompt(system, question), add_special_tokens=False)["input_ids"]
        return ids

    def last_prompt_ids(self, row: dict[str, Any]) -> list[int]:
        """The prompt for the last answer of a row, with all that stands before it; of plain text its beginning."""
        is_text = "text" in row
        text = self.text_begin + beginning(row["text"])[0] if is_text else self.examples(row, "last")[0][0][0]
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def rows(self, rows: list[dict[str, Any]], loss: str) -> list[list[Tokens]]:
        """For each row the texts that it is trained on, as tokens; see `examples`. One call of the tokenizer for all."""
        examples = [self.examples(row, loss) for row in rows]
        texts = [text for several in examples for example in several for text, _ in example]
        if not texts:
            return [[] for _ in rows]
        encoded = iter(self.tokenizer(texts, add_special_tokens=False)["input_ids"])
        return [
            [tokens_of([(next(encoded), learned) for _, learned in example]) for example in several]
            for several in examples
        ]
