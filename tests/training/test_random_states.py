"""Every generator draws the same numbers again."""

from __future__ import annotations

import random

import numpy
import torch

from job.training.random_states import RandomStates


def test_what_was_drawn_is_drawn_again() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(numpy.random.random()), float(torch.rand(()))

    states = RandomStates()
    first = draw()
    assert draw() != first
    states.restore()
    assert draw() == first
