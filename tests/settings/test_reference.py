"""Every variable in words."""

from __future__ import annotations

import pytest

from job.settings.reference import example_env, variables
from tests.conftest import PROJECT

pytestmark = pytest.mark.light


def test_example_env_is_current() -> None:
    assert (PROJECT / "env" / "example.env").read_text("utf-8") == example_env(), (
        "run: python -m job.settings > env/example.env"
    )


def test_every_variable_says_what_it_does() -> None:
    for variable in variables():
        assert variable.sentence.endswith("."), variable.name


def test_types_bounds_and_defaults_are_shown_as_an_env_file_holds_them() -> None:
    known = {variable.name.removeprefix("FINETUNE_"): variable for variable in variables()}
    rate, scheduler, seed = (known[f"TRAIN_{name}"] for name in ("LEARNING_RATE", "LR_SCHEDULER", "SEED"))
    assert (rate.kind, rate.bounds, rate.default) == ("number", "> 0, <= 1", "0.0002")
    assert (scheduler.kind, scheduler.bounds) == ("choice", "linear|cosine|constant")
    assert seed.bounds == ">= 0, < 4294967296"
    assert (known["DATA_CLEANING"].kind, known["DATA_CLEANING"].default) == ("list", "auto")
    assert known["HUB_PRIVATE"].default == "true"
    assert known["DATA_SOURCES"].default == ""
    assert [name for name, variable in known.items() if variable.required] == ["DATA_SOURCES"]
