"""The user's own cleaning rules: a file of named patterns. Imports no heavy library.

# cuts what the pattern finds in an answer
vote_request = (?i)please vote for this answer\\.?
# drops a row whose answer holds the pattern
drop price_list = (?i)\\bprice list\\b
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import regex

from job.settings.files import read_file

LINE = re.compile(r"(?P<drop>drop\s+)?(?P<name>[a-z][a-z0-9_]{0,39})\s*=\s*(?P<pattern>.+)")
SECONDS = 1.0
"""Time limit for one pattern on one answer; sane patterns take microseconds."""


@dataclass(frozen=True)
class UserRule:
    name: str
    pattern: str
    drops: bool


def parse(text: str) -> tuple[list[UserRule], list[str]]:
    """(rules, problems): every problem with its line."""
    rules: list[UserRule] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if not match:
            problems.append(
                f"line {number}: '{line[:60]}' is not a rule; a line is `name = pattern` or `drop name = pattern`"
            )
            continue
        problems += [f"line {number}: {problem}" for problem in _problems(match["name"], match["pattern"], rules)]
        rules.append(UserRule(match["name"], match["pattern"], bool(match["drop"])))
    if not rules and not problems:
        problems.append("holds no rule; a line is `name = pattern` or `drop name = pattern`")
    return rules, problems


def _problems(name: str, pattern: str, before: list[UserRule]) -> Iterator[str]:
    if any(rule.name == name for rule in before):
        yield f"there are two rules called {name}"
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        yield f"the pattern of {name} is wrong: {error}"
        return
    if compiled.search(""):
        yield f"the pattern of {name} matches even an empty text"


def read(path: Path) -> list[UserRule]:
    """The rules of a file that has passed the checks of the settings."""
    return parse(read_file(path))[0]
