"""Failures and their exit codes."""

from __future__ import annotations

import copy

import pytest

from job.errors import BUG, EXIT_CODES, SUCCESS, ArgumentError, DataError, JobError, SettingsError, Stopped, causes
from tests.conftest import PROJECT

pytestmark = pytest.mark.light

CLASSES = [*JobError.__subclasses__(), Stopped]


def test_each_failure_has_a_code_of_its_own_and_readme_has_them_all() -> None:
    codes = [cls.exit_code for cls in CLASSES]
    assert len(codes) == len(set(codes))
    assert set(EXIT_CODES) == {*codes, SUCCESS, BUG}
    readme = (PROJECT / "README.md").read_text("utf-8")
    for code, (meaning, _) in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in readme, code


def test_the_first_digit_says_whether_another_try_is_worth_it() -> None:
    for code, (_, again) in EXIT_CODES.items():
        assert again.partition(",")[0] == {0: "", 1: "limited"}.get(code, "no" if code < 70 else "yes"), code
        assert code < 125


def test_every_failure_says_what_to_do() -> None:
    told_where_it_is_raised = {"HostUnfit"}
    assert {cls.__name__ for cls in CLASSES if not cls.remedy} == told_where_it_is_raised
    assert DataError("no rows").remedy == "Check FINETUNE_DATA_SOURCES."
    assert DataError("no rows", remedy="Add rows.").remedy == "Add rows."


def test_all_wrong_settings_are_in_one_error_that_travels_between_processes() -> None:
    error = SettingsError(["A: wrong", "B: wrong too"])
    assert str(error) == "2 settings are wrong:\n  A: wrong\n  B: wrong too"
    assert str(SettingsError(["A: wrong"])) == "1 setting is wrong:\n  A: wrong"
    assert copy.copy(error).problems == ("A: wrong", "B: wrong too")  # as pickle does
    argument = copy.copy(ArgumentError(["--image x: no"]))
    assert str(argument) == "1 argument is wrong:\n  --image x: no"
    assert "variables" not in argument.remedy


def test_a_stop_is_not_swallowed_by_an_except_of_a_library() -> None:
    assert not issubclass(Stopped, Exception)


def test_causes_are_walked_once_even_where_they_form_a_circle() -> None:
    first, second = ValueError("first"), OSError("second")
    first.__cause__, second.__context__ = second, first
    assert list(causes(first)) == [first, second]
