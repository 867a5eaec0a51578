"""The shape of a row decides whether it stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules import Rules, shape
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples


def test_an_answer_that_runs_in_circles_goes() -> None:
    assert cleaned("Water it well and keep it warm. " * 6) == "repetitive"
    assert shape.repeated_share("a b c d".split() * 4) == pytest.approx(9 / 13)
    assert shape.repeated_share("a b c d e f g h i j k l m".split()) == 0


def test_words_repeat_themselves_in_runs_of_four() -> None:
    assert shape.repeated_share("a b c d".split() * 3) == pytest.approx(5 / 9)
    assert shape.repeated_share(" ".join(f"a b c {number}" for number in range(5)).split()) == 0
    assert shape.repeated_share("no no no no no no".split()) == 0  # too short to judge


def test_a_limit_itself_is_within_it() -> None:
    rules = Rules(packs=("wiki",), min_answer_words=5, max_words=9)
    for words, verdict in ((4, "short_answer"), (5, ""), (6, "too_many_words")):  # the question has four
        answer = " ".join("abcdefg"[:words])
        assert cleaned(answer, rules, question="Why is it yellow?") == (verdict or answer)
    any_length = Rules(packs=("wiki",), min_answer_words=1)
    circle = "a b c d e f a b c d e f a"  # 4 of 10 runs of four words stood there before
    assert cleaned(circle, any_length) == circle
    assert cleaned(f"{circle} b", any_length) == "repetitive"
    assert shape.binary(shape.Row("Why?", "\0" + "x" * 48, any_length))
    assert not shape.binary(shape.Row("Why?", "\0" + "x" * 49, any_length))
    assert shape.enormous(shape.Row("x", "x" * shape.MOST_CHARACTERS, any_length))
    assert not shape.enormous(shape.Row("x", "x" * (shape.MOST_CHARACTERS - 1), any_length))


def test_another_language_goes_only_when_sure() -> None:
    rules = Rules(packs=("wiki",), languages=("en",), min_answer_words=1)
    german = "Gießen Sie die Pflanze zweimal in der Woche und halten Sie sie aus der Sonne, bis die Blätter wieder grün werden."
    assert cleaned(german, rules) == "other_language"
    assert cleaned(german, Rules(packs=("wiki",), languages=("en", "de"), min_answer_words=1)) == german
    assert cleaned("Ja, Wasser.", rules) == "Ja, Wasser."
    assert cleaned("Bitte die Pflanze einmal in der Woche umdrehen.", rules) == "other_language"
    seven = "Bitte die Pflanze in der Woche umdrehen."  # of ASCII words: too few to be sure
    assert cleaned(seven, rules) == seven


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("x" * 10_000_000, "enormous"),
        ("PK\x03\x04\x00\x00\x00\x08\x00" * 20, "binary"),
        ("Water it \ufffd\ufffd\ufffd twice", "binary"),
        ("Hello, thanks for your question. Regards.", "nothing_but_boilerplate"),
        ("(" * 50_000, "cut_off"),
        ("a" * 90_000 + " " + "{{b" * 3_000, "wiki_markup"),
        ("Hello " * 15_000, "too_many_words"),
        ("Hello. " * 12_000, "nothing_but_boilerplate"),
        ("1 " * 40_000, "too_many_words"),
        ("\u202e" * 50 + ADVICE, "short_answer"),
    ],
    ids=range(12),
)
def test_awkward_rows_have_a_reason(answer: str, reason: str) -> None:
    assert cleaned(answer, Rules(brands=("LeafTalk",))) == reason


def test_limits_in_words_hold_where_prose_is_cleaned_or_the_user_sets_them() -> None:
    short, long = ADVICE, " ".join(f"water{number}" for number in range(800))
    for packs in ((), ("escapes",)):
        assert [cleaned(text, Rules(packs=packs)) for text in (short, long)] == [short, long]
    assert cleaned(short, Rules(packs=(), min_answer_words=20)) == "short_answer"
    assert cleaned(long, Rules(packs=(), max_words=700)) == "too_many_words"
    for packs in (("qa-forum",), ("wiki",)):
        assert [cleaned(text, Rules(packs=packs)) for text in (short, long)] == ["short_answer", "too_many_words"]


def test_a_language_without_blanks_is_not_too_short() -> None:
    text = "每周给蕨类植物浇水两次,不要放在阳光下,用软水,并且保持土壤湿润,但不要让它积水。冬天每周一次就够了,叶子喜欢潮湿的空气。"
    assert cleaned(text, Rules(packs=("wiki",), min_answer_words=20)) == text


def test_code_that_repeats_itself_is_not_repetitive() -> None:
    text = "\n".join(["water(pot, 2);", "wait(day);"] * 20)
    assert cleaned(text, Rules(packs=())) == text
    assert cleaned("Water the pot and wait a day. " * 20, Rules(packs=("wiki",))) == "repetitive"


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"12:00:{second:02} pump 3 switched on by timer" for second in range(20)),
        "\n".join(" ".join(str(int(row == column)) for column in range(9)) for row in range(9)),
        "true false true true\n" * 9,
        "O O O O B-PER I-PER O O O O B-LOC O " * 4,
        "k2, p2, k2, p2, k2, p2, k2, p2, turn. " * 4,
        "00 00 00 00 7f 45 4c 46 " * 8,
    ],
)
def test_tables_logs_and_labels_may_repeat_themselves(text: str) -> None:
    assert not shape.repetitive(shape.Row("Why?", text, Rules()))


def test_what_goes_in_circles_stays_where_no_source_is_known_to_be_prose() -> None:
    circle = "Water it well and keep it warm. " * 6
    assert cleaned(circle, Rules(packs=())) == circle
    assert cleaned("the leaf and the pot and " * 9, Rules(packs=("wiki",), min_answer_words=1)) == "repetitive"
    assert cleaned("Gießen Sie den Farn gut und oft. " * 6) == "repetitive"


def test_colours_of_a_terminal_go_and_are_no_binary_data() -> None:
    coloured = "".join(f"\x1b[1;3{number}mok\x1b[0m " for number in range(8)) + "\x1b]0;pump\x07\x1b[2K"
    assert cleaned(coloured, Rules(packs=())) == "ok " * 8
    assert cleaned(coloured, Rules(packs=("none",))) == coloured
    assert cleaned("progress\b\b\b", Rules(packs=())) == "progress"


def test_none_changes_nothing() -> None:
    text = "Hello, mail jane@plants.org.  Regards"
    assert cleaned(text, Rules(packs=("none",))) == text


def test_a_language_is_named_only_where_it_is_sure() -> None:
    german = "Farne wachsen im Schatten alter Bäume, wo der Boden feucht bleibt und der Wind nie stark ist."
    assert shape.language_of(german) == "de"
    assert shape.language_of("ok") == ""
