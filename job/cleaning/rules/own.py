"""The user's own rules (FINETUNE_DATA_RULES_FILE) as entries of the registry: patterns on answers, with a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import regex

from job.cleaning.rules.rule import Field, Row, Rule, Rules
from job.errors import SettingsError
from job.settings.rule_file import SECONDS, UserRule


def own_rules(place: Rule, options: Rules) -> Iterator[Rule]:
    """`place` is the registry's entry that says where they run; each takes its name in front of the user's."""
    for rule in options.user_rules:
        name = place.name + rule.name
        yield replace(place, name=name, drop=_drop(rule)) if rule.drops else replace(place, name=name, cut=_cut(rule))


def _cut(rule: UserRule) -> Callable[[Field], str]:
    pattern = regex.compile(rule.pattern)
    return lambda field: _hidden(field, str(_in_time(rule, pattern.sub, "", field.whole)).strip())


def _drop(rule: UserRule) -> Callable[[Row], bool]:
    pattern = regex.compile(rule.pattern)
    return lambda row: bool(_in_time(rule, pattern.search, row.answer.whole))


def _hidden(field: Field, text: str) -> str:
    """What is left, with the parts hidden again that it still holds: the user's rules see and cut everything."""
    if not field.hidden:
        return text
    if text == field.whole:
        return field.text
    for mark, part in field.hidden.items():
        text = text.replace(part, mark, 1)
    return text


def _in_time(rule: UserRule, search: Callable[..., Any], *arguments: str) -> Any:
    """Raises SettingsError if the pattern takes longer than SECONDS on one answer."""
    begun = time.monotonic()
    try:
        return search(*arguments, timeout=SECONDS)
    except TimeoutError as error:
        raise SettingsError(
            [
                f"FINETUNE_DATA_RULES_FILE: the pattern of {rule.name} was stopped after {time.monotonic() - begun:.1f} s on "
                f"one answer of {len(arguments[-1]):,} characters: it backtracks without end, as nested repeats such as (a+)+ "
                "or (a|a)* do. Write it without them, or with possessive repeats (a++)"
            ]
        ) from error
