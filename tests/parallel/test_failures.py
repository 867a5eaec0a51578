"""A failure means the same in the process that hears of it."""

from __future__ import annotations

import pytest

from job.errors import JobError, MemoryExhausted, SettingsError
from job.parallel.failures import error_of, told_of

pytestmark = pytest.mark.light


def test_an_error_keeps_its_code_and_its_remedy_on_the_way_to_the_leader() -> None:
    told = told_of(MemoryExhausted("Memory ran out.", remedy="Use less."))
    error = error_of("host a", told)
    assert (type(error), str(error), error.remedy) == (MemoryExhausted, "host a: Memory ran out.", "Use less.")
    assert told_of(RuntimeError("CUDA error: out of memory"))["code"] == MemoryExhausted.exit_code
    assert told_of(RuntimeError("Read error: Connection reset by peer"))["broken"]
    refused = SettingsError(["FINETUNE_MODEL_BASE: cannot be computed"])
    assert not told_of(refused)["broken"]
    refused.__cause__ = RuntimeError("Connection closed by peer")
    assert told_of(refused)["broken"], "a check met the end of another worker, and took it for a fault of the base"
    unknown = told_of(ValueError("odd"))
    assert not unknown["broken"]
    assert (unknown["code"], unknown["message"]) == (1, "ValueError: odd")
    assert type(error_of("host a", unknown)) is JobError


def test_each_wrong_setting_is_told_with_its_host_under_one_heading() -> None:
    error = error_of("host a", told_of(SettingsError(["FINETUNE_X: wrong", "FINETUNE_Y: wrong"])))
    assert type(error) is SettingsError
    assert str(error) == "2 settings are wrong:\n  host a: FINETUNE_X: wrong\n  host a: FINETUNE_Y: wrong"
    assert str(error_of("host a", {"code": 64, "message": "FINETUNE_X: wrong", "remedy": ""})) == (
        "1 setting is wrong:\n  host a: FINETUNE_X: wrong"
    )
