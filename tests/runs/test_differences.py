"""How inputs differ, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.runs.differences import difference, refusal

pytestmark = pytest.mark.light


def test_difference_names_fields() -> None:
    assert list(difference({"a": {"b": 1}}, {"a": 2})) == ['a: {"b": 1} -> 2']
    assert list(difference({"a": "x" * 78}, {"a": "ü" * 79})) == [f'a: "{"x" * 78}" -> "{"ü" * 76}...']
    assert list(difference({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4})) == ["a.c: 2 -> 3", "d: null -> 4"]


def test_a_refusal_names_each_difference_and_why_the_result_stays(tmp_path: Path) -> None:
    assert refusal(tmp_path, "probe", {"a": 1}, {"a": 1}, "It is published.") is None
    found = refusal(tmp_path, "probe", {"a": 1}, {"a": 2}, "It is published.")
    assert found and str(found).endswith("with other settings (probe):\n  a: 1 -> 2\n  It is published.")
    other = refusal(tmp_path, "probe", {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, "")
    assert other and "another version of this program, which did not have a.c (probe)" in str(other)
