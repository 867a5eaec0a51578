"""The user's own rules cut and drop, each within its time."""

from __future__ import annotations

import pytest

from job.cleaning.rules import Rules, own
from job.errors import SettingsError
from job.settings.rule_file import UserRule, parse
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples


def test_own_rules_cut_and_drop() -> None:
    rules, problems = parse("# mine\nvotes = (?i)please vote for me\\.?\ndrop prices = \\bprice list\\b\n")
    assert problems == []
    mine = Rules(
        packs=("wiki",), min_answer_words=1, user_rules=tuple(rules)
    )  # qa-forum would cut the plea for votes too
    assert cleaned(f"{ADVICE} Please vote for me.", mine) == ADVICE
    assert cleaned(f"{ADVICE} See the price list.", mine) == "own:prices"


@pytest.mark.parametrize("drops", [False, True])
def test_a_pattern_that_backtracks_without_end_is_stopped_and_named(
    drops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "SECONDS", 0.1)
    rules = Rules(user_rules=(UserRule("endless", r"(a|aa)+$", drops),))
    with pytest.raises(
        SettingsError,
        match=r"FINETUNE_DATA_RULES_FILE: the pattern of endless was stopped after \d\.\d s on one answer of 61 characters",
    ):
        cleaned("a" * 60 + "b", rules)
