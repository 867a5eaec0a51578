"""The tables that save time must not cost a match."""

from __future__ import annotations

import pytest

from job.cleaning.rules import boilerplate

pytestmark = pytest.mark.examples

OPENINGS = {
    "displaced_blank": ["HiT hanks for your query. "],
    "dear_name": ["Dear Anna, ", "Hello Anna, ", "Good morning Anna, ", "Namaste Anna, ", "Respected Anna, "],
    "greeted_name": ["hi megan, you ", "dear megan thanks ", "hello megan… is there "],
    "greeting": ["hello ", "Greetings, ", "namaste ", "respected sir "],
    "dear": ["dear doctor, "],
    "address": ["sir, ", "Madam. "],
    "thanks_to_name": ["many thanks for choosing Fernworld. ", "Thank you for your order with Fern & Moss! "],
    "thanks": ["many thanks for your question. ", "thank you for your question. "],
    "thanks_alone": ["many thanks. ", "Thanks, "],
    "welcome": ["a warm welcome to our forum. ", "very warm welcome to us. ", "you are welcome here. ", "most welcome to us. "],
    "welcome_elsewhere": ["Welcome to Plants.org. "],
    "introduction": ["I am Dr. Fern. ", "This is Dr Fern. ", "Myself Dr Fern. "],
    "query_read": ["and I have read your query. ", "I understand your concern. "],
    "query_read_and": ["I read your query and would say"],
    "query_read_about": ["I understand your concern about it. "],
    "query_read_short": ["I have read your long letter. "],
    "having_read": ["After reading your query I ", "Thereafter on going through your query I ", "By reading your query I ", "Upon reading your query I "],
    "help_offer": ["As an assistant, I'd be happy to help you. ", "I am happy to help you. "],
    "best_try": ["I will try to answer. ", "and I will do my best to help. "],
    "best_try_phrase": ["I will try my best to answer your query "],
    "sympathy": ["And I am sorry to hear of them. ", "So sad to hear that. ", "Firstly we are sorry for your fern. ", "Really sorry for your fern. ", "I'm sorry for your fern. ", "Very sorry for your fern. "],
    "sympathy_understood": ["And I understand how worried you are. ", "So I can imagine how worried you are. ", "First of all I see that you are worried. ", "I can feel your pain and that you are worried. "],
    "announcement": ["Here are my suggestions. A", "Following are my suggestions. A", "Below is my answer: A", "Let me answer your question. A"],
    "opinion_follows": ["Based on your query, my opinion is as follows: A", "As per your query my advice is: A", "Regarding your question, my answer is: A", "For your question, my answer is: A"],
    "regarding": ["Regarding your query, ", "As regarding your query, ", "Concerning your post. ", "In reply to your query: ", "With regard to your query, ", "Coming to your query, "],
    "thanks_for_help_sought": ["I appreciate your concern. "],
    "praise": ["That is a great question. ", "What a good question. ", "Excellent question! ", "Very good question. ", "Interesting question. "],
    "label": ["Brief answer. ", "Short answer: ", "Detailed reply - ", "Quick answer: ", "Full explanation: ", "Answer: ", "Reply: "],
    "domain_rest": ["com the leaves ", "doctors. com, ", "Doctors Your "],
    "tell_you": ["I would like to tell you that ferns ", "First of all, I want to inform you that it ", "i would like to explain that it "],
    "poster": ["Original poster here. ", "same poster here - "],
    "read_short": ["Went through your post, ", "Gone through your query. ", "Got your complaint, ", "Read your question. "],
    "certainly": ["Certainly! ", "Sure! ", "Of course! ", "Absolutely! "],
}  # fmt: skip


@pytest.mark.parametrize("rule", boilerplate.LETTERS)
def test_an_opening_is_looked_for_under_its_first_letter(rule: str) -> None:
    pattern = boilerplate.OPENINGS[rule]
    for text in OPENINGS[rule]:
        assert pattern.match(text), text
        assert pattern in boilerplate.RULES_BY_LETTER[text[0].lower()], text


def test_every_opening_has_its_letters() -> None:
    assert set(boilerplate.LETTERS) == set(boilerplate.OPENINGS) - {"punctuation"} == set(OPENINGS)


def test_every_sign_is_a_word_of_boilerplate() -> None:
    assert boilerplate.STRONG_SIGNS <= boilerplate.SIGNS <= boilerplate.WORDS


def test_misspellings_keep_the_first_letter_and_are_no_words() -> None:
    assert {"thnks", "tahnks", "thansk", "thankks"} <= boilerplate.MISSPELT_THANKS
    assert not boilerplate.MISSPELT_THANKS & {"tanks", "tank", "than", "thank", "thanks"}
    assert boilerplate.misspelt("ab") == {"a", "abb"}
