"""The hash of the rule set follows everything that can change a row."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from job.cleaning.rules import Rules, registry
from job.cleaning.rules import digest as module
from job.cleaning.rules.digest import digest
from job.cleaning.rules.rule import Rule
from job.settings.rule_file import UserRule
from tests.cleaning.rules.one_row import RULES

pytestmark = pytest.mark.examples

FOLDER = Path(module.__file__).parent


def test_the_hash_follows_the_options() -> None:
    assert digest(RULES) == digest(Rules(brands=("LeafTalk",), min_answer_words=1))
    assert digest(RULES) != digest(Rules(brands=("Other",), min_answer_words=1))
    assert digest(Rules(user_rules=(UserRule("a", "x", False),))) != digest(
        Rules(user_rules=(UserRule("a", "y", False),))
    )


def rule(hint: str) -> Rule:
    return Rule("snails", "snails", "own", ("inside",), cut=lambda field: field.text, hint=hint)


def test_the_hash_follows_an_entry_and_not_where_its_function_lies_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for hint in ("one", "one", "other"):
        monkeypatch.setattr(registry, "RULES", (rule(hint),))
        found.append(digest(RULES))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("changed", sorted(path.name for path in FOLDER.glob("*.py")))
def test_the_hash_follows_every_module(changed: str, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(FOLDER, tmp_path / "rules", ignore=shutil.ignore_patterns("__pycache__")))
    assert digest(RULES, folder=copy) == digest(RULES)
    with (copy / changed).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert digest(RULES, folder=copy) != digest(RULES)


def test_the_hash_follows_a_new_module_and_a_renamed_one(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(FOLDER, tmp_path / "rules", ignore=shutil.ignore_patterns("__pycache__")))
    (copy / "new_family.py").touch()
    added = digest(RULES, folder=copy)
    (copy / "new_family.py").rename(copy / "other_family.py")
    assert len({digest(RULES), added, digest(RULES, folder=copy)}) == 3
