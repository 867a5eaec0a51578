"""The state of every random generator, kept and restored."""

from __future__ import annotations

import random

import numpy
import torch


class RandomStates:
    """The states of all generators that a step may draw from, as they were when this was made."""

    def __init__(self) -> None:
        self.torch = torch.get_rng_state()
        self.numpy = numpy.random.get_state()
        self.python = random.getstate()
        self.cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []

    def restore(self) -> None:
        torch.set_rng_state(self.torch)
        numpy.random.set_state(self.numpy)
        random.setstate(self.python)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)
