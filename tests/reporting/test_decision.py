"""The verdict's figures as a table."""

from __future__ import annotations

from job.reporting.decision import decision_rows, in_words, words_of
from job.results import Broken, Estimate
from tests.sample_results import estimate, guardrail, verdict


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u2212", "-")


def test_the_loss_comes_first_and_guardrails_follow_with_their_margins() -> None:
    loss, stopped = decision_rows(verdict(), 0.01)
    assert (loss.base, loss.tuned, plain(loss.change), loss.judgement) == ("2.31", "1.42", "-0.890", "better")
    assert plain(loss.interval) == "-0.950 to -0.830"
    assert (loss.margin, loss.rows, loss.detectable) == ("", "50", "0.080")
    assert plain(stopped.change) == "+60 points"
    assert (plain(stopped.margin), stopped.judgement) == ("-10 points", "no worse")


def test_whether_answers_are_of_use_has_a_row_though_it_is_no_guardrail() -> None:
    broken = Broken(
        **estimate(name="broken_share", base=0.1, tuned=0.9, difference=0.8, low=0.6, high=0.9),
        p_most=0,
        p_more=0,
        state="violated",
    )
    row = decision_rows(verdict(broken=broken), 0.01)[1]
    assert row.words.startswith("is of no use")
    assert (row.tuned.replace("\u00a0", " "), row.margin, row.judgement) == (
        "90 %",
        "most of the tuned model's",
        "most",
    )
    few = broken.model_copy(update={"tuned": 0.0, "state": "passed"})
    assert decision_rows(verdict(broken=few), 0.01)[1].judgement == "not most"


def test_harm_and_doubt_have_their_words() -> None:
    states = {
        state: decision_rows(verdict(gain=None, guardrails=[guardrail("kl", state=state)]), 0.01)[0].judgement
        for state in ("passed", "undecided", "violated")
    }
    assert states == {"passed": "no worse", "undecided": "undecided", "violated": "worse"}


def test_the_loss_is_better_only_where_the_gain_is_shown_and_as_large_as_asked() -> None:
    def judged(low: float, high: float, least: float = 0.01) -> str:
        gain = Estimate(**estimate(base=2.0, difference=(low + high) / 2, low=low, high=high))
        return decision_rows(verdict(gain=gain, guardrails=[]), least)[0].judgement

    assert [judged(0.1, 0.3), judged(-0.1, 0.1), judged(-0.3, -0.1)] == ["worse", "undecided", "better"]
    assert judged(-0.0004, -0.0002) == judged(0.0002, 0.0004) == "less than asked"
    assert judged(-0.0004, 0.3) == "less than asked"
    assert judged(-0.3, -0.1, least=0.2) == "less than asked"
    assert judged(-0.3, -0.1, least=0.12) == "undecided", "it may be as large as asked"
    assert judged(-0.0004, -0.0002, least=0) == "better"
    near_zero = Estimate(**estimate(base=0.066, difference=-0.005, low=-0.006, high=-0.004))
    assert decision_rows(verdict(gain=near_zero, guardrails=[]), 0.01)[0].judgement == "less than asked"


def test_every_figure_has_words() -> None:
    assert words_of("loss") == "loss of the held-out rows, mean over rows"
    assert words_of("stopped_share") == "stops by itself before the token limit"
    assert words_of("unknown") == "unknown"


def test_reasons_are_said_in_words() -> None:
    assert in_words("No harm in 1 check: empty_share.") == "No harm in 1 check: “is empty”."
