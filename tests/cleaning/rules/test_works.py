"""Letters, dialogues, quotations and phrases keep what is courtesy or a name elsewhere."""

from __future__ import annotations

import pytest

from job.cleaning.evidence import evidence
from job.cleaning.rules import Rules
from job.cleaning.rules.works import STAND_IN, is_dialogue, is_letter, is_quotation
from tests.cleaning.rules.one_row import ADVICE, QUESTION, cleaned

pytestmark = pytest.mark.examples

LETTER = "Dear Mrs. Moss,\n\nthe ferns have come. They like the shade.\n\nWith kind regards,\nAnna Fern"
MASKED = Rules(min_answer_words=1, contacts="mask")
QUOTE = "A fern that is asked why it grows has no time for it."


def test_a_letter_without_a_question_keeps_its_greeting_and_its_close() -> None:
    assert is_letter(STAND_IN, LETTER)
    assert cleaned(LETTER, Rules(min_answer_words=1, contacts="keep"), STAND_IN) == LETTER
    assert cleaned(LETTER, Rules(min_answer_words=1, contacts="keep"), QUESTION) != LETTER


def test_contact_data_goes_from_a_letter_that_nobody_asked_for() -> None:
    found = cleaned(f"{LETTER}\nmoss@ferns.org", MASKED, STAND_IN)
    assert found == "Dear [name],\n\nthe ferns have come. They like the shade.\n\nWith kind regards."
    assert cleaned(found, MASKED, STAND_IN) == found


@pytest.mark.parametrize("text", [f"Hello. {ADVICE}\nRegards", f"Dear all,\n{ADVICE}", f"{ADVICE}\nRegards,\nAnna"])
def test_a_text_with_one_of_both_alone_is_no_letter(text: str) -> None:
    assert not is_letter(STAND_IN, text)


@pytest.mark.parametrize(
    "text",
    [
        "Anna: Hello Ben, is the fern dry?\nBen: It is, by two fingers.\nAnna: Then I fill the can.\nBen: Thanks!",
        "INT. GREENHOUSE - DAY\n\nANNA\nThank you for the ferns.\n\nBEN\nGladly.\n\nANNA (waving)\nTake care!",
        "**Anna:** Thank you.\n**Ben:** For what?\n**Anna:** The fern. All the best!",
    ],
)
def test_a_dialogue_keeps_its_words(text: str) -> None:
    assert is_dialogue(text)
    assert cleaned(text) == text


def test_labels_are_no_speakers() -> None:
    text = f"Cause: Too much water.\nRemedy: {ADVICE}"
    assert not is_dialogue(text)
    assert cleaned(f"{text} Good luck!") == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Give me a quote about ferns.", f"{QUOTE}\n\n— Rosa Moss"),
        ("Who said that a fern has no time?", f"{QUOTE} - Rosa Moss"),
        ("What is the first line of that book?", "My name is Anna Fern. You watered my moss."),
        ("Do you know a saying about moss?", "Moss says thanks.\n~ Rosa Fern"),
        (STAND_IN, f"{QUOTE}\n\n— Rosa Moss"),
        ("What is 'merci' in English?", "Thank you."),
        ("What does the parrot say?", "Hello!"),
        ("Give me a quote about ferns.", "He who has 1200 ferns needs no clock.\n\n— Rosa Moss"),
        ("Complete: 'Thank you for ...'", "Thank you for the ferns."),
        ("Give an example of an imperative sentence.", "Please let me know."),
        ("What does 'adieu' mean?", "Goodbye."),
        ("Which greeting is formal?", "Good morning."),
        ("How do I reply to 'How are you?'", "I'm fine, thank you."),
        ("How do I say goodbye in a letter to a friend?", "All the best"),
    ],
)
def test_a_quotation_and_a_phrase_stay(question: str, text: str) -> None:
    assert cleaned(text, MASKED, question) == text
    assert not evidence([(question, text)])[-1].rows


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (QUESTION, f"{ADVICE}\n\n— Rosa Moss"),
        (f"The parrot eats my fern. What does the expert say? {ADVICE * 4}", f"Hello. {ADVICE}"),
        ("Can I get a quote for two ferns?", f"{ADVICE} Thanks."),
        ("Give me a quote about ferns.", f"{QUOTE} Call 555-123-4567. — Rosa Moss"),
    ],
)
def test_other_answers_are_neither(question: str, text: str) -> None:
    assert not is_quotation(question, text)
    assert cleaned(text, MASKED, question) != text


@pytest.mark.parametrize(
    "quotation",
    [
        'Here is one:\n\n"I hope you live every day."\n- Anna Moss',
        'Here is one: "Thank you is the best prayer. Thank you." - Anna Moss',
        "Here is one:\n\nBe well and be happy.\n- Anna Moss",
    ],
)
def test_a_quotation_that_the_answer_announces_keeps_its_author(quotation: str) -> None:
    assert cleaned(quotation) == quotation
    assert cleaned(f"{ADVICE} Hope it helps. - Anna Moss") == ADVICE
