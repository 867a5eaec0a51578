"""Samples and the split, on keys that stand for a random order."""

from __future__ import annotations

import numpy
import pytest

from job.cleaning.split import held_out, leaked, leaked_rows, smallest

pytestmark = pytest.mark.light

KEYS = numpy.array([50, 10, 40, 20, 30], dtype=numpy.uint64)
ALL = numpy.ones(5, dtype=bool)
ALONE = numpy.arange(5)


def test_a_sample_is_the_rows_with_the_smallest_keys() -> None:
    assert smallest(KEYS, ALL, 2).tolist() == [False, True, False, True, False]
    assert smallest(KEYS, KEYS > 10, 2).tolist() == [False, False, False, True, True]
    assert smallest(KEYS, ALL, 9).all()


def test_a_share_is_held_out_at_least_one_row_and_never_all() -> None:
    assert held_out(KEYS, ALONE, ALL, 0.4).tolist() == [False, True, False, True, False]
    assert held_out(KEYS, ALONE, ALL, 0.01).sum() == 1
    assert held_out(KEYS, ALONE, ALL, 1.0).sum() == 4
    assert not (held_out(KEYS, ALONE, KEYS > 10, 0.5) & (KEYS <= 10)).any()


def test_groups_are_held_out_whole() -> None:
    groups = numpy.array([0, 1, 1, 3, 3])
    assert held_out(KEYS, groups, ALL, 0.4).tolist() == [False, True, True, False, False]


def test_a_group_that_does_not_fit_is_passed_over() -> None:
    assert held_out(KEYS, numpy.array([0, 1, 1, 3, 3]), ALL, 0.2).tolist() == [True, False, False, False, False]
    assert held_out(KEYS, numpy.array([0, 1, 1, 3, 3]), ALL, 0.6).tolist() == [True, True, True, False, False]


def test_a_frequent_question_takes_no_evaluation_row_from_the_others() -> None:
    groups = numpy.arange(1000)
    groups[:200] = 0
    everyone = numpy.ones(1000, dtype=bool)
    for seed in range(20):
        keys = numpy.random.default_rng(seed).permutation(1000).astype(numpy.uint64)
        chosen = held_out(keys, groups, everyone, 0.1)
        assert (chosen.sum(), leaked(groups, chosen, ~chosen)) == (100, 0)


def test_single_rows_are_held_out_where_no_group_fits() -> None:
    assert held_out(KEYS, numpy.zeros(5, dtype=int), ALL, 0.4).tolist() == [False, True, False, True, False]
    assert held_out(KEYS, numpy.array([0, 0, 1, 1, 1]), ALL, 0.2).tolist() == [False, True, False, False, False]


def test_rows_leak_when_their_group_is_on_both_sides() -> None:
    count = 1000
    everyone = numpy.ones(count, dtype=bool)
    assert leaked_rows(numpy.arange(count), everyone, 0.1, seed=1) == (0, 100)
    assert leaked_rows(numpy.zeros(count, dtype=int), everyone, 0.1, seed=1) == (100, 100)
    leaked, of = leaked_rows(numpy.arange(count) // 2, everyone, 0.1, seed=1)
    assert of == 100 and 70 <= leaked <= 98  # in pairs: nine of ten have the other row in training
