"""How inputs differ, in words."""

from __future__ import annotations

import pytest

from job.runs.differences import difference

pytestmark = pytest.mark.light


def test_difference_names_fields() -> None:
    assert list(difference({"a": {"b": 1}}, {"a": 2})) == ['a: {"b": 1} -> 2']
    assert list(difference({"a": "x" * 78}, {"a": "ü" * 79})) == [f'a: "{"x" * 78}" -> "{"ü" * 76}...']
    assert list(difference({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4})) == ["a.c: 2 -> 3", "d: null -> 4"]
