"""Parts of a text that keep every character, whatever packs run."""

from __future__ import annotations

from itertools import combinations

import pytest

from job.cleaning.rules import Rules, clean_batch
from job.cleaning.rules.kinds import is_work, kept
from tests.cleaning.rules.kept_rows import KEPT_ROWS
from tests.cleaning.rules.one_row import ADVICE, QUESTION, cleaned, cleaned_question

pytestmark = pytest.mark.examples

PACKS = ("qa-forum", "wiki", "escapes")
ALL = Rules(packs=PACKS, brands=("LeafTalk",), min_answer_words=1, max_words=10_000)


def test_there_are_sixty_rows() -> None:
    assert len(set(KEPT_ROWS)) >= 60


@pytest.mark.parametrize("packs", [some for count in range(4) for some in combinations(PACKS, count)], ids="+".join)
def test_code_formulas_paths_and_tables_keep_every_character_in_every_pack(packs: tuple[str, ...]) -> None:
    rules = Rules(packs=packs, brands=("LeafTalk",), min_answer_words=1, max_words=10_000)
    rows = [{"question": QUESTION, "answer": answer} for answer in KEPT_ROWS]
    found, reasons = clean_batch(rows, rules)
    changed = [(row["answer"], after["answer"]) for row, after in zip(rows, found, strict=True) if row != after]
    assert (changed, [reason for reason in reasons if reason]) == ([], [])


@pytest.mark.parametrize("text", KEPT_ROWS[:30])
def test_a_question_keeps_its_code_too(text: str) -> None:
    question = f"What does this do?\n\n{text}"
    assert cleaned_question(question, ALL) == question


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("See `a  b` and $x^2$.", ["`a  b`", "$x^2$"]),
        ("It costs $5 or $6 a pot, so I`m glad, don`t you think.", []),
        ("Take 1/2 or and/or 3/4 of it; then wait.", []),
        ("If the leaves are yellow:\nwater it (twice);\nand wait.", []),
        ("Use this:\n```\na\n", ["```\na\n"]),
        ("One line {x} here\nand x = 5;\nthen no more.", []),
        ("a = 1\nb = 2\nand that is it.", ["a = 1\nb = 2"]),
        ("| one | line |", []),
        ("{{Box\n| a = b\n}}\nFerns grow.", []),
        ("Then\n\\begin{a}\nno end", ["\\begin{a}"]),
    ],
)
def test_parts_are_found_by_delimiters_and_by_the_look_of_lines(text: str, parts: list[str]) -> None:
    assert [text[begin:end] for begin, end in kept(text)] == parts


@pytest.mark.parametrize(
    ("question", "answer", "work"),
    [
        ("Write a letter to my landlord.", "Dear Mr. Moss, ...", True),
        ("Please draft a short thank-you e-mail for the gardeners.", "Hi all, ...", True),
        ("Compose a four-line poem about moss.", "...", True),
        ("Why is it dry?", "Regards, [Your Name]", True),
        ("How do I word a letter to customers whose pot has come?", "Dear ...", True),
        ("What should I write to my boss?", "Dear ...", True),
        ("How can I end an email politely?", "Kind regards", True),
        ("I need a template for an apology e-mail.", "Dear ...", True),
        ("Help me with a cover letter.", "Dear ...", True),
        ("Reply to this customer: where is my pot?", "Dear ...", True),
        ("Translate: Liebe Anna, danke.", "Dear Anna, thank you.", True),
        ("Make this more formal: hi Anna", "Dear Anna", True),
        (QUESTION, "You could write:\n\nDear Anna,\n\nit is dry.\n\nRegards", True),
        (QUESTION, "Hello {{name}}, it is dry. Regards, {{gardener}}", True),
        ("Answer the customer's e-mail.\n\nMy fern has come broken.", "Dear ...", True),
        (QUESTION, "Anna: Hello Ben!\nBen: Is it dry?\nAnna: It was. Thanks!", True),
        (QUESTION, "Water: twice a week.\nLight: in shade. Take care: it is dry.", False),
        ("Please answer my letter.", "Wait. Regards", False),
        ("I wrote a letter to my doctor. What can I do?", "Wait. Regards", False),
        ("My blood sample got no response. Please reply with advice and answer my post.", "Wait. Regards", False),
        ("My hand hurts when I write. I got a letter about it.", "Wait. Regards", False),
        (QUESTION, ADVICE, False),
    ],
)
def test_a_letter_that_was_asked_for_is_told_from_a_forums_answer(question: str, answer: str, work: bool) -> None:
    assert is_work(question, answer) is work


def test_a_letter_keeps_its_greeting_and_its_ending() -> None:
    letter = "Dear Mr. Moss,\n\nthank you for the ferns. They grow well.\n\nKind regards,\nAnna Fern"
    asked = "Write a letter that thanks my neighbour for his ferns."
    assert cleaned(letter, ALL, asked) == letter
    assert cleaned(letter, ALL) != letter  # of a forum's answer they are boilerplate


def test_boilerplate_around_code_goes_and_the_code_stays() -> None:
    code = "```python\nprint('Hello  there')\n```"
    assert cleaned(f"Hello. Use this:\n{code}\nHope this helps. Regards", ALL) == f"Use this:\n{code}"


@pytest.mark.parametrize(
    "text",
    [
        f"{ADVICE}\n\n> It was dry all week,\n> and it goes on",
        "> Thanks for the pots.\n\nThat was kind of her.",
        "He wrote:\n> Hope this helps",
        'text = """\nDear Anna,\n\nit is dry.\n\nBest regards,\nMoss\n"""',
        "const mail = `Dear ${name},\n\nit is dry.\n\nBest regards,\nMoss`;",
    ],
)
def test_what_is_quoted_keeps_every_character(text: str) -> None:
    assert cleaned(text, ALL) == text


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("Hello,\nnpm install pots\n\nHope this helps.", "npm install pots"),
        ("Hi, git commit -m water\nGood luck", "git commit -m water"),
        ("Hello. x = 5", "x = 5"),
        ("Hello! import pots\n\nThanks", "import pots"),
        ("Hi, os.path.join is what you need. Regards", "os.path.join is what you need."),
        ("Hello, my_pot.fill() does it. Cheers", "my_pot.fill() does it."),
        ("Try print(x) Hope this helps", "Try print(x)"),
    ],
)
def test_code_between_courtesies_gets_no_capital_and_no_full_stop(answer: str, code: str) -> None:
    assert cleaned(answer, ALL) == code


def test_a_cut_that_would_take_code_with_it_is_not_made() -> None:
    text = f"{ADVICE} Thanks for `a  b` in your query. {ADVICE}"
    assert cleaned(text, ALL) == text


def test_a_text_with_private_characters_of_its_own_stays_as_it_is() -> None:
    text = f"Hello. {ADVICE} \U000f0000 Regards"
    assert cleaned(text, ALL) == text
