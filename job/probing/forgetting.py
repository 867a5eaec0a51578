"""What the tuned model still knows of what the data does not teach: how far its predictions are from the base's on general
answers, and how many multiple-choice questions it gets right.

A question is right where the right option has the highest log-probability as an answer, behind a prompt that lists all four
without letters. A letter would ask for two things, to know the answer and to know what letters are for; base models without
instruction tuning know only the first, and tuning on prose unlearns the second alone. Options differ in length, which shifts
both models alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from peft import PeftModel

from job.modeling.batching import Row
from job.modeling.chat import Chat
from job.probing.general import Choice, Prompt, read
from job.probing.guardrails import UNKNOWN_TEXT
from job.probing.predictions import Enter, predictions

FEW = 20
"""General prompts that show whether the base model knows general text at all."""
AT_ONCE = 32
"""Tokens whose distributions are compared in float32 at once: 33 MB each at a vocabulary of 256,000."""
MOST_NATS = 100.0
"""The distance of two distributions that have nothing in common, and of a model whose logits are no numbers any more."""


@dataclass(frozen=True)
class GeneralRows:
    kl: list[float]
    """One per prompt: mean over the tokens of its answer, in nats."""
    base_loss: float
    """Of the base model: mean over the tokens of all these answers, in nats."""
    base_right: list[bool]
    """One per multiple-choice question; none where the base does not know general text at all."""
    tuned_right: list[bool]


def general_rows(
    model: PeftModel, chat: Chat, *, look: Callable[[], None] = lambda: None, system: str = ""
) -> GeneralRows:
    """The base model is `model` with its adapter off. `look`: called after each batch; it raises what is to end this. Raises
    MemoryExhausted (62)."""
    prompts, choices = read()
    models = (model.disable_adapter, nullcontext)
    few = _distances(model, chat, prompts[:: max(1, len(prompts) // FEW)], models, look, system)
    if not few[1] < UNKNOWN_TEXT:  # also NaN; nothing to forget, and the rest would take most of a small probe's time
        return GeneralRows(*few, [], [])
    kl, base_loss = _distances(model, chat, prompts, models, look, system)
    right = _right(model, chat, choices, models, look, system)
    return GeneralRows(kl, base_loss, [base for base, _ in right], [tuned for _, tuned in right])


def answered(chat: Chat, system: str, pairs: Sequence[tuple[str, str]]) -> list[Row]:
    """Questions and answers as training writes them; of the answer without what the template puts behind it."""
    rows = [{"system": system, "question": question, "answer": answer} for question, answer in pairs]
    found = []
    for (tokens,) in chat.rows(rows, "answers"):
        ((begin, end),) = tokens.answers
        ids = tokens.ids[:end]
        if chat.stop_token and chat.stop_id in ids[begin:]:
            end = len(ids) - 1 - ids[::-1].index(chat.stop_id)
        found.append(Row(ids[:end], ((begin, end),)))
    return found


# --- distance --------------------------------------------------------------------------------------------------------


def _distances(
    model: PeftModel,
    chat: Chat,
    prompts: Sequence[Prompt],
    models: Sequence[Enter],
    look: Callable[[], None],
    system: str,
) -> tuple[list[float], float]:
    """The distance for each prompt, and the base's loss on all."""
    rows = answered(chat, system, [(prompt.question, prompt.answer) for prompt in prompts])

    def compare(row: Row, logits: list[torch.Tensor]) -> tuple[float, float]:
        base, tuned = logits
        return distance(base, tuned), log_probability(base, row)

    found = predictions(model, chat.tokenizer.pad_token_id, rows, models, compare, look=look)
    known = sum(logarithm for _, logarithm in found)
    return [each for each, _ in found], -known / max(1, sum(row.targets for row in rows))


def distance(base: torch.Tensor, tuned: torch.Tensor) -> float:
    """Mean over the tokens of KL(base || tuned), from logits (P, V), in float32 and a few tokens at a time."""
    total = 0.0
    for begin in range(0, len(base), AT_ONCE):
        wanted, given = (logits[begin : begin + AT_ONCE].float().log_softmax(-1) for logits in (base, tuned))
        terms = wanted.exp() * (wanted - given)
        terms = torch.where(wanted.isneginf(), 0.0, terms)  # what the base rules out adds nothing
        each = torch.nan_to_num(terms.sum(-1), nan=MOST_NATS, posinf=MOST_NATS)
        total += float(each.clamp(0.0, MOST_NATS).sum())
    return total / max(1, len(base))


def log_probability(logits: torch.Tensor, row: Row) -> float:
    """Of the row's learned tokens, given the logits before them."""
    ((begin, end),) = row.predicted
    targets = torch.tensor(list(row.ids[begin:end]), device=logits.device)
    total = 0.0
    for place in range(0, len(logits), AT_ONCE):
        some, wanted = (values[place : place + AT_ONCE] for values in (logits, targets))
        total -= float(torch.nn.functional.cross_entropy(some.float(), wanted, reduction="sum"))
    return total


# --- choices ---------------------------------------------------------------------------------------------------------


def _right(
    model: PeftModel,
    chat: Chat,
    choices: Sequence[Choice],
    models: Sequence[Enter],
    look: Callable[[], None],
    system: str,
) -> list[tuple[bool, ...]]:
    """Of each question, whether each model gets it right."""
    pairs = [(choice.asked, option) for choice in choices for option in choice.options]
    rows = answered(chat, system, pairs)

    def compare(row: Row, logits: list[torch.Tensor]) -> list[float]:
        return [log_probability(one, row) for one in logits]

    said = predictions(model, chat.tokenizer.pad_token_id, rows, models, compare, look=look)
    found, place = [], 0
    for choice in choices:
        options = said[place : place + len(choice.options)]
        place += len(choice.options)
        found.append(tuple(is_right(list(each), choice.right) for each in zip(*options, strict=True)))
    return found


def is_right(options: Sequence[float], right: int) -> bool:
    """Whether the right option is likelier than each of the others; none is where the numbers are none."""
    return all(options[right] > other for place, other in enumerate(options) if place != right)
