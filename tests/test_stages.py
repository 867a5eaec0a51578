"""The stages: what of theirs may be made again, and what others have."""

from __future__ import annotations

import pytest

from job.results import Exported, Probed, Pushed, Result
from job.stages import STAGES, Stage

pytestmark = pytest.mark.light


def stage_of(result: type[Result]) -> Stage:
    return next(stage for stage in STAGES if stage.result is result)


def test_the_probe_is_replaced_until_its_adapter_is_published() -> None:
    probe, push = stage_of(Probed), stage_of(Pushed)
    assert probe.replaceable({})
    assert [push.published({"skipped": skipped}) for skipped in (True, False)] == [False, True]
    assert push.again({"is_public": True}) and not push.again({"skipped": True})


def test_other_forms_are_added_to_what_was_published() -> None:
    assert [stage for stage in STAGES if stage.only_adds] == [stage_of(Exported)]
