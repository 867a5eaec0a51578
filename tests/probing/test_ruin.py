"""A loss that doubled on a handful of rows."""

from __future__ import annotations

import pytest

from job.probing.ruin import is_ruined
from job.probing.verdict import decide
from job.results import RowLoss
from job.settings.fields import ProbeSettings
from tests.probing.made_answers import good, made_general, made_samples

pytestmark = pytest.mark.light


def rows(*pairs: tuple[float, float]) -> list[RowLoss]:
    return [RowLoss(row=row, question=row, tokens=9, base=base, tuned=tuned) for row, (base, tuned) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("losses", "ruined"),
    [
        (rows((1.5, 6), (1.4, 5), (1.6, 7)), True),
        (rows((1.5, 6)), True),
        (rows((1.5, 9), (1.4, 9), (1.6, 1.5)), False),  # one is better
        (rows((1.5, 2.5), (1.4, 2.4)), False),
        (rows((0.05, 0.2), (0.03, 0.1)), False),  # by heart
        (rows((1.5, float("nan"))), False),
        (rows((1.0, 2.0)), True),
        (rows((1.0, 1.99)), False),
        (rows((0.5, 1.0)), True),
        (rows((0.45, 0.94)), False),  # not half a nat
        (rows((1.0, 1.0), (1.0, 5.0)), False),  # one is as good
        ([], False),
    ],
)
def test_a_loss_that_doubled_on_every_row_ruins_a_model(losses: list[RowLoss], ruined: bool) -> None:
    assert is_ruined(losses) is ruined


def test_a_ruined_model_is_worse_whatever_the_number_of_rows() -> None:
    verdict = decide(rows((1.5, 6), (1.4, 5), (1.6, 7)), made_samples(3, good, good), made_general(), ProbeSettings())
    assert verdict.value == "worse"
    assert "its loss on held-out answers has at least doubled, and none of them is lower (3 rows)" in verdict.sentence
