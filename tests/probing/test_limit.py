"""Where answers of the data are longer than those of the probe may be."""

from __future__ import annotations

import logging

import pytest

from job.probing import limit
from job.results import Skipped
from tests.sample_results import sample, verdict

pytestmark = pytest.mark.light


def test_one_answer_in_ten_above_the_limit_is_no_warning_and_more_are() -> None:
    assert limit.warning([300] * 10 + [60] * 90, 256) == ""
    assert limit.warning([256] * 11 + [60] * 89, 256), "the stop token takes one more"
    assert not limit.warning([255] * 100, 256)
    said = limit.warning([300] * 11 + [60] * 89, 256)
    assert said.startswith("FINETUNE_PROBE_MAX_NEW_TOKENS (256) is less than 11 of 100 answers of the data take")
    assert said.endswith("301 is enough for 95 %")
    assert limit.warning([], 256) == ""


def test_the_log_of_the_probe_says_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        limit.warn([2], 3)
        assert not caplog.records
        limit.warn([5], 3)
    assert "FINETUNE_PROBE_MAX_NEW_TOKENS (3) is less than 1 of 1 answers" in caplog.text


def test_a_score_that_applies_to_no_answer_names_the_limit_that_cut_them() -> None:
    none = Skipped(name="other_length_share", reason="it applies to none of the answers")
    left_out = Skipped(name="stopped_share", reason="FINETUNE_PROBE_MARGINS leaves it out")
    other = Skipped(name="same_answer_share", reason="it applies to none of the answers")
    before = verdict(skipped=[none, left_out, other])
    cut = sample(base_scores={"stopped_share": 1.0}, tuned_scores={"looping_share": 0.0})
    whole = sample(base_scores={"stopped_share": 1.0}, tuned_scores={"stopped_share": 1.0})
    said = [one.reason for one in limit.with_cause(before, [cut, whole], 96).skipped]
    assert said[0] == f"{none.reason}: FINETUNE_PROBE_MAX_NEW_TOKENS (96) cut 1 of 2 before their end"
    assert said[1:] == [left_out.reason, other.reason]
    assert limit.with_cause(before, [whole], 96) == before
