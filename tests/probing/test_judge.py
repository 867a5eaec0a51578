"""The base model's opinion of two answers, in both orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.modeling.chat import Chat
from job.probing import judge as module
from job.probing.judge import ASKED, judge, opinion
from job.results import Judged, Sample
from tests.training.building import forward_of, tokenizer_of


def sample(base: str, tuned: str) -> Sample:
    return Sample(
        question="Why?", source="question", reference="", base=base, tuned=tuned, base_stopped=True, tuned_stopped=True
    )


@pytest.mark.parametrize(
    ("base_first", "tuned_first", "found"),
    [
        ("A", "B", "base"),
        ("B", "A", "tuned"),
        ("A", "A", "tie"),
        ("B", "B", "tie"),
        ("", "A", "unreadable"),
        ("B", "", "unreadable"),
        ("", "", "unreadable"),
    ],
)
def test_both_orders_have_to_agree(base_first: str, tuned_first: str, found: str) -> None:
    assert opinion(base_first, tuned_first) == found


def test_a_letter_that_is_likeliest_is_the_answer_and_everything_else_is_unreadable(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, chat = forward_of(base).model.eval(), Chat(tokenizer_of(base))
    letters = {}
    for letter in "AB":
        ((tokens,),) = chat.rows([{"system": "", "question": "q", "answer": letter}], "answers")
        letters[letter] = tokens.ids[tokens.answers[0][0]]
    assert letters["A"] != letters["B"]
    said: list[str] = []

    def predictions(model: object, pad: int, rows: list, models: object, compare: object, *, look: object) -> list[int]:  # type: ignore[type-arg]
        texts = [chat.tokenizer.decode(row.ids) for row in rows]
        said.extend(texts)
        likes = {"good": "A", "bad": "B"}
        return [
            next((letters[letter] for word, letter in likes.items() if f"Answer A:\n{word}" in text), 3)
            for text in texts
        ]

    monkeypatch.setattr(module, "predictions", predictions)
    samples = [
        sample("bad", "good"),  # B, then A: the tuned one
        sample("good", "bad"),
        sample("good one", "good other"),  # A both times
        sample("none", "neither"),
        sample("the same", "the same "),  # is not asked
    ]
    assert judge(model, chat, samples) == Judged(pairs=5, tuned_wins=1, base_wins=1, ties=2, unreadable=1)
    assert len(said) == 8


def test_a_pair_that_is_too_long_is_unreadable_and_an_empty_answer_is_shown_as_none(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, chat = forward_of(base).model.eval(), Chat(tokenizer_of(base))
    assert judge(model, chat, []) == Judged(pairs=0, tuned_wins=0, base_wins=0, ties=0, unreadable=0)
    found = judge(
        model, chat, [sample("", "roots need air"), sample("roots", "water")]
    )  # what a tiny model says is chance
    assert found.tuned_wins + found.base_wins + found.ties + found.unreadable == 2
    monkeypatch.setattr(module, "MOST_TOKENS", len(chat.prompt_ids("", ASKED)))
    assert judge(model, chat, [sample("root " * 200, "leaf " * 200)]).unreadable == 1
