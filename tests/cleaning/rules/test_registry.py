"""The registry: everything follows from its entries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from job.cleaning.audit import counts
from job.cleaning.rules import Rules, clean_batch, registry
from job.cleaning.rules.cleaner import STEPS
from job.cleaning.rules.digest import digest
from job.cleaning.rules.registry import DROP_REASONS, OWN, RULES, Reason, few_turns_left, hint
from job.cleaning.rules.rule import Rule, Tally
from job.results import RuleCount
from job.settings.fields import DataSettings
from job.settings.rule_file import UserRule
from job.settings.sources import Source
from tests.cleaning.rules.one_row import ADVICE, QUESTION

pytestmark = pytest.mark.examples

OPTIONS = Rules(min_answer_words=1, user_rules=(UserRule("votes", "(?i)please vote for me", False),))
ROW = {"question": QUESTION, "answer": f"{ADVICE} Please vote for me at votes@plants.org. Mind the snails."}


def audit(*rows: dict[str, str], options: Rules = OPTIONS) -> dict[str, RuleCount]:
    tally: Tally = {}
    _, reasons = clean_batch(rows, options, tally)
    dropped = {reason: reasons.count(reason) for reason in reasons if reason}
    return counts(tally, len(rows), dropped, options)


@pytest.mark.parametrize("entry", (*RULES, *DROP_REASONS), ids=lambda entry: entry.name)
def test_every_entry_has_one_name_words_and_a_hint(entry: Rule | Reason) -> None:
    assert [other.name for other in (*RULES, *DROP_REASONS)].count(entry.name) == 1
    assert entry.words and entry.words == entry.words.strip(" .")
    data = DataSettings(sources=(Source.parse("quickstart"),))
    shown = hint(entry.name, data, 512)
    assert "FINETUNE_" in shown and "{" not in shown


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_can_run(rule: Rule) -> None:
    assert [rule.cut, rule.drop].count(None) == (2 if rule.name == OWN else 1)
    assert rule.steps and set(rule.steps) <= set(STEPS)
    assert set(rule.after) <= {other.name for other in RULES}
    assert not rule.counts_as or rule.counts_as in {other.name for other in RULES}


def test_hints_name_what_to_change() -> None:
    data = DataSettings(sources=(Source.parse("quickstart"),), min_answer_words=7)
    assert hint("short_answer", data, 9) == "FINETUNE_DATA_MIN_ANSWER_WORDS (7)"
    assert hint("too_many_tokens", data, 9) == "FINETUNE_TRAIN_MAX_TOKENS (9)"
    assert hint("own:price_list", data, 9) == "FINETUNE_DATA_RULES_FILE"


def test_a_hint_says_what_set_a_limit_that_nobody_named() -> None:
    data = DataSettings(sources=(Source.parse("quickstart"),), cleaning=("qa-forum",))
    why = "since FINETUNE_DATA_CLEANING names a pack for prose"
    assert hint("short_answer", data, 9) == f"FINETUNE_DATA_MIN_ANSWER_WORDS (30, {why})"
    assert hint("too_many_words", data, 9) == f"FINETUNE_DATA_MAX_WORDS (600, {why})"


@pytest.mark.parametrize(
    ("before", "after", "notes", "words"),
    [
        (100, 90, {"turns_over_limit": 10}, ""),
        (0, 0, {}, ""),
        (100, 89, {"turns_over_limit": 8, "turns_cut": 3}, "lose 11 of 100 turns, most over FINETUNE_TRAIN_MAX_TOKENS"),
        (1000, 8, {"turns_cut": 992}, "most cut by rules, in exchanges: nothing_but_boilerplate 400, empty 96;"),
    ],
)
def test_conversations_that_lose_more_than_a_tenth_of_their_turns_are_worth_a_warning(
    before: int, after: int, notes: dict[str, int], words: str
) -> None:
    found = few_turns_left(before, after, notes, {"empty": 96, "nothing_but_boilerplate": 400})
    assert words in found and bool(words) == bool(found)


def test_a_new_entry_runs_and_is_counted_hinted_and_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(OPTIONS)
    cut = Rule(
        "snails",
        "sentences about snails",
        "repair",
        ("inside",),
        cut=lambda field: field.text.replace(" Mind the snails.", ""),
    )
    drop = Rule("slugs", "a slug", "shape", ("judge",), drop=lambda row: "slug" in row.answer.text, hint="FINETUNE_X")
    monkeypatch.setattr(registry, "RULES", (*RULES, cut, drop))
    slug = {"question": QUESTION, "answer": f"{ADVICE} Mind the slug."}
    assert clean_batch([ROW, slug], OPTIONS)[1] == ["", "slugs"]
    found = audit(ROW, slug)
    assert list(found)[-2:] == ["snails", "slugs"]
    assert (found["snails"].seen, found["snails"].changed, found["snails"].characters_removed) == (2, 1, 17)
    assert found["snails"].examples[0].before.endswith("Mind the snails.")
    assert (found["slugs"].seen, found["slugs"].dropped) == (2, 1)
    assert hint("slugs", DataSettings(sources=(Source.parse("quickstart"),)), 9) == "FINETUNE_X"
    assert digest(OPTIONS) != before


def test_rules_are_listed_in_the_order_in_which_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's rule sees the sentence before the contact rules do, and stands before them."""
    found = audit(ROW)
    assert [name for name in found if name in ("own:votes", "email")] == ["own:votes", "email"]
    assert "at […]. Mind" in found["own:votes"].examples[0].before
    own = next(rule for rule in RULES if rule.name == OWN)
    moved = [rule for rule in RULES if rule is not own]
    moved.insert(
        moved.index(next(rule for rule in RULES if rule.name == "greeted_name")) + 1, replace(own, steps=("contacts",))
    )
    monkeypatch.setattr(registry, "RULES", tuple(moved))
    found = audit(ROW)
    assert [name for name in found if name in ("own:votes", "email")] == ["email", "own:votes"]
    assert "at [email]. Mind" in found["own:votes"].examples[0].before


def test_a_rule_that_is_private_shows_no_example(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [rule.name for rule in RULES if rule.private]
    assert found == ["email", "link", "card", "iban", "ssn", "phone", "signature", "own_name", "greeted_name"]
    assert audit(ROW)["email"].examples == []
    monkeypatch.setattr(registry, "RULES", tuple(replace(rule, private=False) for rule in RULES))
    assert audit(ROW)["email"].examples
