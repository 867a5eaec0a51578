"""Expressions that are compiled when they are asked."""

from __future__ import annotations

import copy
import re
import subprocess
import sys

import pytest

from job.cleaning.rules.late import pattern
from tests.conftest import PROJECT

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


def test_a_copy_finds_the_same() -> None:
    found = copy.copy(pattern("(a)b"))
    assert not is_compiled(found)
    assert found.sub(r"\1", "xAB") == "xA"


def test_a_wrong_expression_fails_where_it_is_asked() -> None:
    wrong = pattern("(")
    with pytest.raises(re.error):
        wrong.search("text")
    with pytest.raises(AttributeError):
        _ = pattern("right").finds  # type: ignore[attr-defined]


ASKED = """
import gc, job.cleaning.rules
from job.cleaning.rules.late import _Late
expressions = [one for one in gc.get_objects() if type(one) is _Late]
print(len(expressions), sum("search" in vars(one) for one in expressions))
print(len([one.pattern for one in expressions]))
"""


def test_every_expression_of_the_rules_compiles_and_none_before_it_is_asked() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], cwd=PROJECT, capture_output=True, text=True, check=True)
    found, compiled_before, compiled = map(int, done.stdout.split())
    assert found == compiled > 200
    assert compiled_before == 0
