"""Masks are told apart by what they return, not by their names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers.masking_utils import (
    and_masks,
    bidirectional_mask_function,
    causal_mask_function,
    chunked_causal_mask_function,
    or_masks,
    sliding_window_causal_mask_function,
)

from job.training.optimizations import survey

CHUNKS = chunked_causal_mask_function(8, torch.zeros(1, dtype=torch.int64))
PREFIX = or_masks(causal_mask_function, lambda _b, _h, _q, key: key < 4)


def test_the_whole_row_and_windows_are_known() -> None:
    assert survey.window_of(causal_mask_function, 40) == survey.WHOLE_ROW
    assert survey.window_of(sliding_window_causal_mask_function(8), 40) == 8
    assert survey.window_of(sliding_window_causal_mask_function(40), 40) == survey.WHOLE_ROW
    assert survey.window_of(CHUNKS, 8) == survey.WHOLE_ROW, "rows that end before the first chunk does"


@pytest.mark.parametrize(
    "mask",
    [
        CHUNKS,
        PREFIX,
        bidirectional_mask_function,
        and_masks(causal_mask_function, lambda _b, _h, _q, key: key % 2 == 0),
    ],
    ids=["chunks", "a prefix", "both directions", "every second token"],
)
def test_other_masks_are_refused(mask: Callable[..., torch.Tensor]) -> None:
    with pytest.raises(NotImplementedError, match="neither causal nor a sliding window"):
        survey.window_of(mask, 40)
