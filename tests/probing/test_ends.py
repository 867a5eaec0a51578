"""Answers that break off, and answers that go on as somebody else."""

from __future__ import annotations

import pytest

from job.probing.ends import ends_badly, stop_at_the_end

pytestmark = pytest.mark.light

QUESTION = "When do I repot my fern?"
REFERENCE = "Repot it in spring, when the roots fill the pot. Take one that is two fingers wider."
HALF = "Repot it in spring, when the roots fill the pot. Take one that is"


def is_bad(answer: str, *, reference: str = REFERENCE, stopped: bool = True, with_stop: bool = True) -> bool:
    return ends_badly(QUESTION, reference, answer, stopped=stopped, with_stop=with_stop)


@pytest.mark.parametrize(
    "answer",
    [
        HALF,
        HALF + ",",
        "Repot it in spring.\n\nAfter that you water it and put it into the",
        "春天换盆，因为那时根已经长满了花盆，新的花盆要比旧的宽",
        "Repot it in spring, when the roots have come out below the pot (",
    ],
)
def test_an_answer_that_stops_in_a_sentence_breaks_off(answer: str) -> None:
    assert is_bad(answer)


@pytest.mark.parametrize(
    "answer",
    [
        REFERENCE,
        'My neighbour says of ferns in spring: "Take a wider pot."',
        "Repot it in spring, and do not forget what your **fern likes best.**",
        "In spring",
        "You repot it as follows in the spring:\n\n1. Take it out of the old pot\n2. Put it into the new pot at once",
        "Repot it in spring, when the roots fill the pot.\n\nThe Fern Team",
        "This prints when to repot it, for each fern:\n\n```\nfor fern in ferns: print(fern, 'in', spring, 'as', usual)\n```",
    ],
)
def test_a_whole_answer_does_not(answer: str) -> None:
    assert not is_bad(answer)


@pytest.mark.parametrize(
    ("answer", "bad"),
    [
        ("One two three four five six seven eight", True),
        ("One two three four five six seven", False),
        ("One two three.\n\nFour five six seven eight", True),
        ("One two three four.\n\nFive six seven eight", False),
    ],
)
def test_from_how_many_words_a_missing_stop_says_something(answer: str, bad: bool) -> None:
    assert is_bad(answer) is bad


def test_only_where_references_end_in_a_stop() -> None:
    assert not is_bad(HALF, reference="Repot it in spring, when the roots fill the pot")
    assert not is_bad(HALF, with_stop=False)
    assert not is_bad(HALF, stopped=False)  # the limit cut it, which is another score's


def test_one_in_fifty_references_without_a_stop_is_an_exception() -> None:
    assert stop_at_the_end([*[REFERENCE] * 97, "yes", "", HALF, HALF])
    assert not stop_at_the_end([*[REFERENCE] * 96, "yes", "", HALF, HALF])
    assert not stop_at_the_end([*[REFERENCE] * 97, HALF, HALF, HALF])


@pytest.mark.parametrize(
    "more",
    [
        "\n\nUser: Thank you. And my ivy?\n\nAssistant: In autumn.",
        " Human: And my ivy?",
        "\n**User:** And my ivy?",
        "\n\n### Instruction\nWhen do I water it?",
        "\n\nQ: And my ivy?\nA: In autumn.",
        "\n用户：常春藤呢？",
        "<|im_end|>\n<|im_start|>user\n",
        "\nuser\nAnd my ivy?\nassistant\nIn autumn.",
        " [/INST] In autumn.",
        "<end_of_turn>",
    ],
)
def test_an_answer_that_goes_on_for_the_user_is_bad(more: str) -> None:
    assert is_bad(REFERENCE + more)
    assert is_bad("42." + more, reference="42.", with_stop=False)
    assert not is_bad(REFERENCE + more, reference=REFERENCE + more)


@pytest.mark.parametrize(
    "answer",
    [
        "Assistant: Repot it in spring.",
        "Repot it in spring. The user: that is you.",
        "The page shows:\n\n```\nuser: fern\nassistant: none\n```\n\nSo log in first.",
        "Question: how full is the pot? Look below it.",
    ],
)
def test_a_label_is_no_turn(answer: str) -> None:
    assert not is_bad(answer)


def test_turns_that_the_question_has_are_of_a_conversation() -> None:
    asked = "user: When do I repot it?\n\nassistant: In spring.\n\nuser: And my ivy?"
    assert ends_badly(asked, "In autumn.", "In autumn.\nUser: And moss?", stopped=True, with_stop=True)
    assert not ends_badly(asked, "", "In autumn.\nUser: And moss?", stopped=True, with_stop=True)
