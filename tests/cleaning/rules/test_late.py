"""Expressions that are compiled when they are asked."""

from __future__ import annotations

import gc
import re

import pytest

from job.cleaning.rules import clean_batch, late
from job.cleaning.rules.late import pattern
from job.cleaning.rules.rule import Rules

pytestmark = pytest.mark.examples


def is_compiled(expression: object) -> bool:
    return "search" in vars(expression)


def test_the_first_text_compiles_it() -> None:
    greeting = pattern(r"\bhello\b")
    assert not is_compiled(greeting)
    assert greeting.search("Oh, Hello there")
    assert is_compiled(greeting)


def test_it_finds_what_the_expression_finds() -> None:
    text, expression = "Thanks, thanks a lot. THANKS!", r"(thanks)(\W)"
    asked, compiled = pattern(expression), re.compile(expression, re.IGNORECASE)
    assert [match.span(2) for match in asked.finditer(text)] == [match.span(2) for match in compiled.finditer(text)]
    assert asked.sub(r"\2", text) == compiled.sub(r"\2", text)
    assert asked.match(text) and not asked.fullmatch(text)
    assert (asked.pattern, asked.flags, asked.groups) == (compiled.pattern, compiled.flags, 2)


def test_a_wrong_expression_fails_where_it_is_asked() -> None:
    wrong = pattern("(")
    with pytest.raises(re.error):
        wrong.search("text")
    with pytest.raises(AttributeError):
        _ = pattern("right").finds  # type: ignore[attr-defined]


def test_every_expression_of_the_rules_compiles() -> None:
    clean_batch([], Rules())
    expressions = [one for one in gc.get_objects() if type(one) is late._Late and one._text != "("]
    assert len(expressions) > 200
    for one in expressions:
        re.compile(one._text, re.IGNORECASE)
