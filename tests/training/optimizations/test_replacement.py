"""Another forward function stands on one module alone, and goes without a trace."""

from __future__ import annotations

import torch

from job.training.optimizations.replacement import replace_forward, revert_all


def test_one_module_is_replaced_and_not_its_class() -> None:
    one, other = torch.nn.Identity(), torch.nn.Identity()
    x = torch.ones(2)
    revert = replace_forward(one, lambda self, x: x + (1 if self is one else 0))
    assert one(x).tolist() == [2, 2]
    assert other(x).tolist() == [1, 1]
    revert_all([revert])
    assert one(x).tolist() == [1, 1]
    revert()  # once more is harmless
