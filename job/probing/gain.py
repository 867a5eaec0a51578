"""How much lower the loss has to be to count as better."""

from __future__ import annotations

LEAST_NATS = 0.01
"""A token, whatever the share: the probability of each is one percent higher. Of the loss of a base that knows the data already
every change is a large share: from 0.066 to 0.061 nats, 76 of 90 answers stayed as they were, the rest became no better. Above
a loss of one nat, where nearly all runs begin, the default share asks for more."""


def least_gain(base: float, share: float) -> float:
    """In nats. `share`: FINETUNE_PROBE_MIN_GAIN, of the base's loss; with 0, any gain counts."""
    return max(share * base, LEAST_NATS) if share else 0.0
