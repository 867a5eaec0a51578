"""What is looked for in a cheaper way is found as it was: each search here has a plainer and slower form beside it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from job.cleaning.rules import (
    breaks_off,
    contacts,
    content,
    forum,
    glued,
    kinds,
    languages,
    numbers,
    signs,
    text,
    whole,
    works,
)
from job.cleaning.rules.text import units
from tests.cleaning.rules.spellings import first_words

_DIGITS = st.lists(st.sampled_from(["1", "2", "34", "567", "8901", " ", "-", "(", ") ", "/", "+", "."]), max_size=14)

_CODE = st.lists(
    st.sampled_from([*"=;:/.({<", "a", "A", " ", "://", "::", "ABCD", "else", "try :", "import", "except", "done", "End", "\t"]),
    max_size=8,
).map("".join)  # fmt: skip


@settings(max_examples=300)
@given(_CODE)
def test_signs_of_code_are_the_same_whatever_they_begin_with(found: str) -> None:
    characters = r"[=<>{}\[\]_\\$`|]|://|\w[(/]\w?|[a-z]\.[a-z]|\w\("
    assert bool(text._CODE_CHARACTERS.search(found)) == bool(re.search(characters, found))
    near = r"(?i)[={}\[\]<>_\\$`|@]|\w\(|//|::|;\s*$|^\s*(?:do|done|end|begin|then|fi|export\s.*|Module\s.*)\s*$"
    assert bool(kinds._NEAR_CODE.search(found) or kinds._NEAR_CODE_ALONE.match(found)) == bool(re.search(near, found))
    sure = r"^\s*(?:import|from|using|package|return|for|Dim|End)\b|[A-Z]{4}\b|\b(?:else|try|finally)\s*:|^\s*(?:except\b|(?:fi|done|esac|end)$)"
    assert bool(kinds._SURE_BEGIN.match(found) or kinds._has_sure_word(found)) == bool(re.search(sure, found))


@pytest.mark.parametrize("said", ["Sure, I can help you with that.", "I would be glad to assist.", "I'd love to help!"])
def test_offers_of_help_have_their_sign(said: str) -> None:
    assert content.HELP_OFFERED.match(said)
    assert text.has_any(said.lower(), content.HELP_SIGNS)


@pytest.mark.parametrize(
    "lead", ["If you", "- And if you", "Should you", "whenever you", "So in case you", "Also, in case of"]
)
def test_every_offer_to_answer_more_begins_with_a_word_of_the_list(lead: str) -> None:
    assert signs.first_word(f"{lead} have doubts") in whole.OFFER_WORDS


@pytest.mark.parametrize(
    "question",
    [
        *("What does a gardener say to a rose?", "What do you say when it rains?", "How do you say fern?"),
        *("How to sign off?", "How should I thank her?", 'What does "fern" mean?', "Say hello!", "Which greeting fits?"),
        *("Is an old expression needed?", "Complete this.", "Fill in the gap", "Finish the verse", "An example of moss"),
        *("Rewrite it", "Paraphrase it", "Translating moss", "And in English?", "The opposite of dry", "What is ‘moss’ in Dutch"),
        *("What's the translation of fern", "What can people call out?", "What would he cry?"),
    ],
)  # fmt: skip
def test_questions_for_phrases_have_one_of_their_words(question: str) -> None:
    lowered = question.lower()
    assert works._ASKS_PHRASE.search(lowered)
    by_word = not works._PHRASE_WORDS.isdisjoint(text.words_asked(question))
    assert by_word or text.has_any(lowered, works._PHRASE_SIGNS)


@pytest.mark.parametrize(
    "verb",
    """extract format reformat parse normalize normalise standardize standardise redact mask anonymize anonymise identify
    validate tag recognize recognise convert complete""".split(),
)
def test_each_verb_may_ask_for_contact_data(verb: str) -> None:
    assert contacts.is_subject(f"Look. Please {verb} all e-mails.")
    assert contacts.is_subject("Fill in the phone number")


@given(st.lists(st.sampled_from(["el", "la", "den", "x1", "_", " ", ".", "-", "2", "A"]), max_size=8).map("".join))
def test_words_without_apostrophes_are_those_between_other_signs(found: str) -> None:
    alone = found.lower().encode().translate(languages._LETTERS_ALONE).decode().split()
    assert alone == languages._ASCII_WORD.findall(found.lower())


@given(st.lists(st.sampled_from(["a", "b ", "ж", "水", "é", "’", "1"]), max_size=12).map("".join))
def test_a_text_is_foreign_by_its_letters_only_where_most_are_far_from_latin(found: str) -> None:
    letters = [letter for letter in found if letter.isalpha()]
    assert languages.is_foreign(found) == (sum(letter > "\u024f" for letter in letters) * 2 > len(letters))


@given(st.text(max_size=12))
def test_printable_lines_have_no_control_characters_and_no_odd_blanks(found: str) -> None:
    if text.has_printable_lines(found):
        assert not text._HAS_REMOVED.search(found.replace("\ufffc", ""))
        assert not text._ODD_BLANK.search(found)


@settings(max_examples=300)
@given(_DIGITS.map("".join))
def test_labelled_numbers_have_their_sign(found: str) -> None:
    assert not numbers._LABELLED_PHONE.search(f"tel. {found}") or numbers._LONG_ENOUGH_LABELLED.search(found)


def test_what_lacks_a_blank_in_small_letters_has_its_first_letter() -> None:
    assert {word[:1] for word in first_words(glued.GLUED_SMALL.pattern)} == set(glued.GLUED_LETTERS)


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(["thanks", "for", "your", "query,", "ferns", "moss.", "é", "x-ray", "2"]), max_size=14),
    st.sampled_from([0, 1]),
)
def test_the_first_words_of_a_sentence_decide_as_all_do(found: list[str], unknown: int) -> None:
    sentence = " ".join(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "FIRST_WORDS", 0)
        by_all = whole.is_boilerplate(sentence, unknown=unknown)
    assert whole.is_boilerplate(sentence, unknown=unknown) == by_all


@pytest.mark.parametrize(
    "tail", ["water of", "pots such as", "soil (the", "it consists of:", "as follows -", "see\nthe", "a the ,-"]
)
def test_the_last_word_decides_whether_an_answer_breaks_off(tail: str) -> None:
    before, _, _ = tail.rstrip(" :,;-–—").rpartition(" ")
    assert breaks_off.DANGLING.search(tail)
    assert breaks_off.DANGLING.search(tail, len(before))


@pytest.mark.parametrize("begin", ["", "Water it. ", "Water it (in shade ", "1. Ferns\n"])
@pytest.mark.parametrize(
    "part", ["thanks ", "sorry, ", "Get well, ", "thanks it is syn ", "Dr. Moss ", "thanks) ", "bye\n"]
)
@pytest.mark.parametrize("end", ["", "Take care.", "the", "Regards, Anna Moss"])
def test_the_end_of_a_long_text_is_closed_as_all_of_it(begin: str, part: str, end: str) -> None:
    found = begin + part * (3 * forum.FAR // len(part)) + end
    assert forum.closed(found) == forum._closed(found)


@given(st.lists(st.sampled_from(["a", " ", "\n", "bc"]), max_size=40).map("".join))
def test_a_text_has_at_most_every_second_character_as_many_words(found: str) -> None:
    assert units(found) <= (len(found) + 1) // 2
