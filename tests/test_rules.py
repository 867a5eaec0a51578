"""The cleaning rules on examples written here: what goes, and above all what stays."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from job.cleaning.forum import brand_pattern
from job.cleaning.text import repair, sentences

from job.cleaning import shape
from job.cleaning.rules import CONTACT_RULES, CUTTING, Rules, Tally, clean_batch
from job.errors import SettingsError
from job.settings.rule_file import UserRule, parse
from tests.conftest import make_rows
from tests.detector import flags

pytestmark = pytest.mark.light

RULES = Rules(brands=("LeafTalk",), min_answer_words=1)
ADVICE = "Water it twice a week. Keep it out of the sun."
QUESTION = "Why are the leaves of my fern yellow?"


def cleaned(answer: str, rules: Rules = RULES, question: str = QUESTION) -> str:
    """The answer after the rules, or why the row goes."""
    rows, reasons = clean_batch([{"question": question, "answer": answer}], rules)
    return reasons[0] or rows[0]["answer"]


def asked(question: str, rules: Rules = RULES) -> str:
    rows, reasons = clean_batch([{"question": question, "answer": ADVICE}], rules)
    return reasons[0] or rows[0]["question"]


# --- the beginning ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "opening",
    [
        "Hello, ",
        "Hi. ",
        "HI, thanks for using LeafTalk. ",
        "Dear user, welcome to Leaf Talk forum. ",
        "Hello and welcome to LeafTalk. I have gone through your query. ",
        "Good morning, I am Dr. Fern and I will answer your question. ",
        "Thank you for your question. I understand your concern. ",
        "As a plant care assistant, I'd be happy to help you with that! ",
        "Great question! ",
        "Hi Anna, ",
        "Dear Mr. Moss, thank you for writing in. ",
        "I can understand your situation and problem. ",
        "I have read your query carefully and I understand your concern. ",
        "That is a very interesting question and I appreciate your trust. ",
    ],
)
def test_openings_go_and_the_first_sentence_stays(opening: str) -> None:
    assert cleaned(opening + ADVICE) == ADVICE


@pytest.mark.parametrize(
    "mangled",
    [
        "HiT hanks for the query. ",  # a displaced blank
        "HelloThanks for your query. ",  # a lost one
        "Hi, dairy have gone through your question. ",  # a spell-checker's word
        "Hello rearward welcome to LeafTalk. ",
        "Howell come to LeafTalk. ",
        "Degree understand your concerns. ",
        "Welcome to the LeafTalkI understand your concern. ",
    ],
)
def test_mangled_openings_go_too(mangled: str) -> None:
    assert cleaned(mangled + ADVICE) == ADVICE


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("Hello thanks for your question water it twice a week.", "Water it twice a week."),
        ("Hi there can be mould in the soil.", "There can be mould in the soil."),
        (
            "I understand your concern and would explain that ferns like shade.",
            "I would explain that ferns like shade.",
        ),
        ("I have read your query and the reports and it is mould.", "It is mould."),
        ("After going through your query I think it is mould.", "I think it is mould."),
        ("HI, thanks for using Leaf Talk Peat helps the roots to breathe.", "Peat helps the roots to breathe."),
    ],
)
def test_a_missing_full_stop_does_not_cost_the_first_sentence(answer: str, rest: str) -> None:
    assert cleaned(answer) == rest


# --- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "closing",
    [
        " Hope this helps.",
        " Hope I have answered your question. Let me know if I can assist you further.",
        " Regards, LeafTalk team.",
        " Wish you good health. Take care.",
        " If you have any more questions, do write back. Best wishes.",
        " Thanks. Dr. Fern",
        "\n\nKind regards,\nLeaf Talk",
        " RegardsJay Moss, LeafTalk.",
        " For more information consult a gardener online -->",
        " For more information consult a gardener online --> <link>",
        " Revert back with pictures to a gardener online.",
        " I will be happy to answer your further questions on bit.ly/ LeafTalk.",
        " With the grace of God I wish your garden a good year. Regards",
        " Please do not hesitate to ask in case of any further doubts. LeafTalk. Senior Specialist.",
        " However, if you have a doubt then get back to me.",
        " (If the answer has helped you, please indicate this) Best of luck.",
        " Thank you for choosing LeafTalk. Have a nice day!!",
    ],
)
def test_closings_go_and_the_full_stop_stays(closing: str) -> None:
    assert cleaned(ADVICE + closing) == ADVICE


@pytest.mark.parametrize(
    "closing", [" Hope this helps", " take care", " good luck", "good luck", ", all the best.", " Thanks"]
)
def test_a_closing_without_a_stop_before_it(closing: str) -> None:
    assert cleaned(ADVICE[:-1] + closing) == ADVICE


def test_a_sentence_that_was_cut_off_goes() -> None:
    assert cleaned(f"{ADVICE} The treatment of mould is as follows") == ADVICE
    assert cleaned(f"{ADVICE} Feed it with a mix of the Take care.") == ADVICE
    assert cleaned("The pests that come to ferns include") == "cut_off"


# --- holes -----------------------------------------------------------------------------------------------------------


def test_a_sentence_with_a_hole_goes_whole() -> None:
    holed = "Water it twice a week. Ensure to Leaf Talk. This keeps the roots wet. Keep it out of the sun. Turn it once a month."
    assert (
        cleaned(holed)
        == "Water it twice a week. This keeps the roots wet. Keep it out of the sun. Turn it once a month."
    )
    assert cleaned(f"{ADVICE} Turn it. Feed it. Use hy LeafTalk. 20 mg twice daily. Then wait for a week.") == (
        f"{ADVICE} Turn it. Feed it. Then wait for a week."
    )


def test_a_row_goes_where_holes_take_over_a_third() -> None:
    assert cleaned("Use the LeafTalk. Then add some more of the old LeafTalk. Water it.") == "holes"


def test_a_name_in_the_question_never_costs_the_row() -> None:
    assert asked(f"Hi LeafTalk. {QUESTION} It stands in the shade.") == f"{QUESTION} It stands in the shade."
    assert asked("I asked LeafTalk why it is yellow.") == "I asked LeafTalk why it is yellow."


# --- what stays ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        ADVICE,
        "Thanks to its thick leaves it needs little water. Hope is not a plan, a calendar is.",
        "Higher pots hold more water.\n\n1. Fill the pot.\n2. Press the soil down.",
        "Take care of the roots when you cut it.",
        "Dearth of light makes it pale. High places are warm.",
        "Welcome rain falls in May. The fern drinks it.",
        "pH matters most. Dr. Moss measured 5.5 vs. 6.5 in pots.",
        "Regard the soil as a sponge. It holds what the roots need.",
        "The question is whether it gets light. In the north it does not.",
        "I wish the pot were larger, because roots need room.",
        "Fertiliser feeds it. If you see any further yellow leaves, water less.",
        "Its leaves (which fall in autumn) are best left on the ground",
        "Contact with cold glass harms the leaves. Call it frost burn.",
    ],
)
def test_text_without_courtesy_comes_back_unchanged(text: str) -> None:
    assert cleaned(text) == text


# Words that no courtesy is made of.
_WORDS = st.sampled_from(
    "leaf root soil light shade pot moss fern peat drain mould bark seed stem dry warm north window grows holds needs likes "
    "every two weeks under over beside cold rain sun sand 12 3.5 twice slowly without old young green".split()
)
_SENTENCE = st.lists(_WORDS, min_size=3, max_size=14).map(lambda words: " ".join(words).capitalize() + ".")
_PLAIN = st.lists(_SENTENCE, min_size=1, max_size=7).map(" ".join)
_COURTESIES = st.sampled_from(
    [
        "Hello", "Hi,", "Hello. Thank you for your question.", "Dear user,", "Welcome to LeafTalk forum.", "I understand your concern.",
        "Hope this helps.", "Regards", "Take care", "LeafTalk", "Leaf Talk.", "Thanks for asking", "Let me know.", "http://a.org/b", "x@y.org",
        "Dr. Moss", "My name is Anna.", "555-123-4567", "For more information consult a gardener online -->", "as follows", "the", "1.", "\n", "(",
    ]
)  # fmt: skip
_MIXED = st.lists(
    st.one_of(_SENTENCE, _COURTESIES, st.text(string.printable, max_size=8)), min_size=1, max_size=12
).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(_PLAIN)
def test_sentences_of_no_courtesy_are_never_touched(text: str) -> None:
    assert cleaned(text) in (text, "repetitive")


@settings(max_examples=400, deadline=None)
@given(_MIXED, _MIXED)
def test_cleaning_its_own_output_changes_nothing(question: str, answer: str) -> None:
    rows, reasons = clean_batch([{"question": question, "answer": answer}], RULES)
    if not reasons[0]:
        assert clean_batch(rows, RULES) == (rows, [""])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_MIXED, _MIXED), max_size=12))
def test_counts_add_up(pairs: list[tuple[str, str]]) -> None:
    tally: Tally = {}
    rows = [{"question": question, "answer": answer} for question, answer in pairs]
    _, reasons = clean_batch(rows, RULES, tally)
    assert sum(count.dropped for count in tally.values()) == sum(map(bool, reasons))
    assert all(count.changed <= 2 * len(rows) for count in tally.values())  # question and answer
    assert not any(tally[rule].examples for rule in CONTACT_RULES if rule in tally)


@settings(max_examples=100, deadline=None)
@given(_MIXED)
def test_sentences_joined_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text


@pytest.mark.parametrize("row", make_rows(5) + make_rows(5, seed=9), ids=lambda row: row["input"][:20])
def test_the_rows_of_other_tests_clean_to_what_the_detector_passes(row: dict[str, str]) -> None:
    assert flags(row["output"])
    assert not flags(cleaned(row["output"]))


# --- repair ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damaged", "mended"),
    [
        ("two\\u00a0days \r\n  later\x07\t on", "two days\nlater on"),
        ("the plant\\s pot and the do\\s", "the plant's pot and the do's"),
        ("called \\\\leaf rot\\\\ here", 'called "leaf rot" here'),
        ("It doesnâ€™t like cafÃ© water", "It doesn't like café water"),
        ("a\u200bb \u202eright\u202c to left\ufeff", "ab right to left"),
        ("one\u2028two", "one\ntwo"),
    ],
)
def test_damage_is_mended_and_line_breaks_stay(damaged: str, mended: str) -> None:
    assert repair(damaged).replace("’", "'") == mended


def test_joiners_stay_where_a_script_needs_them() -> None:
    persian = "می\u200cخواهم"
    assert repair(persian) == persian


# --- contact data ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (f"{ADVICE} Mail me at jane.doe@plants.org for pictures.", ADVICE),
        (f"{ADVICE} Call +1 (555) 123-4567 or 555-123-4567.", ADVICE),
        (f"{ADVICE} My page is www.plants.org/fern today.", ADVICE),
        (f"{ADVICE} Write to jane (at) plants (dot) org.", ADVICE),
        (f"{ADVICE}\n- Anna Moss", ADVICE),
        (f"{ADVICE} Dr. John Fern, MD", ADVICE),
        ("Take 500-1000 ml since 2010-12-31 at 120-139/80-89.", "Take 500-1000 ml since 2010-12-31 at 120-139/80-89."),
    ],
)
def test_contact_data_of_an_answer_goes(text: str, rest: str) -> None:
    assert cleaned(text) == rest


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("Hello, my name is Anna Moss. Why is it yellow?", "Hello. Why is it yellow?"),
        ("Why is it yellow? Thanks, Anna Moss", "Why is it yellow? Thanks."),
        ("I am Anna, 35 years old. Why is it yellow?", "I am 35 years old. Why is it yellow?"),
        ("Why is it yellow? Reach me on +49 171 2345678.", "Why is it yellow?"),
    ],
)
def test_contact_data_of_a_question_goes(question: str, rest: str) -> None:
    assert asked(question) == rest


def test_contact_rules_can_be_switched_off() -> None:
    text = f"{ADVICE} Mail me at jane.doe@plants.org for pictures."
    assert cleaned(text, Rules(packs=("wiki",), contacts=False, min_answer_words=1)) == text


# --- wiki ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("A [[fern|ferny plant]] grows in [[shade]].", "A ferny plant grows in shade."),
        ("Ferns (pronunciation: {{IPA|x}}) grow.<ref>Moss, 1999</ref>", "Ferns grow."),
        ("Ferns grow.\nTemplate:Plant Sources", "Ferns grow."),
        ("Ferns '''grow''' in shade.\n[[Category:Plants]]", "Ferns grow in shade."),
        ("Ferns {{grow in shade.", "wiki_markup"),
        ("a < b and c > d, 5 == 5", "a < b and c > d, 5 == 5"),
    ],
)
def test_wiki_markup_goes_and_its_words_stay(text: str, rest: str) -> None:
    assert cleaned(text) == rest


# --- shape -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1. Fill the pot. 2. Press the soil. 3. Water it.", "numbered"),
        ("Do this:\n- fill\n- press\n- water", "bulleted"),
        ("It may be " + "Leaf rust Root rot Spider mites Grey mould Black spot Fungus gnats Scale insects Mealy bugs Thrips Wilt Leaf curl", "flattened"),
        (ADVICE, ""),
        ("It grew 3 cm in 2. The year 1999 was dry.", ""),
    ],
)  # fmt: skip
def test_lists_are_told_from_prose(text: str, kind: str) -> None:
    assert shape.list_kind(text) == kind


def test_an_answer_that_runs_in_circles_goes() -> None:
    assert cleaned("Water it well and keep it warm. " * 6) == "repetitive"
    assert shape.repeated_share("a b c d".split() * 4) == pytest.approx(9 / 13)
    assert shape.repeated_share("a b c d e f g h i j k l m".split()) == 0


def test_another_language_goes_only_when_sure() -> None:
    rules = Rules(packs=("wiki",), languages=("en",), min_answer_words=1)
    german = "Gießen Sie die Pflanze zweimal in der Woche und halten Sie sie aus der Sonne, bis die Blätter wieder grün werden."
    assert cleaned(german, rules) == "other_language"
    assert cleaned(german, Rules(packs=("wiki",), languages=("en", "de"), min_answer_words=1)) == german
    assert cleaned("Ja, Wasser.", rules) == "Ja, Wasser."


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("x" * 10_000_000, "enormous"),
        ("PK\x03\x04\x00\x00\x00\x08\x00" * 20, "binary"),
        ("Hello, thanks for your question. Regards.", "nothing_but_boilerplate"),
        ("(" * 50_000, "cut_off"),
        ("a" * 90_000 + " " + "[" * 9_000, "wiki_markup"),
        ("Hello " * 15_000, "too_many_words"),
        ("Hello. " * 12_000, "nothing_but_boilerplate"),
        ("1 " * 40_000, "too_many_words"),
        ("\u202e" * 50 + ADVICE, "short_answer"),
    ],
    ids=range(11),
)
def test_awkward_rows_have_a_reason(answer: str, reason: str) -> None:
    assert cleaned(answer, Rules(brands=("LeafTalk",))) == reason


def test_none_changes_nothing() -> None:
    text = "Hello, mail jane@plants.org.  Regards"
    assert cleaned(text, Rules(packs=("none",))) == text


# --- the user's own --------------------------------------------------------------------------------------------------


def test_own_rules_cut_and_drop() -> None:
    rules, problems = parse("# mine\nvotes = (?i)please vote for me\\.?\ndrop prices = \\bprice list\\b\n")
    assert problems == []
    mine = Rules(min_answer_words=1, user_rules=tuple(rules))
    assert cleaned(f"{ADVICE} Please vote for me.", mine) == ADVICE
    assert cleaned(f"{ADVICE} See the price list.", mine) == "own:prices"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("votes = (unclosed", "line 1: the pattern of votes is wrong: missing )"),
        ("votes: x", "line 1: 'votes: x' is no rule"),
        ("votes = x*", "line 1: the pattern of votes matches even an empty text"),
        ("a = x\na = y", "line 2: there are two rules called a"),
        ("# nothing", "holds no rule"),
    ],
)
def test_a_bad_pattern_is_named_with_its_line(text: str, told: str) -> None:
    assert any(told in problem for problem in parse(text)[1])


def test_a_pattern_that_backtracks_without_end_is_stopped_and_named() -> None:
    rules = Rules(user_rules=(UserRule("endless", r"(a|aa)+$", False),))
    with pytest.raises(
        SettingsError, match=r"FINETUNE_DATA_RULES_FILE: the pattern of endless was stopped after \d+\.\d s"
    ):
        cleaned("a" * 60 + "b", rules)


# --- counting --------------------------------------------------------------------------------------------------------


def test_each_rule_tells_what_it_did() -> None:
    tally: Tally = {}
    rows = [{"question": QUESTION, "answer": f"Hello. {ADVICE} Regards, LeafTalk."}] * 5
    clean_batch(rows, RULES, tally)
    assert tally["opening"].changed == tally["closing"].changed == 5
    assert tally["opening"].characters_removed == 5 * len("Hello. ")
    assert len(tally["opening"].examples) == 3
    before, after = tally["closing"].examples[0]
    assert "Regards, LeafTalk." in before and "Regards" not in after
    assert set(tally) <= set(CUTTING)


def test_examples_hold_no_contact_data() -> None:
    tally: Tally = {}
    answer = f"Hello Anna, mail bob.green@plants.org or call 555-123-4567. {ADVICE} Regards, Dr. John Fern"
    clean_batch([{"question": QUESTION, "answer": answer}], RULES, tally)
    shown = str([count.examples for count in tally.values()])
    assert "[…]" in shown
    assert not any(part in shown for part in ("bob", "green", "555", "4567", "Anna", "John"))


def test_a_row_that_is_dropped_counts_no_change() -> None:
    tally: Tally = {}
    clean_batch([{"question": QUESTION, "answer": f"Hello. {ADVICE}"}], Rules(min_answer_words=50), tally)
    assert {rule: (count.changed, count.dropped) for rule, count in tally.items()} == {"short_answer": (0, 1)}


def test_the_digest_follows_what_the_rules_are_told() -> None:
    assert RULES.digest() == Rules(brands=("LeafTalk",), min_answer_words=1).digest()
    assert RULES.digest() != Rules(brands=("Other",), min_answer_words=1).digest()


def test_brands_are_found_in_every_spelling() -> None:
    pattern = brand_pattern("LeafTalk")
    for spelling in (
        "LeafTalk",
        "Leaf Talk",
        "leaf-talk",
        "LEAF  TALK",
        "leaftalk.com",
        "LeafTalkIn",
        "witLeafTalkand",
    ):
        assert pattern.search(f"ask {spelling} now"), spelling
    assert not pattern.search("a leaf talks")
    assert not pattern.search("a tealeaf talk")


# --- real rows -------------------------------------------------------------------------------------------------------

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "dev.jsonl"
BRANDS = ("ChatDoctor", "HealthCareMagic", "iCliniq")


@pytest.mark.skipif(not SHARED.exists(), reason="the development rows are not part of the project")
class TestRealRows:
    """The figures of README's table."""

    @pytest.fixture(scope="class")
    def rows(self) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in SHARED.read_text("utf-8").splitlines()]
        return [{"question": row["input"], "answer": row["output"], "source": row["source"]} for row in found]

    def test_forum_rows_are_kept_and_clean(self, rows: list[dict[str, Any]]) -> None:
        forum = [row for row in rows if row["source"].startswith("hcm")]
        found, reasons = clean_batch(forum, Rules(brands=BRANDS))
        kept = [row["answer"] for row, reason in zip(found, reasons, strict=True) if not reason]
        flagged = [answer for answer in kept if flags(answer, BRANDS)]
        print(f"kept {len(kept) / len(forum):.3f}, flagged {len(flagged) / len(kept):.3f} of them")
        assert len(kept) >= 0.75 * len(forum)
        assert len(flagged) <= 0.05 * len(kept)

    def test_encyclopaedic_rows_keep_their_words_and_line_breaks(self, rows: list[dict[str, Any]]) -> None:
        controls = [row for row in rows if row["source"].startswith(("wikidocpatient", "medquad"))]
        found, reasons = clean_batch(controls, Rules(brands=BRANDS, min_answer_words=1, max_words=100_000))
        pairs = list(zip(controls, found, reasons, strict=True))
        changed = [row for row, after, reason in pairs if reason or row["answer"].split() != after["answer"].split()]
        assert len(changed) <= 0.005 * len(controls), [row["answer"] for row in changed]
        for row, after, _ in pairs:
            if row not in changed:
                assert row["answer"].strip().count("\n") == after["answer"].count("\n")

    def test_cleaning_again_changes_nothing_on_any_row(self, rows: list[dict[str, Any]]) -> None:
        found, reasons = clean_batch(rows, Rules(brands=BRANDS))
        kept = [row for row, reason in zip(found, reasons, strict=True) if not reason]
        assert clean_batch(kept, Rules(brands=BRANDS)) == (kept, [""] * len(kept))
