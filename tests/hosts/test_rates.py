"""Cards by the names that the driver gives them."""

from __future__ import annotations

import pytest

from job.hosts.rates import CARDS, rate_of


@pytest.mark.light
def test_a_card_is_known_by_its_name_and_no_other_is_taken_for_it() -> None:
    names = ("Tesla T4", "NVIDIA L4", "NVIDIA A100-SXM4-40GB", "NVIDIA H100 80GB HBM3")
    rates = [rate_of(name) for name in names]
    assert rates == [card.tensor_tflops * card.held for card in CARDS]
    assert rates == sorted(rates)  # type: ignore[type-var]
    assert [rate_of(name) for name in ("NVIDIA L40S", "Tesla T40", "NVIDIA GeForce RTX 4090", "")] == [None] * 4
