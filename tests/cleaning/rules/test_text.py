"""Repair, sentences and words, which all rules share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.cleaning.rules.text import (
    LONGEST_REMEMBERED,
    about_code,
    boundaries,
    capital,
    full_stop,
    normalised,
    remembered,
    repair,
    respaced,
    sentences,
    unescaped,
    units,
)

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    ("damaged", "mended"),
    [
        ("two days \r\n  later\x07\t on", "two days \n  later\t on"),
        ("It doesnâ€™t like cafÃ© water", "It doesn't like café water"),
        ("It isnâ€™t wet, it isn’t dry.", "It isn't wet, it isn't dry."),
        ("What doesnâ€™t the cafÃ© have?", "What doesn't the café have?"),
        ("A cafÃ© and a fern, naïve", "A café and a fern, naïve"),
        ("\ufeffleft\ufffc", "left"),
        ("one\u2028two\u2029three\rfour", "one\ntwo\n\nthree\nfour"),
    ],
)
def test_broken_letters_and_line_ends_are_mended(damaged: str, mended: str) -> None:
    assert repair(damaged).replace("’", "'") == mended


@pytest.mark.parametrize(
    "text",
    [
        "\tif x:\n\t\treturn  1\n\n\n",
        "  indented,  with two blanks",
        r"C:\new\table.txt, \\server\share and \frac{1}{2}, \nu, \times, \u0041",
        r"re.sub(r'\s+\d', '', text)  # a\nb",
        "a || b, [[1, 2]], {{x}}, y'' = ''",
        "10\u00a0% et Bonjour\u202f!",
        "ไทย\u200bไทย",
        "עברית\u200f (1)",
        "a\u200bb and c\u00add",
        "André became AndrÃ© on the label.",
        "Why do I see Ã© instead of é?",
        "What is â€™?",
        "The label shows AndrÃ©. How do I repair it?",
        "Decode it as UTF-8, or cafÃ© stays.",
        "It is mojibake: cafÃ©.",
    ],
)
def test_repair_leaves_all_that_is_no_damage(text: str) -> None:
    assert repair(text) == text


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        ("two\\u00a0days", "two\u00a0days"),
        ("the plant\\s pot and the do\\s", "the plant's pot and the do's"),
        (
            "the parents\\ fern is 5\\6 tall, ma\\am, at 5 o\\clock",
            "the parents' fern is 5'6 tall, ma'am, at 5 o'clock",
        ),
        ("The fern\\'s leaves fall. \\ It is ill.", "The fern's leaves fall. It is ill."),
        ("take 5\\6 of the soil", "take 5\\6 of the soil"),
        ("the do\\s and don\\ts of it", "the do's and don'ts of it"),
        ("it doesn\\t grow, they\\re dry, I\\ve seen Bell\\s.", "it doesn't grow, they're dry, I've seen Bell's."),
        ("called \\\\leaf rot\\\\ here", 'called "leaf rot" here'),
        ("Fill the pot.\\nThen wait.", "Fill the pot.\nThen wait."),
        ("Fill it\\n\\nThen wait.", "Fill it\n\nThen wait."),
        (
            "leaf\\u0007 rot \\ud800 \\ud83c\\udf3f\\ue000",
            "leaf rot  \U0001f33f\ue000",
        ),  # half a pair is no letter, a private letter is one
        ('She calls it \\"fern\\u00a0rot\\".', 'She calls it "fern\u00a0rot".'),
    ],
)
def test_escapes_become_what_they_stand_for(escaped: str, plain: str) -> None:
    assert unescaped(escaped) == plain


@pytest.mark.parametrize(
    "text",
    [
        "Fill the pot.\\nThen\nwait.",
        r"the tab \t or a\nB",
        r"\nu and \theta",
        r"foo\s+ and \d",
        r"grep -P 'fern\s' pots.txt",
        r"The pattern fern\s matches it before a blank.",
        r"fern\t is a word and a tab.",
        r"Log in as GARDEN\s.moss or GARDEN\t.fern.",
        r"so\udecade{x}",
        # Escapes that the text is about.
        r"In JSON write \u00e9 for é.",
        r"caf\u00e9 is how JSON writes it.",
        'The word "caf\\u00e9" has one.',
        r"Type \u0041 and press Alt and X.",
        r"The escape \u2013 is a dash.",
        r"\n is the newline.",
        r"Write line one.\nLine two to get two lines in the output.",
        r"Split it at .\n\n and count the parts.",
        r"Fill the pot.\nThen rest in C:\new pots.",
        "\\" * 20_000,
    ],
)
def test_backslashes_that_prove_no_escape_stay(text: str) -> None:
    assert unescaped(text) == text


@pytest.mark.parametrize(
    ("text", "single"),
    [
        ("  two  blanks\t here ", "two blanks here"),
        ("a\u200bb \u202eright\u202c to\u00ad left", "ab right to left"),
        ("wa\u200cter", "water"),
        ("one \n two\u00a0\u00a0three", "one\ntwo three"),
        ("services:\n  web:\n    image: nginx ", "services:\n  web:\n    image: nginx"),
        ("build:\n\tcc -o  a a.c", "build:\n\tcc -o  a a.c"),
        ("Name    Qty\nRope      2", "Name    Qty\nRope      2"),
        ("\n Leaf and   leaf", "Leaf and leaf"),
        ("- a\n  - b\n    1. c  d ", "- a\n  - b\n    1. c  d"),
    ],
)
def test_prose_has_single_blanks_and_what_is_indented_or_aligned_keeps_them(text: str, single: str) -> None:
    assert respaced(text) == respaced(respaced(text)) == single


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("Water it twice a week.", 5),
        ("每周浇水两次。", 3),
        ("週に二回水をやってください。", 7),
        ("รดน้ำสัปดาห์ละสองครั้ง", 11),
        ("매주 두 번 물을 주세요.", 5),
        ("हर हफ़्ते दो बार पानी दें।", 6),
        ("用 pH 计测量 twice", 4),
        ("", 0),
    ],
)
def test_length_is_counted_in_words_of_any_script(text: str, length: int) -> None:
    assert units(text) == length


def test_joiners_stay_where_a_script_needs_them() -> None:
    persian = "می\u200cخواهم"
    assert repair(persian) == respaced(persian) == persian


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Water it. Then wait.", ["Water it. ", "Then wait."]),
        ("See Dr. Moss. Use 2.5 ml, e.g. twice.", ["See Dr. Moss. ", "Use 2.5 ml, e.g. twice."]),
        ("Water the fern.Then wait.", ["Water the fern.", "Then wait."]),  # a lost blank
        ("First line\nsecond line", ["First line\n", "second line"]),
        ("1. Fill it. 2. Press it.", ["1. Fill it. ", "2. Press it."]),
        ("10. Fill it. 11. Press it.", ["10. Fill it. ", "11. Press it."]),
        ("First fill it\n2. Press it.", ["First fill it\n", "2. Press it."]),
        ("Then: 2. Press it.", ["Then: 2. Press it."]),
        ("It stood in row 12. Then it died in 1999. It cost: 100. Why?", ["It stood in row 12. ", "Then it died in 1999. ", "It cost: 100. ", "Why?"]),
        ("Is it a no? Then wait.", ["Is it a no? ", "Then wait."]),  # a question ends with no abbreviation
        ("Ask\nDr. Moss (approx. 2 m) or J. Moss.", ["Ask\n", "Dr. Moss (approx. 2 m) or J. Moss."]),
        ("Give vitamin c. Measure the PH. Then wait.", ["Give vitamin c. ", "Measure the PH. ", "Then wait."]),
        ("Let it be wet.Then take b.Plant food. Wait.", ["Let it be wet.", "Then take b.Plant food. ", "Wait."]),
        ("Dig.Then wait at pH 6\nor more.\n", ["Dig.", "Then wait at pH 6\n", "or more.\n"]),
        ("the ph is 6. 85 or 99. 9 % of 0. 25mg. then wait.", ["the ph is 6. 85 or 99. 9 % of 0. 25mg. ", "then wait."]),
        ("use type 2. 3. Feed it in row 5. 20 Ferns did.", ["use type 2. ", "3. Feed it in row 5. ", "20 Ferns did."]),
        ("it grew until 1999. 20 ferns did. use d3. 20 did. in row 2. 1st dig.", ["it grew until 1999. ", "20 ferns did. ", "use d3. ", "20 did. ", "in row 2. ", "1st dig."]),
        ("! Then wait.", ["! ", "Then wait."]),
        ("", [""]),
    ],
)  # fmt: skip
def test_sentences_are_the_pieces_of_a_text(text: str, pieces: list[str]) -> None:
    assert sentences(text) == pieces


def test_sentences_are_looked_for_from_a_place_on() -> None:
    assert list(boundaries("One. Two. Three.", 5)) == [10]


@given(st.text("abI .!?…\n1*•-\"')"))
def test_sentences_joined_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text


@pytest.mark.parametrize(
    ("text", "whole"), [("Water it ,", "Water it."), ("Why?", "Why?"), ("", ""), ("(see above)", "(see above)")]
)
def test_a_sentence_gets_its_full_stop_back(text: str, whole: str) -> None:
    assert full_stop(text) == whole


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Water it\n", "Water it."),
        ("Run this:\nnpm install pots\n", "Run this:\nnpm install pots"),
        ("select name from pots\n", "select name from pots"),
        ("See https://plants.org/ferns ", "See https://plants.org/ferns"),
        ("Set size=5 ", "Set size=5"),
        ("x = 5;\n", "x = 5;"),
        ("Like this:\n\n", "Like this:"),
        ("- fill it\n- press it\n", "- fill it\n- press it"),
        ("0\n\t ", "0"),
    ],
)
def test_code_and_items_get_no_full_stop(text: str, whole: str) -> None:
    assert full_stop(text) == whole


def test_the_first_letter_becomes_a_capital_unless_it_begins_a_name() -> None:
    for text in (
        "pH is 7",
        "iPhone",
        "",
        "npm install pots",
        "x = 5",
        "import pots",
        "os.path is the module",
        "my_pot is it",
    ):
        assert capital(text) == text
    assert [capital(text) for text in ("water it", "yes.", "the pot\nx = 5")] == ["Water it", "Yes.", "The pot\nx = 5"]


def test_rows_are_compared_by_letters_and_digits() -> None:
    assert normalised("Water it - 2 times!") == normalised("WATER  it: 2, times") == ["water", "it", "2", "times"]
    assert normalised("naïve – ok") == ["naïve", "ok"]


def test_a_short_sentence_is_judged_once_and_a_long_one_each_time() -> None:
    asked: list[str] = []

    def judge(sentence: str) -> int:
        asked.append(sentence)
        return len(sentence)

    known, long = remembered(judge), "a" * (LONGEST_REMEMBERED + 1)
    assert [known(sentence) for sentence in ("ab", "ab", long, long)] == [2, 2, len(long), len(long)]
    assert asked == ["ab", long, long]


@pytest.mark.parametrize("word", ["JSON", "JS", "TypeScript", "RegExp", "Java", "Vue", "Angular's", "React.js", "UTF-8", "C++", "C#", "newlines", "regular expressions", "line feeds", "backslashes", "escape sequence", "code points", "docstring", "printf", "shell script", "source code", "string literals", "html template", "lines in the output", "programming language"])  # fmt: skip
def test_a_text_that_names_a_thing_of_code_is_about_it(word: str) -> None:
    assert about_code(f"Use {word} here.")


def test_a_text_with_words_that_code_shares_is_not() -> None:
    assert not about_code("React calmly: a python may escape its shell, and rust is an angular red. Get an echo.")
