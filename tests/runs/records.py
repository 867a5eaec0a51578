"""Stages of a made-up run."""

from __future__ import annotations

from job.results import Choice, Result

INPUTS = {"train": {"learning_rate": 0.0002, "seed": 42}}


def answer() -> Choice:
    return Choice(value="x", reason="y")


def never() -> Choice:
    raise AssertionError("the stage ran again")


class Left(Result):
    """A result that names a file."""

    rows_path: str


def leave_nothing() -> Left:
    raise AssertionError("the stage ran again")
