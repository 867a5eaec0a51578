"""Sentences that repeat at the beginning and the end: which are found, in which languages, and what is never cut."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import numpy
import pytest

from job.cleaning import repeated
from job.cleaning.repeated import Repeated, cut, cuts, edges, found
from job.cleaning.rules import Rules, clean_batch
from tests.conftest import PROJECT

Pairs = list[tuple[str, str]]


def content(number: int, language: str = "en") -> str:
    """Two sentences that no other number has."""
    words = {
        "en": ("Turn valve {} to the left", "Then wait until lamp {} is green", ". "),
        "hi": ("वाल्व {} को बाईं ओर घुमाएँ", "फिर बत्ती {} के हरा होने तक रुकें", "। "),
        "zh": ("把阀门{}向左转", "然后等到灯{}变绿", "。"),
        "ar": ("أدر الصمام {} إلى اليسار", "ثم انتظر المصباح {} حتى يضيء", "؟ "),
    }[language]
    name = "".join(chr(97 + int(digit)) for digit in str(number))  # letters: a number is nobody's boilerplate anyway
    return words[0].format(name) + words[2] + words[1].format(name) + words[2]


def found_in(pairs: Pairs) -> list[Repeated]:
    return found(edges(pairs), lambda row: pairs[row])


def texts(listed: list[Repeated]) -> list[tuple[str, str, bool]]:
    return [(one.side, one.text, one.cut) for one in listed]


def rows(count: int, *, begin: str = "", end: str = "", every: int = 1, language: str = "en") -> Pairs:
    """Answers of which every so manieth has `begin` and `end` around its content."""
    pairs = []
    for number in range(count):
        opening, closing = (begin, end) if number % every == 0 else ("", "")
        pairs.append((f"What about {content(number)}", (opening + content(number, language)).rstrip() + closing))
    return pairs


def to_the_end(pairs: Pairs) -> Pairs:
    """As the stage does it: until nothing changes."""
    while True:
        what = cuts(found_in(pairs))
        shorter = [(question, cut(answer, what)) for question, answer in pairs]
        if shorter == pairs:
            return pairs
        pairs = shorter


@pytest.mark.parametrize(
    ("language", "begin", "end"),
    [
        ("en", "Good day to you. ", " We love to hear from you!"),
        ("hi", "नमस्ते जी। ", " आपका दिन शुभ हो।"),
        ("zh", "您好！", "祝您生活愉快。"),
        ("ar", "مرحبا بكم! ", " مع أطيب التحيات."),
    ],
)
def test_what_half_of_the_rows_begin_and_end_with_is_found_and_cut(language: str, begin: str, end: str) -> None:
    pairs = rows(100, begin=begin, end=end, every=2, language=language)
    listed = found_in(pairs)
    assert texts(listed) == [("answer_begin", begin.strip(), True), ("answer_end", end.strip(), True)]
    assert [one.rows for one in listed] == [50, 50]
    assert to_the_end(pairs) == rows(100, language=language)


def test_questions_are_listed_and_stay() -> None:
    """What all questions have in common is as often the task: "Name the part in this text."."""
    pairs = [(f"Dear team, \n\nwhat is {content(row)}Please help me.", content(row)) for row in range(60)]
    assert texts(found_in(pairs)) == [
        ("question_begin", "Dear team,", False),
        ("question_end", "Please help me.", False),
    ]
    assert to_the_end(pairs) == pairs


def test_sentences_that_always_stand_together_are_one() -> None:
    """Each has the other as its only context, the two have many."""
    pairs = rows(100, begin="Good day. Thank you for writing to the valve shop. ", every=2)
    (one,) = found_in(pairs)
    assert (one.text, one.sentences) == (
        "Good day. Thank you for writing to the valve shop.",
        ("good day", "thank you for writing to the valve shop"),
    )
    assert to_the_end(pairs) == rows(100)


def test_what_stands_behind_a_cut_sentence_counts_as_if_it_were_gone() -> None:
    pairs = []
    for row in range(600):
        closing = (" Stay well." if row % 50 < 4 else "") + (" All yours.", " Your team.")[row % 2]
        pairs.append((f"What about {content(row)}", content(row).rstrip() + closing))
    gone = {one.text: one.rows for one in found_in(pairs) if one.cut}
    assert gone == {"All yours.": 300, "Your team.": 300, "Stay well.": 48}
    assert {text for _, text in to_the_end(pairs)} == {content(row).rstrip() for row in range(600)}


def test_other_case_and_punctuation_are_the_same_sentence() -> None:
    pairs = rows(60)
    pairs = [
        (question, answer + (" Stay well!", " stay well.", " STAY WELL")[row % 3])
        for row, (question, answer) in enumerate(pairs)
    ]
    assert [(one.sentences, one.rows) for one in found_in(pairs)] == [(("stay well",), 60)]
    assert to_the_end(pairs) == rows(60)


def test_thousand_copies_of_a_row_are_one_context() -> None:
    assert found_in([*rows(100), *[("Why?", "The pump is dry. Stay well.")] * 1000]) == []


def test_a_sentence_that_follows_the_same_one_everywhere_is_content() -> None:
    """As in an encyclopaedia: "People with any of these signs should call." stands after one list."""
    pairs = [
        (f"What is {content(row)}", f"{content(row)}Signs are many. They differ. It is rare. Call if you see one.")
        for row in range(100)
    ]
    assert found_in(pairs) == []


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("", " Take 5 of them."),  # a number is content
        ("1. ", ""),
        ("", "\n    return total;"),
        ("#include <stdio.h>\n", ""),
        ("Signs are:\n", ""),
        ("Summary\n", ""),  # a heading
        ("", "\ntotal\nend"),
        ("", " " + "Nothing here is as short as a courtesy would be, " * 4 + "is it?"),
    ],
)  # fmt: skip
def test_content_that_repeats_is_not_listed(begin: str, end: str) -> None:
    assert found_in(rows(100, begin=begin, end=end)) == []


def test_a_title_or_an_initial_ends_no_sentence() -> None:
    pairs = rows(60, end=" Ask Dr. Smith or J. Miller.")
    assert [one.text for one in found_in(pairs)] == ["Ask Dr. Smith or J. Miller."]


def test_few_or_rare_ones_are_listed_and_stay() -> None:
    few = rows(19, end=" Stay well.")
    rare = rows(1000, end=" Stay well.", every=25)
    for pairs in (few, rare):
        assert texts(found_in(pairs)) == [("answer_end", "Stay well.", False)]
        assert to_the_end(pairs) == pairs
    assert found_in(rows(1000, end=" Stay well.", every=125)) == []
    assert found_in(rows(4, end=" Stay well.")) == []


def test_a_whole_text_is_never_cut() -> None:
    what = cuts(found_in(rows(60, begin="Good day. ", end=" Stay well.")))
    assert cut("Good day. The pump is dry. Stay well.", what) == "The pump is dry."
    for whole, left in (("Stay well.", "Stay well."), ("Good day. Stay well. ...", "Stay well. ..."), ("", "")):
        assert cut(whole, what) == left


def test_a_label_is_cut_like_a_greeting() -> None:
    """Why `report` is the default: how often a sentence stands in a place says nothing about what it means."""
    pairs = [(f"Does {content(row)}", ("Yes. ", "No. ")[row % 2] + content(row)) for row in range(60)]
    assert texts(found_in(pairs)) == [("answer_begin", "No.", True), ("answer_begin", "Yes.", True)]


def test_content_of_rows_that_are_put_together_from_parts_stays() -> None:
    """Each part stands in many contexts, but they repeat too."""
    parts = [sentence for row in range(30) for sentence in content(row).split(". ")[:1]]
    pairs = [(f"What is {content(row)}", f"{parts[row % 25]}. Keep it dry all the year.") for row in range(300)]
    pairs += [(f"Why is {content(row)}", content(row + 300).rstrip()) for row in range(60)]
    assert texts(found_in(pairs)) == [("answer_end", "Keep it dry all the year.", False)]


@pytest.mark.parametrize(
    "variants",
    [
        ("The claim is true. ", "The claim is false. "),
        ("Turn off the red pump first. ", "Turn off the blue pump first. "),
        ("说法是对的。", "说法是错的。"),
    ],
)
def test_variants_of_one_template_are_listed_and_stay(variants: tuple[str, str]) -> None:
    pairs = [(f"Is {content(row)}", variants[row % 2] + content(row)) for row in range(80)]
    assert texts(found_in(pairs)) == [("answer_begin", text.strip(), False) for text in sorted(variants)]
    assert to_the_end(pairs) == pairs
    alone = [
        (question, variants[0] + answer.removeprefix(variants[0]).removeprefix(variants[1]))
        for question, answer in pairs
    ]
    assert to_the_end(alone) == [(question, content(row)) for row, (question, _) in enumerate(alone)]


def test_batches_in_any_order_give_the_same() -> None:
    pairs = rows(200, begin="Good day. ", end=" Stay well.", every=3)
    order = list(range(200))
    random.Random(3).shuffle(order)
    mixed = [pairs[row] for row in order]
    parts = [edges(mixed[start : start + 7]) for start in range(0, 200, 7)]
    assert found(numpy.concatenate(parts), lambda row: mixed[row]) == found_in(pairs)
    assert found(edges([]), lambda row: mixed[row]) == []


def test_cutting_again_changes_nothing() -> None:
    numbers = random.Random(11)
    openings = ("Good day. ", "Good day. Glad you ask! ", "Dear friend,\n", "İyi günler. ", "")
    closings = (
        " Stay well.",
        " Yours. Stay well.",
        " Bye. Bye. Bye. Bye. Bye.",
        " Ask again! Write soon! Stay well.",
        "",
    )
    for _ in range(20):
        pairs = [
            (content(row), numbers.choice(openings) + content(row).rstrip() + numbers.choice(closings))
            for row in range(numbers.randrange(30, 150))
        ]
        clean = to_the_end(pairs)
        assert to_the_end(clean) == clean
        assert all(content(row).rstrip() in answer for row, (_, answer) in enumerate(clean))


def test_only_the_most_frequent_are_listed() -> None:
    name = "abcdefghijklmnopqrstuvwxyz"
    pairs = [(f"What about {content(row)}", f"Dear {name[row % 26] * 3}. {content(row)}") for row in range(520)]
    assert len(found_in(pairs)) == repeated.MOST_LISTED


def test_many_in_a_row_go_one_by_one() -> None:
    what = (frozenset({("hi",)}), frozenset({("bye",)}))
    assert cut("Hi. " * 20_000 + "The pump is dry." + " Bye.\n" * 20_000, what) == "The pump is dry."
    assert cut(("Hi. " * 20_000).strip(), what) == "Hi."
    assert cut(("Bye. " * 20_000).strip(), what) == "Bye."


def test_odd_texts_are_no_trouble() -> None:
    odd = ["", ".", "...", "\n", "\n\n\n", "。。", "\ud800.", "a" * 10_000, ". " * 5_000, "İ. " * 400, "?!\n" * 3000]
    assert edges([(text, text) for text in odd]).shape == (len(odd), len(repeated.SIDES), repeated.LEVELS)
    pairs = [(text, text) for text in odd] * 30
    assert to_the_end(pairs)


SHARED = PROJECT.parent / "shared" / "data"
BRANDS = ("ChatDoctor", "HealthCareMagic", "iCliniq")


@pytest.mark.skipif(not SHARED.exists(), reason="the development rows are not part of the project")
class TestRealRows:
    """The figures of repeated.py. Every second row, as the others are for the last judgement."""

    @pytest.fixture(scope="class")
    def sources(self) -> dict[str, Pairs]:
        made: dict[str, Pairs] = {}
        for name in ("dev.jsonl", "more.jsonl"):
            for line in (SHARED / name).read_text("utf-8").splitlines()[::2]:
                row = json.loads(line)
                made.setdefault(row["source"], []).append((row["input"], row["output"]))
        for path in sorted((SHARED / "peers").iterdir()):
            text = path.read_text("utf-8")
            for row in map(json.loads, text.splitlines()) if path.suffix == ".jsonl" else json.loads(text):
                made.setdefault(path.name, []).extend(exchanges(row))
        return made

    def test_nothing_is_cut_where_nothing_is_boilerplate(self, sources: dict[str, Pairs]) -> None:
        controls = {
            name: pairs for name, pairs in sources.items() if name.startswith(("wiki", "medquad")) or "." in name
        }
        listed = {name: found_in(pairs) for name, pairs in controls.items()}
        most = {name: max((one.share for one in found), default=0) for name, found in listed.items()}
        print(sum(map(len, controls.values())), "rows; the most frequent sentence:", most)
        assert not any(one.cut for found in listed.values() for one in found)

    def test_what_is_cut_from_forums_is_boilerplate(self, sources: dict[str, Pairs]) -> None:
        """The sentences to be read by a person are printed."""
        forums = {name: pairs for name, pairs in sources.items() if name.startswith(("hcm", "icliniq", "questiond"))}
        changed = 0
        for name, pairs in forums.items():
            changed += sum(one != other for one, other in zip(pairs, to_the_end(pairs), strict=True))
            print(name, [one.text for one in found_in(pairs) if one.cut])
        print(changed, "of", sum(map(len, forums.values())), "rows changed")
        rules = Rules(brands=BRANDS)
        for pairs in forums.values():
            rows, reasons = clean_batch([{"question": question, "answer": answer} for question, answer in pairs], rules)
            left = [(row["question"], row["answer"]) for row, reason in zip(rows, reasons, strict=True) if not reason]
            assert not any(one.cut for one in found_in(left))


def exchanges(row: dict[str, Any]) -> Pairs:
    if "conversations" in row:
        turns = row["conversations"]
        return [(one["value"], other["value"]) for one, other in pairwise(turns) if other["from"] == "gpt"]
    return [("", row["text"])] if "text" in row else [(f"{row['instruction']}\n{row['input']}", row["output"])]
