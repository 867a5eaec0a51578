"""Tests and intervals against values that can be had otherwise: closed forms, published tables, simulation."""

from __future__ import annotations

import math
import time

import numpy
import pytest

from job.probing.statistics import (
    FEWEST_QUESTIONS,
    bootstrap,
    detectable_rate,
    holm,
    mean_interval,
    p_at_most,
    p_mean_above,
    p_mean_below,
    p_rate_harm,
    p_rate_safe,
    rate_interval,
    rate_score,
    reach,
    rows_for,
    rows_without_event,
    t_quantile,
    t_tail,
)

pytestmark = pytest.mark.examples


# --- means -----------------------------------------------------------------------------------------------------------


def test_students_t_is_that_of_the_tables() -> None:
    for freedom, quantile in ((1, 12.706), (4, 2.776), (11, 2.201), (100, 1.984)):
        assert t_quantile(0.975, freedom) == pytest.approx(quantile, abs=0.001)
    assert t_tail(-2.776, 4) == pytest.approx(0.025, abs=1e-4)
    assert t_quantile(0.975, 5000) == pytest.approx(1.96, abs=0.001)


def test_the_interval_is_the_same_each_time_and_about_students() -> None:
    values = numpy.random.default_rng(3).normal(0.1, 1, 200).tolist()
    found = bootstrap(values, range(200), seed=1)
    assert found == bootstrap(values, range(200), seed=1)
    by_hand = mean_interval(values)
    assert found.estimate == pytest.approx(by_hand.estimate)
    assert found.low == pytest.approx(by_hand.low, abs=0.03)
    assert found.high == pytest.approx(by_hand.high, abs=0.03)


def test_rows_of_one_question_are_no_more_than_one() -> None:
    values = numpy.random.default_rng(3).normal(0, 1, 50)
    once = bootstrap(values.tolist(), range(50))
    four_times = bootstrap(numpy.repeat(values, 4).tolist(), numpy.repeat(numpy.arange(50), 4).tolist())
    assert four_times.error == pytest.approx(once.error)
    as_if_apart = bootstrap(numpy.repeat(values, 4).tolist(), range(200))
    assert as_if_apart.error == pytest.approx(once.error / 2, rel=0.05)


def test_values_without_spread_have_an_interval_without_width() -> None:
    assert bootstrap([0.0] * 10, range(10))[:3] == (0, 0, 0)
    assert bootstrap([0.1] * 10, range(10)).high == pytest.approx(0.1)


def test_one_row_far_off_widens_the_interval_on_its_side() -> None:
    found = bootstrap([0.0] * 19 + [1.0], range(20))
    assert found.high - found.estimate > 2 * (found.estimate - found.low)
    assert math.isfinite(found.high)


@pytest.mark.parametrize("questions", [FEWEST_QUESTIONS, 12])
def test_few_rows_with_heavy_tails_miss_no_more_often_than_they_say(questions: int) -> None:
    missed = 0
    for number in range(200):
        values = numpy.random.default_rng(number).standard_t(3, questions)
        found = bootstrap(values.tolist(), range(questions), seed=number)
        missed += found.low > 0 or found.high < 0
    assert missed <= 0.08 * 200  # a percentile bootstrap misses in 12 % of samples of 6 questions


def test_a_hundred_thousand_rows_take_no_second() -> None:
    values = numpy.random.default_rng(3).standard_t(3, 100_000)
    start = time.process_time()
    found = bootstrap(values.tolist(), (numpy.arange(100_000) // 2).tolist())
    assert time.process_time() - start < 2
    pairs = values.reshape(-1, 2).mean(axis=1)
    assert found.error == pytest.approx(pairs.std() / math.sqrt(len(pairs)), rel=0.1)


def test_a_sample_without_spread_proves_no_more_than_its_rows() -> None:
    assert p_mean_below([0.0] * 4, 0.5) == 0.5**4
    assert p_mean_below([0.0] * 12, 0.1, floor=0.9) == pytest.approx(0.9**12)
    assert p_mean_below([0.0], 0.5) == 1
    assert p_mean_above([0.7] * 4, 0.5) == 0.5**4


# --- paired rates ----------------------------------------------------------------------------------------------------


def test_no_event_in_twelve_rows_excludes_nothing() -> None:
    found = rate_interval(0, 0, 12)
    assert found.high == pytest.approx(3.8415 / (12 + 3.8415), abs=1e-4)  # Wilson's bound, of which this is a case
    assert found.low == -found.high
    assert p_rate_safe(0, 0, 12, 0.1) == pytest.approx(0.9**12, rel=1e-6)
    assert p_rate_safe(0, 0, 28, 0.1) > 0.05 >= p_rate_safe(0, 0, 29, 0.1)


@pytest.mark.parametrize(("harmed", "helped", "rows", "margin"), [(1, 7, 21, 0.1), (12, 2, 50, 0.05), (0, 3, 30, 0.2)])
def test_the_score_takes_the_likeliest_rates_at_the_margin(harmed: int, helped: int, rows: int, margin: float) -> None:
    """Found here by looking at a hundred thousand rates."""
    rates = numpy.linspace(1e-7, (1 - margin) / 2 - 1e-7, 100_000)
    likelihood = harmed * numpy.log(rates + margin) + helped * numpy.log(rates)
    likelihood += (rows - harmed - helped) * numpy.log(1 - 2 * rates - margin)
    best = rates[likelihood.argmax()]
    deviation = math.sqrt(rows * (2 * best + margin - margin**2))
    expected = (harmed - helped - rows * margin) / deviation
    assert float(rate_score(harmed, helped, rows, margin)) == pytest.approx(expected, abs=1e-3)


def test_the_score_interval_is_that_of_the_literature() -> None:
    """Airway hyper-responsiveness before and after a transplantation, 1 and 7 of 21 pairs (Fagerland, Lydersen and Laake 2014,
    Statistics in Medicine 33:2850)."""
    assert rate_interval(1, 7, 21)[1:3] == pytest.approx((-0.517, -0.026), abs=0.001)


def test_the_score_is_that_of_the_closed_form_where_there_is_no_margin() -> None:
    assert float(rate_score(9, 4, 60, 0.0)) == pytest.approx(5 / math.sqrt(13))


def test_harm_is_the_exact_sign_test() -> None:
    assert p_rate_harm(5, 0) == 1 / 32
    assert p_rate_harm(0, 0) == 1
    assert p_rate_harm(3, 1) == pytest.approx(5 / 16)
    assert p_rate_harm(600, 500) == pytest.approx(0.0014, abs=1e-4)


@pytest.mark.parametrize("helped_rate", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("rows", [12, 60])
def test_a_harm_of_the_margin_passes_in_five_percent(rows: int, helped_rate: float) -> None:
    outcomes = numpy.random.default_rng(rows).multinomial(
        rows, [0.1 + helped_rate, helped_rate, 0.9 - 2 * helped_rate], 3000
    )
    passed = sum(p_rate_safe(int(harmed), int(helped), rows, 0.1) <= 0.05 for harmed, helped, _ in outcomes)
    assert passed <= 0.062 * 3000  # 5 % and three standard errors


def test_more_rows_than_the_exact_test_takes_are_judged_much_alike() -> None:
    assert p_rate_safe(10, 10, 200, 0.1) == pytest.approx(p_rate_safe(10, 10, 201, 0.1), rel=0.5)
    assert p_rate_safe(30, 30, 5000, 0.1) < 1e-9


def test_a_binomial_tail_is_its_sum() -> None:
    assert p_at_most(1, 3, 0.5) == pytest.approx(0.5)
    assert p_at_most(0, 29, 0.1) == pytest.approx(0.9**29)


# --- several, and how many rows --------------------------------------------------------------------------------------


def test_holm_steps_down_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_the_detectable_harm_is_seen_in_four_of_five_samples() -> None:
    harm = detectable_rate(5, 5, 100)
    outcomes = numpy.random.default_rng(1).multinomial(100, [0.05 + harm, 0.05, 0.9 - harm], 1000)
    shown = sum(p_rate_harm(int(harmed), int(helped)) <= 0.05 for harmed, helped, _ in outcomes)
    assert 700 <= shown <= 900
    assert detectable_rate(0, 0, 1) == pytest.approx(1)


def test_rows_that_would_do() -> None:
    assert reach() == pytest.approx(1.645 + 0.842, abs=0.001)
    assert rows_for(0.23, 0.023, 0.025) == 785
    assert rows_without_event(0.1) == 29
