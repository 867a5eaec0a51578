"""A step whose gradients overflow at float16's loss scale is counted, by the optimizer that says so and by the fused one."""

from __future__ import annotations

import pytest
import torch

from job.training.skipped import SkippedSteps


@pytest.mark.parametrize("fused", [True, False])
def test_a_step_that_changes_nothing_is_counted(fused: bool) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([weight], fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    skipped = SkippedSteps(before=3)
    seen = []
    for gradient in (1.0, 2.0, 4.0, 1.0, 1.0):
        before = weight.detach().clone()
        scaler.scale((weight * gradient).sum()).backward()
        skipped.begin(scaler)
        scaler.step(optimizer)
        scaler.update()
        skipped.end(scaler)
        optimizer.zero_grad()
        seen.append(torch.equal(weight.detach(), before))
    assert seen == [False, True, True, False, False]
    assert skipped.total == 3 + 2


def test_without_a_loss_scale_no_step_is_skipped() -> None:
    skipped = SkippedSteps()
    skipped.begin(None)
    skipped.end(None)
    assert skipped.total == 0
