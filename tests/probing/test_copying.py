"""Answers that are copied from their question, and answers that only use its words."""

from __future__ import annotations

import pytest

from job.probing.copying import copies, share_copied

pytestmark = pytest.mark.light

QUESTION = (
    "My fern has brown leaves since I moved it to the balcony two weeks ago. I water it every day, and it gets sun from noon "
    "until the evening. What should I do to save it?"
)
REFERENCE = "Move it into the shade and cut the brown leaves off. Water it only when the top of the soil is dry."
COPIES = {
    "the whole question": (QUESTION, QUESTION),
    "in capitals": (QUESTION, QUESTION.upper()),
    "without its signs": (QUESTION, QUESTION.replace(",", "").replace(".", "")),
    "its beginning": (QUESTION, QUESTION[:88]),
    "its end": (QUESTION, QUESTION[-90:]),
    "twice": (QUESTION, f"{QUESTION} {QUESTION}"),
    "one sentence": (QUESTION, "I water it every day, and it gets sun from noon until the evening."),
    "with a few words behind": (QUESTION, f"{QUESTION} Please help me with it."),
    "with a few words before": (QUESTION, f"The question: {QUESTION}"),
    "sentences in another order": (QUESTION, ". ".join(reversed(QUESTION.split(". ")))),
    "a short question": ("Why do roots rot?", "Why do roots rot?"),
    "a short question in a line": ("Why do roots rot?", "\n\nwhy do roots rot\n"),
    "Chinese": ("我的蕨类植物叶子变黄了，应该怎么办？", "我的蕨类植物叶子变黄了，应该怎么办？"),
    "Russian": ("Почему желтеют листья папоротника?", "Почему желтеют листья папоротника"),
    "code": (
        "What does this do?\nfor x in y:\n    print(x, y, 1)\n    z.add(x)",
        "for x in y:\n    print(x, y, 1)\n    z.add(x)",
    ),
    "turns": (f"user: Hi\n\nassistant: Hello.\n\nuser: {QUESTION}", f"user: {QUESTION}"),
}
ANSWERS = {
    "an answer": (QUESTION, REFERENCE),
    "begins with the question": ("Why do roots rot?", "Why do roots rot? Since water keeps the air away from them."),
    "in the words of the question": (
        "What is the capital of the north of France?",
        "The capital of the north of France is Lille.",
    ),
    "an analogy": ("The sea is to fish as the sky is to what?", "The sea is to fish as the sky is to birds."),
    "quotes a part": (QUESTION, f"You say that it gets sun from noon until the evening. {REFERENCE}"),
    "a choice": ("Is a fern (a) a moss, (b) a tree or (c) a plant with spores?", "(c) a plant with spores"),
    "one word": ("Is the fern green or brown?", "Green"),
    "the words before the answer": (QUESTION, f"What should I do to save it? {REFERENCE} {REFERENCE}"),
    "other words": (
        QUESTION,
        "Shade, less water, and a larger pot with holes. It will grow new leaves by the end of the summer.",
    ),
    "a list": (QUESTION, "1. Shade\n2. Less water\n3. A pot with holes\n4. New soil in spring\n5. Patience"),
    "Chinese": ("我的蕨类植物叶子变黄了，应该怎么办？", "把它移到阴凉处，减少浇水，并剪掉枯黄的叶子。"),
    "Russian": ("Почему желтеют листья папоротника?", "Листья папоротника желтеют, когда в горшке слишком много воды."),
    "code": ("Write a loop over y.", "for x in y:\n    print(x)"),
    "a word": ("Say yes.", "Yes."),
    "a sum": ("What is 2 + 2?", "2 + 2 = 4"),
    "a number": ("How many hours has a day?", "A day has 24 hours."),
}


@pytest.mark.parametrize(("question", "answer"), COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("reference", ["", REFERENCE])
def test_a_copy_is_seen_with_a_reference_and_without(question: str, answer: str, reference: str) -> None:
    assert copies(question, reference, answer)


@pytest.mark.parametrize(("question", "answer"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("reference", ["", REFERENCE])
def test_an_answer_is_no_copy(question: str, answer: str, reference: str) -> None:
    assert copies(question, reference, answer) is False


def test_a_question_that_wants_its_own_words_is_left_out() -> None:
    question = "Correct this: My fern have brown leaves since I moved it to the balcony two weeks ago."
    right = "My fern has had brown leaves since I moved it to the balcony two weeks ago."
    assert copies(question, right, question) is None
    assert copies(question, right, right) is None


def test_an_empty_answer_is_no_copy() -> None:
    assert copies(QUESTION, REFERENCE, " \n") is None


def test_the_share_is_of_phrases_of_four_words() -> None:
    assert share_copied("a b c d e f".split(), "a b c d x f".split()) == pytest.approx(1 / 3)
    assert share_copied("a b c".split(), "a b".split()) == 0
