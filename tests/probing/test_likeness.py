"""Likeness to the reference: figures that are known, and that nothing else is needed to have them."""

from __future__ import annotations

import random

import pytest

from job.probing.likeness import Compared, chrf, common_subsequence, likeness, rouge_l

pytestmark = pytest.mark.examples


def test_the_same_text_is_1_and_another_0() -> None:
    same, other = Compared("Roots need air.", "Roots need air."), Compared("xyz", "Roots need air.")
    assert (chrf(same), rouge_l(same)) == (1, 1)
    assert (chrf(other), rouge_l(other)) == (0, 0)
    assert likeness([same, other]) == {"chrf": 0.5, "rouge_l": 0.5}


def test_rouge_l_is_the_f1_of_the_common_words_in_their_order() -> None:
    assert rouge_l(Compared("Give the roots air!", "The roots need air")) == pytest.approx(3 / 4)
    assert rouge_l(Compared("air", "the roots need air")) == pytest.approx(2 / 5)
    assert rouge_l(Compared("根需要空气", "根需要水")) == pytest.approx(2 * 3 / 9)


def test_chrf_is_sacrebleus_and_of_letters() -> None:
    near, far = Compared("The root needs air.", "The roots need air."), Compared("It wants gas.", "The roots need air.")
    assert chrf(far) < 0.3 < 0.5 < chrf(near) < 1


@pytest.mark.parametrize("text", ["", "...", " \n"])
def test_an_empty_answer_is_like_nothing(text: str) -> None:
    assert likeness([Compared(text, "Roots need air.")]) == {"chrf": pytest.approx(0, abs=0.04), "rouge_l": 0}


def test_without_references_there_is_no_likeness() -> None:
    assert likeness([]) == {}


def test_the_common_subsequence_is_that_of_the_table() -> None:
    draw = random.Random(1)
    for _ in range(200):
        first, second = (draw.choices("abcd", k=draw.randrange(90)) for _ in range(2))
        table = [0] * (len(second) + 1)
        for one in first:
            before = 0
            for place, other in enumerate(second, 1):
                kept = table[place]
                table[place] = before + 1 if one == other else max(table[place], table[place - 1])
                before = kept
        assert common_subsequence(first, second) == table[-1]
