"""Batches in processes: order, failures, and a process that dies. Light, since every process imports this module anew."""

from __future__ import annotations

import os

import pytest

from job.cleaning import parallel
from job.errors import HostUnfit, SettingsError

pytestmark = pytest.mark.light


def _fails_on_seven(number: int) -> int:
    if number == 7:
        raise SettingsError(["FINETUNE_DATA_RULES_FILE: seven"])
    return number


def _dies_on_seven(number: int) -> int:
    if number == 7:
        os._exit(9)
    return number


def test_results_come_in_order_and_a_failure_comes_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "FIRST", 2)
    assert list(parallel.in_order(abs, range(-20, 0), 2)) == list(range(20, 0, -1))
    with pytest.raises(SettingsError) as caught:
        list(parallel.in_order(_fails_on_seven, range(12), 2))
    assert caught.value.problems == ("FINETUNE_DATA_RULES_FILE: seven",)


def test_a_process_that_is_ended_from_outside_is_exit_68(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "FIRST", 2)
    with pytest.raises(HostUnfit, match="ended from outside") as caught:
        list(parallel.in_order(_dies_on_seven, range(12), 2))
    assert "FINETUNE_DATA_WORKERS=1" in caught.value.remedy
