"""A file of the user's rules, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.settings.rule_file import UserRule, parse, read

pytestmark = pytest.mark.light


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("votes = (unclosed", "line 1: the pattern of votes is wrong: missing )"),
        ("votes: x", "line 1: 'votes: x' is not a rule"),
        ("votes = x*", "line 1: the pattern of votes matches even an empty text"),
        ("a = x\na = y", "line 2: there are two rules called a"),
        ("# nothing", "holds no rule"),
    ],
)
def test_a_bad_pattern_is_named_with_its_line(text: str, told: str) -> None:
    assert any(told in problem for problem in parse(text)[1])


def test_a_line_is_a_rule_that_cuts_or_drops(tmp_path: Path) -> None:
    path = tmp_path / "rules.txt"
    path.write_text("# mine\n\nvotes = (?i)please vote = for me\ndrop prices = \\bprice list\\b\n", "utf-8")
    assert read(path) == [
        UserRule("votes", "(?i)please vote = for me", False),
        UserRule("prices", "\\bprice list\\b", True),
    ]
    assert parse(path.read_text("utf-8"))[1] == []


def test_every_wrong_line_is_reported() -> None:
    assert [problem.partition(":")[0] for problem in parse("votes: x\nkept = y\nmore: z")[1]] == ["line 1", "line 3"]
