"""The base model's own opinion of the two answers. Weak evidence: a small model likes long answers, the first one and its own,
so it decides nothing, and nobody is asked who did not set FINETUNE_PROBE_JUDGE.

Each pair is shown in both orders, and the model is asked for a letter; nothing is generated, since the letter is read off the
probabilities of the next token. Where its two opinions contradict each other it has looked at the place and not at the answer:
that is what an unsure judge does, and it counts as a tie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from peft import PeftModel

from job.modeling.batching import Row
from job.modeling.chat import Chat
from job.probing.predictions import predictions
from job.results import Judged, Sample

ASKED = """Here is a question, and two answers to it.

Question:
{question}

Answer A:
{first}

Answer B:
{second}

Which of them answers the question better? Reply with the letter A or B and nothing else."""
NOTHING = "(no answer)"
MOST_TOKENS = 4096
"""Of a prompt; a longer one is unreadable for models with a short context, and slow for all."""


def judge(
    model: PeftModel, chat: Chat, samples: Sequence[Sample], *, look: Callable[[], None] = lambda: None
) -> Judged:
    """`model` is the judge, so its adapter has to be off. `look`: called after each batch; it raises what is to end this.
    Raises MemoryExhausted (62)."""
    limit = min(MOST_TOKENS, getattr(model.config.get_text_config(), "max_position_embeddings", None) or MOST_TOKENS)
    differing = [sample for sample in samples if sample.base.strip() != sample.tuned.strip()]
    orders = [pair for one in differing for pair in ((one, one.base, one.tuned), (one, one.tuned, one.base))]
    prompts = [
        ASKED.format(question=sample.question, first=first.strip() or NOTHING, second=second.strip() or NOTHING)
        for sample, first, second in orders
    ]
    letters = _letters(model, chat, prompts, limit, look)
    verdicts = [opinion(*letters[place : place + 2]) for place in range(0, len(letters), 2)]
    return Judged(
        pairs=len(samples),
        tuned_wins=verdicts.count("tuned"),
        base_wins=verdicts.count("base"),
        ties=verdicts.count("tie") + len(samples) - len(differing),
        unreadable=verdicts.count("unreadable"),
    )


def opinion(base_first: str, tuned_first: str) -> str:
    """Who wins, from the letters for both orders; empty is no letter."""
    if not base_first or not tuned_first:
        return "unreadable"
    if base_first == tuned_first:
        return "tie"
    return "base" if base_first == "A" else "tuned"


def _letters(model: PeftModel, chat: Chat, prompts: Sequence[str], limit: int, look: Callable[[], None]) -> list[str]:
    """The letter that each prompt is answered with: A or B, or empty where another token is likelier or the prompt too long."""
    rows, letters, places = [], [], []
    for place, prompt in enumerate(prompts):
        both = [{"system": "", "question": prompt, "answer": letter} for letter in "AB"]
        (first,), (second,) = chat.rows(both, "answers")
        begin = next(at for at, (a, b) in enumerate(zip(first.ids, second.ids, strict=False)) if a != b)
        if begin < limit:
            rows.append(Row(first.ids[: begin + 1], ((begin, begin + 1),)))
            letters.append({first.ids[begin]: "A", second.ids[begin]: "B"})
            places.append(place)

    def likeliest(_: Row, logits: list[torch.Tensor]) -> int:
        return int(logits[0][0].argmax())

    tokens = predictions(model, chat.tokenizer.pad_token_id, rows, [nullcontext], likeliest, look=look)
    found = [""] * len(prompts)
    for place, names, token in zip(places, letters, tokens, strict=True):
        found[place] = names.get(token, "")
    return found
