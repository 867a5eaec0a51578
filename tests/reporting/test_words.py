"""What the report calls rules."""

from __future__ import annotations

from job.cleaning import rules as cleaning_rules
from job.reporting.words import CONTACT_RULES, OWN, RULE_WORDS, is_quoted, readable, rule_words


def test_the_page_knows_every_rule_by_name() -> None:
    assert set(cleaning_rules.CONTACT_RULES) == CONTACT_RULES
    assert cleaning_rules.OWN == OWN
    assert set(RULE_WORDS) == {*cleaning_rules.CUTTING, *cleaning_rules.DROPPING}


def test_own_rules_keep_the_name_that_the_user_gave_them() -> None:
    assert readable("own:price_list") == "own rule price_list"
    assert rule_words("own:price_list") == "from FINETUNE_DATA_RULES_FILE"
    assert is_quoted("own:price_list")


def test_a_rule_without_words_stands_by_its_name() -> None:
    assert (readable("new_thing"), rule_words("new_thing")) == ("new thing", "")


def test_contact_data_is_never_quoted() -> None:
    assert not is_quoted("phone")
