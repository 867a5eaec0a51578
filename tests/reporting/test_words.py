"""What the report calls rules: what the registry says of them, and nothing else."""

from __future__ import annotations

import pytest

from job.cleaning.rules import registry
from job.cleaning.rules.rule import Rule
from job.reporting.words import is_quoted, note_words, readable, rule_words

pytestmark = pytest.mark.light


def test_a_rule_that_is_added_to_the_registry_is_named_without_another_line(monkeypatch: pytest.MonkeyPatch) -> None:
    fax = Rule("fax_number", "fax numbers", "contacts", ("inside",), cut=lambda field: field.text, private=True)
    monkeypatch.setattr(registry, "RULES", (*registry.RULES, fax))
    assert rule_words("fax_number") == "fax numbers"
    assert not is_quoted("fax_number")


def test_own_rules_keep_the_name_that_the_user_gave_them() -> None:
    assert readable("own:price_list") == "own rule price_list"
    assert rule_words("own:price_list") == "from FINETUNE_DATA_RULES_FILE"
    assert is_quoted("own:price_list")


def test_a_reason_that_is_no_rule_has_its_words() -> None:
    assert rule_words("near_duplicate") == "nearly the same words as an earlier row"


def test_a_name_of_another_version_stands_by_itself() -> None:
    assert (readable("new_thing"), rule_words("new_thing")) == ("new thing", "")


def test_contact_data_is_never_quoted() -> None:
    assert not is_quoted("phone")


def test_what_was_done_to_turns_has_its_words() -> None:
    assert note_words("system_moved") == "system turns moved to the front"
    assert note_words("odd_turn") == "odd turn"
