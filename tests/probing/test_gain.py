"""How much lower the loss has to be."""

from __future__ import annotations

import pytest

from job.probing.gain import least_gain

pytestmark = pytest.mark.light


def test_a_share_of_the_loss_and_near_zero_a_hundredth_of_a_nat() -> None:
    assert least_gain(2.3, 0.01) == pytest.approx(0.023)
    assert least_gain(0.066, 0.01) == 0.01
    assert least_gain(0.066, 0) == 0
