"""Signs leave out nothing that their patterns find. A list that lacks one of them fails here."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from job.cleaning.rules import (
    boilerplate,
    breaks_off,
    closings,
    contacts,
    eaten,
    forum,
    glued,
    kinds,
    names,
    numbers,
    remarks,
    requests,
    scrubbed,
    shape,
    signs,
    text,
    whole,
)
from job.cleaning.rules.rule import Field, Rules
from job.cleaning.rules.text import units
from tests.cleaning.rules.spellings import first_words, spellings

SIGNS = ("{{", "''", "ile:", "(at", " dot ", "http", "@", "]+", "\t", "import ")


def what_finds(expression: re.Pattern[str]) -> st.SearchStrategy[str]:
    """Of an expression that is compiled late, which Hypothesis does not take."""
    return st.from_regex(re.compile(expression.pattern, expression.flags))


@given(st.lists(st.sampled_from([*SIGNS, "{", "'", ":", "a", "(", "]", " ", "dot", "+"]), max_size=5).map("".join))
def test_signs_are_found_wherever_one_of_them_stands(found: str) -> None:
    assert signs.Signs(*SIGNS).found_in(found) == any(sign in found for sign in SIGNS)


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            ["feel", "free", "let me know", "hopes", "hope", "up", "load", "share", ". hi,", " ", ".", "x"]
        ),
        max_size=6,
    )
)
def test_signs_with_a_word_are_found_wherever_the_word_stands_by_itself(found: list[str]) -> None:
    text_ = " ".join(found)
    every = ("feel free", "let me know", "hope", "upload", "share ", ". hi,")
    worded = signs.Worded(every, "hope hopes upload")
    assert set(worded.all_in(text_)) == {sign for sign in every if sign in text_}


def test_every_sign_inside_has_a_word_by_which_it_is_found() -> None:
    for sign in (*closings.INSIDE, *requests.REQUESTS_INSIDE, *remarks.INSIDE):
        assert sign in forum.INSIDE.all_in(f"x. {sign.strip()} x"), sign


@pytest.mark.parametrize("goodbye", [*closings.GOODBYES, closings.FILLER])
def test_every_goodbye_begins_with_a_word_of_the_list(goodbye: str) -> None:
    words = {word for word in first_words(goodbye) if not word.startswith(signs.GOODBYE_PREFIXES)}
    assert not words - signs.GOODBYE_BEGINS


@pytest.mark.parametrize("rule", [rule for rule in boilerplate.OPENINGS if rule != "punctuation"])
def test_every_opening_begins_with_a_word_of_the_list(rule: str) -> None:
    words = first_words(boilerplate.OPENINGS[rule].pattern)
    assert {word for word in words if not word.startswith(signs.OPENING_PREFIXES)} <= signs.OPENING_BEGINS


def test_an_answer_may_open_with_boilerplate_by_its_first_word_or_sign() -> None:
    assert all(map(signs.opening, ("Helloooo, ", "Thanks", "- a", "", "I'm")))
    assert not signs.opening("Ferns like shade. Thanks")


@pytest.mark.parametrize("sign", closings.POLITE)
def test_every_sign_of_a_polite_clause_is_found(sign: str) -> None:
    assert signs.polite(f"Water it. {sign.upper()}it")


def test_the_last_letters_of_what_ends_a_text_are_no_more_than_it_has() -> None:
    assert min(map(len, closings.ENDS)) >= signs.LAST_LETTERS


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])  # examples of a long pattern are slow to make
@given(st.from_regex(contacts._SUBJECT))
def test_what_asks_for_contact_data_has_one_of_its_words(found: str) -> None:
    assert not contacts._ASKED_FOR.isdisjoint(text.words_of(found.lower()))


def test_a_goodbye_is_known_behind_signs_and_fillers() -> None:
    assert signs.goodbye('* "Hope this helps.')
    assert signs.goodbye("So, please let me know.")
    assert signs.goodbye("Wellcome to us again.")
    assert not signs.goodbye("Water it and let me know.")
    assert not signs.goodbye("...")


@pytest.mark.parametrize(
    "who",
    [
        *("doctor", "GP", "specialist", "botanologist", "podiatrist", "technician", "hydrotherapist", "plantdentist", "surgeon"),
        *("allergist", "internist", "orthopedist", "optometrist"),
        *("physician", "provider", "professional", "hospital", "clinic", "emergency", "pharmacy", "vet"),
    ],
)  # fmt: skip
def test_whom_to_turn_to_is_found(who: str) -> None:
    assert signs.referral(f"Please see your {who} soon.")


@settings(max_examples=15, deadline=None)
@given(what_finds(closings.REFERRAL), what_finds(closings.GLUED_GOODBYE))
def test_what_the_patterns_find_has_their_signs(referral: str, goodbye: str) -> None:
    assert signs.referral(referral)
    assert signs.glued_goodbye(goodbye, 0)


@pytest.mark.parametrize(
    "goodbye",
    [
        *("I hope this helps", "Hope it helps", "Regards", "With Best wishes", "Thanks", "Take care ourforum", "Wish you rain"),
        *("Get well soon", "Let me know if", "Feel free to", "do not hesitate", "All the best", "Good luck", "if so do vote"),
        *("for more queries, consult", "For further information", "Hope he feels", "Good day", "Stay safe", "THANKS"),
    ],
)  # fmt: skip
def test_a_goodbye_without_a_stop_before_it_is_found(goodbye: str) -> None:
    assert signs.glued_goodbye(f"Water it twice. {goodbye}", 0)


@pytest.mark.parametrize("goodbye", ["Thanks for the rain", "waiting for your reply"])
def test_a_goodbye_without_a_blank_before_it_is_found_where_the_search_begins(goodbye: str) -> None:
    assert signs.glued_goodbye(f"Ferns are{goodbye}", len("Ferns are"))


@pytest.mark.parametrize("word", dict.fromkeys(word for _, word, _, _ in eaten.COMPLETIONS))
def test_eaten_words_are_known_by_their_ends(word: str) -> None:
    for found in spellings(word):
        assert len(found) <= eaten.LONGEST_EATEN or found[-eaten.LONGEST_EATEN :].strip()
        assert found.endswith(eaten.ENDINGS.get(word, (word,))), found


@pytest.mark.parametrize(
    "phrase", ["water it for", "it is tested by", "feed it for your", "it is done and", "use it FOR\tthese"]
)
def test_phrases_at_the_end_are_known_by_their_words(phrase: str) -> None:
    assert scrubbed._LAST_PHRASE.search(phrase)
    assert scrubbed.PHRASE_ENDS.intersection(phrase.lower().rsplit(None, 3)[-3:])


@pytest.mark.parametrize("verb", kinds.VERBS)
@pytest.mark.parametrize("work", ["letter", "press releases", "e-mail", "poems"])
def test_every_verb_may_ask_for_a_work(verb: str, work: str) -> None:
    assert kinds.is_work(f"Hi! {verb.capitalize()} for my aunt, the gardener, a {work}.", "")
    assert kinds.is_work(f"Re{verb} it as a {work}", "")
    assert not kinds.is_work(f"Un{verb} it as a {work}", "")


_DIGITS = st.lists(
    st.sampled_from(["1", "2", "34", "567", "8901", " ", "-", "(", ") ", "+", "DE", "A", ".", "x"]), max_size=14
)


@settings(max_examples=300)
@given(_DIGITS.map("".join))
def test_numbers_have_their_signs(found: str) -> None:
    for run in numbers._RUN.finditer(found):
        assert sum(map(str.isdigit, run[0])) < numbers.FEWEST_DIGITS or numbers._LONG_ENOUGH.search(found)
    assert not numbers._CARD_RUN.search(found) or numbers._CARD_SIGN.search(found)
    assert not numbers._IBAN.search(found) or numbers._IBAN_SIGN.search(found)


@pytest.mark.parametrize(
    "name", ["I am Anna, 35 years", "I'm Ödön 35 years", "This is Dr. Moss, a 7 y/o", "I’m O'Hara, 35 yrs"]
)
def test_names_before_an_age_have_their_sign(name: str) -> None:
    assert names._AGED.search(name)
    assert names._NAME_FOLLOWS.search(name)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(["a", "I", "O", "B", "Hello", "."]), max_size=8).map("".join))
def test_a_lost_blank_is_found_wherever_a_small_letter_meets_a_capital(found: str) -> None:
    assert bool(glued.GLUED.search(found)) == bool(re.search("[a-zIO][A-Z]", found))


_PIECES = st.sampled_from(
    [
        *(
            "abcd",
            "prof",
            "approx",
            "Dr",
            "dept",
            "e.g",
            "1",
            "12",
            " ",
            "  ",
            "\n",
            ".",
            "!",
            "…",
            ")",
            '"',
            "A",
            "Ab",
            "* a",
        )
    ]
)


@settings(max_examples=300)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_what_surely_ends_a_sentence_would_also_end_one_if_asked(found: str) -> None:
    for match in text._BOUNDARY.finditer(found):
        if match.lastgroup == "sure":
            general = re.compile(text._STOP + text._BEHIND).match(found, match.start())
            assert general
            assert general.end() == match.end()
            assert text._ends_a_sentence(found, general)


@pytest.mark.parametrize(
    "stump", ["see --> <Link>", "see http:", "see HTTPS:// \n", "see bit.ly/ \n", "see ->\n <link> there"]
)
def test_stumps_of_links_have_their_sign(stump: str) -> None:
    assert contacts._STUMP.search(stump) is None or contacts._without_stump(stump) != stump
    assert contacts._without_stump("see http: there") == "see http: there"


@pytest.mark.parametrize(
    "signature", ["Dr. Moss", "DR Moss", "dr. Moss", "dr Moss", "Doctor Moss.", "- Moss", "—Anna Moss", "~ Öz"]
)
def test_signatures_have_their_signs(signature: str) -> None:
    assert names.unsigned(f"Water it.\n{signature}") == "Water it."


@given(st.lists(st.sampled_from(["Water", "it", " ", "  ", "\n", "é"]), max_size=6).map("".join))
def test_words_are_counted_by_their_blanks_where_these_are_single(found: str) -> None:
    assert shape._length(Field("answer", found, Rules())) == units(found)


@pytest.mark.parametrize(
    "part",
    [
        "`a b`",
        "~~~\na b\n~~~",
        "$x^2$",
        "\\alpha b",
        "/home/a/b",
        "[^a]+",
        "(?:a|b)",
        "$$a$$",
        "\\(a b\\)",
        "C:\\a",
        '"""a b"""',
        "{{ a }}",
        "{% a %}",
        "('''a b'''",
    ],
)
def test_each_delimiter_is_a_sign_by_itself(part: str) -> None:
    found = f"Look at {part} here."
    assert part in "".join(found[begin:end] for begin, end in kinds.kept(found))


@pytest.mark.parametrize(("goodbye", "letters"), list(zip(closings.GOODBYES, closings.GOODBYE_LETTERS, strict=True)))
def test_the_letters_of_a_goodbye_are_those_of_its_first_words(goodbye: str, letters: str) -> None:
    assert {word[:1] for word in first_words(goodbye)} == set(letters)


_SAID = st.sampled_from(
    [
        "so",
        "and,",
        "please",
        "for now",
        "then",
        "also",
        "let me know",
        "hope this",
        "thanks",
        "Dr. Moss",
        "water",
        "-",
        "(",
    ]
)


@settings(max_examples=300)
@given(st.lists(_SAID, max_size=6).map(" ".join))
def test_a_goodbye_by_its_letter_is_one_of_all(found: str) -> None:
    every = boilerplate.pattern(
        rf"[\s\"'(*•-]*(?:{closings.FILLER}){{0,{closings.MOST_FILLERS}}}(?:{'|'.join(closings.GOODBYES)})"
    )
    assert signs._begins_with_goodbye(found) == bool(every.match(found))


@given(st.lists(st.sampled_from([*SIGNS, "a", " ", "dot"]), max_size=5).map("".join))
def test_signs_are_found_by_what_they_share(found: str) -> None:
    shared = signs.Signs(*SIGNS, shared=("t", " "))
    assert shared.found_in(found) == any(sign in found for sign in SIGNS)
    assert shared.found_in(found, found.upper()) == shared.found_in(found)


@settings(max_examples=60)
@given(st.from_regex(kinds._ASKED_FOR))
def test_what_asks_for_a_work_in_other_words_has_one_of_their_words(found: str) -> None:
    lowered = found.lower()
    assert not kinds._ASKED_FOR.search(lowered) or not kinds._MAY_ASK.isdisjoint(text.words_of(lowered))


@pytest.mark.parametrize(
    "blank", ["Dear %NAME%,", "Thanks, %(name)s", "Hello\t%{name}", "Dear [Your Name]", "Hi <%= a %>"]
)
def test_each_blank_to_fill_in_has_its_sign(blank: str) -> None:
    assert kinds.is_work("How do I greet?", blank)


@pytest.mark.parametrize("part", [r"\d+", r"[^a]+", "(?:a|b)", r"C:\pots", r"\\host\pots"])
def test_each_expression_and_path_is_kept_by_itself(part: str) -> None:
    found = f"Look at {part} here."
    assert part in [found[begin:end] for begin, end in kinds.kept(found)]


@settings(max_examples=60)
@given(what_finds(breaks_off.PROMISE), what_finds(closings.ONLINE))
def test_promises_and_arrows_have_their_signs(promise: str, online: str) -> None:
    assert text.has_any(promise.lower(), breaks_off.PROMISE_SIGNS)
    assert "line" in online.lower()


@settings(max_examples=300)
@given(_DIGITS.map("".join))
def test_cards_and_social_security_numbers_are_long_runs(found: str) -> None:
    if numbers._CARD_RUN.search(found) or numbers._SSN_RUN.search(found):
        assert numbers._LONG_ENOUGH.search(found)


@pytest.mark.parametrize(
    "escaped", [r"the plant\s pot", r"I\m here", r"say \Fern\ now", r"(\\Fern\\) it", r"\Fern\ it"]
)
def test_backslashes_for_apostrophes_and_quotes_are_mended_wherever_they_stand(escaped: str) -> None:
    assert "\\" not in text.unescaped(escaped)


@settings(max_examples=300)
@given(st.from_regex(text._CODE_WORDS))
def test_each_name_of_code_has_its_word(found: str) -> None:
    lowered = found.lower()
    assert "utf" in lowered or not text._CODE_NAMES.isdisjoint(text.words_of(lowered))


@pytest.mark.parametrize("found", ["{{#each pots}} a pot {{/each}}", "{{#if a}} it {{ b }} {{/if}}"])
def test_a_block_of_a_template_is_kept_as_a_whole(found: str) -> None:
    assert kinds.kept(f"Then {found} ends.") == [(5, 5 + len(found))]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(["12", "3456", "é", "٣", "a", " ", "\ud800"]), max_size=6).map("".join))
def test_digits_are_counted_whatever_stands_between_them(found: str) -> None:
    assert numbers.may_hold_a_number(found) == (sum(map(found.count, "0123456789")) >= numbers.FEWEST_LABELLED)


@pytest.mark.parametrize(
    "clause", ["so that I can guide you", "so we can help you", "to help you further", "to guide you in better way"]
)
def test_what_a_request_is_for_has_its_sign(clause: str) -> None:
    assert whole.SO_I_CAN.sub("", f"Send it {clause}.") == "Send it."
    assert whole.SO_I_CAN_SIGNS.found_in(f"send it {clause.lower()}.")


@pytest.mark.parametrize("sentence", [*whole._END, *whole._ASKS, whole._HELPS, whole._EXCUSE, whole._TWICE])
def test_every_whole_sentence_at_the_end_begins_with_a_word_of_the_list(sentence: str) -> None:
    assert {word for word in first_words(sentence) if not word.startswith(whole.KISSES)} <= whole.ENDING_WORDS


@pytest.mark.parametrize("sentence", whole._BEGIN)
def test_every_whole_sentence_at_the_beginning_begins_with_a_word_of_the_list(sentence: str) -> None:
    assert first_words(sentence) <= whole.BEGINNING_WORDS


@pytest.mark.parametrize(
    "signature",
    [
        *("Regards, Anna", "Thanks Anna Moss.", "Thanks, Anna md", "Cheers, Anna mbbs.", "Thanks, Anna (she)", "thanks -Anna-maria"),
        *("\nDr. Moss, Ferns and", "\nDr. Moss, Ph.D.", "\n- O'Hara", "Love, Anna M."),
    ],
)  # fmt: skip
def test_a_name_may_end_a_text_by_its_last_word(signature: str) -> None:
    text_ = f"Water it.{signature if signature.startswith(chr(10)) else ' ' + signature}"
    assert any(found.search(text_) for found in (names._SIGNED, names._DOCTOR_SIGNED, names._DASH_SIGNED))
    assert names._may_end_with_a_name(text_)
    assert not names._may_end_with_a_name("Regards from the garden.")
    assert not any(found.search(f"{text_}?") for found in (names._SIGNED, names._DOCTOR_SIGNED, names._DASH_SIGNED))
    assert not names._may_end_with_a_name(f"{text_}?")


@given(st.text("ab .-`~$\\|\t/][(){}=;<>:@'#\"07\n\r\x1b\x7fé’水\ud800", max_size=12))
def test_rare_characters_are_found_whatever_stands_between_them(found: str) -> None:
    rare = [letter for letter in found if letter in text.SELDOM or letter in "07\n\r\x1b\x7f"]
    assert text.rare_in(found).decode() == "".join(rare)
    assert text.codes_in(found) == set(map(ord, rare))
    assert text.is_plain(found) == (found.isascii() and found.isprintable())
    assert text.has_printable_lines(found) == found.replace("\n", " ").isprintable()


def test_every_remark_begins_with_a_word_of_the_lists() -> None:
    assert first_words(remarks._BEGINS_OTHERWISE.pattern) <= remarks._OTHERWISE


def test_every_greeting_begins_with_a_letter_of_the_set() -> None:
    letters = {word[:1] for word in first_words(names._GREETING)}
    assert letters | {letter.upper() for letter in letters} == names._GREETING_LETTERS
    assert not any(map(names.may_greet, ("Ferns like shade.", "", "Say hi, Anna,")))


@pytest.mark.parametrize(
    "greeting",
    ["Dear Anna,", "hi Anna,", "Good morning Anna,", "Water it.\nHello Anna,", "Don't worry anna all will be well."],
)
def test_each_greeting_is_looked_for(greeting: str) -> None:
    assert names.may_greet(greeting)
    assert names.ungreeted(greeting, cut=False) != greeting


@pytest.mark.parametrize(
    "letter", "\u0e00\u0eff\u1000\u109f\u1780\u17ff\u3040\u30ff\u3400\u9fff\uf900\ufaff\uff66\uff9f\U00020000\U0003ffff"
)
def test_letters_of_scripts_without_blanks_are_counted_by_their_bytes(letter: str) -> None:
    assert units(letter * 8) == 4
    assert units("don’t – «é» … №") == 5


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(["Thanks", "Regards,", "Dr. Moss", "\n", "- Anna", "md", "Ph.D.", "of", "ferns", "Öz", "!"]),
        max_size=6,
    )
)
def test_a_text_is_signed_only_where_its_last_word_says_so(found: list[str]) -> None:
    said = " ".join(["Water it.", *found])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "_may_end_with_a_name", lambda text: True)
        always = names.unsigned(said)
    assert names.unsigned(said) == always
