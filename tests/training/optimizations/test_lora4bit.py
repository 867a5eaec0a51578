"""The fused 4-bit layer with its LoRA branch does what PEFT's own layer does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from job.training.forward import Forward
from job.training.optimizations import lora4bit
from job.training.optimizations.comparison import Perturbed, gradients
from job.training.optimizations.self_test import SelfTest
from tests.training.building import BY_NAME, differences, enable, forward_of, random_rows


def test_dropout_is_kept_in_the_fused_layer(base: Path) -> None:
    """The same random numbers drop the same elements as PEFT's own layer."""
    forward = forward_of(base, dropout=0.3)
    rows = random_rows(3)
    with Perturbed(forward.model):
        forward.model.train()
        torch.manual_seed(5)
        reference = gradients(forward, rows)
        enable(forward, "lora4bit")
        torch.manual_seed(5)
        fused = gradients(forward, rows)
        torch.manual_seed(6)
        other = gradients(forward, rows)
    assert max(differences(reference, fused)) < 1e-5
    assert max(differences(reference, other)) > 1e-3


def test_the_fused_layer_sees_what_the_optimizer_has_just_written(
    forward: Forward, with_optimizations: Callable[..., Forward]
) -> None:
    """Fused optimizers change parameters without raising their version, so a copy kept between steps would go stale."""
    rows = random_rows(3)
    fused = with_optimizations("lora4bit")
    parameters = [parameter for parameter in fused.model.parameters() if parameter.requires_grad]
    before = [parameter.detach().clone() for parameter in parameters]
    first = gradients(fused, rows)
    torch.optim.AdamW(parameters, lr=0.1, fused=True).step()
    after = gradients(fused, rows)
    fused.revert_optimizations()
    assert max(differences(gradients(fused, rows), after)) < 1e-5
    assert differences(first, after)[1] > 1e-2
    with torch.no_grad():
        for parameter, values in zip(parameters, before, strict=True):
            parameter.copy_(values)


def test_without_bitsandbytes_fields_the_layers_stay_pefts(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = forward_of(base)
    test = SelfTest(forward, random_rows(6))
    monkeypatch.setattr(lora4bit, "_unpack_scales", lambda state: state.scales_of_another_version)
    (result,) = test.enable([BY_NAME["lora4bit"]])
    assert result.reason.startswith("AttributeError")
    assert not forward.native
    assert not any("forward" in vars(module) for module in forward.model.modules())


class Reading:
    """Two 4-bit layers that read `x` one after the other; `between` may change it."""

    def __init__(self, forward: Forward, between: Callable[[torch.Tensor], torch.Tensor] = lambda x: x) -> None:
        attention: Any = forward.base.model.layers[0].self_attn  # type: ignore[union-attr]
        self.layers, self.between = (attention.q_proj, attention.k_proj), between

    def __call__(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.read(x * 2)  # not a leaf, which nothing may change in place

    def read(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        first = self.layers[0](hidden)
        return first, self.layers[1](self.between(hidden))


Read = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]


def gradient_of_input(read: Read, outputs: slice = slice(None), times: int = 1) -> torch.Tensor:
    x = torch.linspace(-1, 1, 3 * 64).view(1, 3, 64).requires_grad_()
    total = torch.stack([one.square().sum() for one in read(x)[outputs]]).sum()
    found = []
    for _ in range(times):
        x.grad = None
        total.backward(retain_graph=times > 1)
        assert x.grad is not None, "nothing was handed on"
        found.append(x.grad)
    assert all(torch.equal(one, found[0]) for one in found)
    return found[0]


BETWEEN = {
    "the same tensor": lambda x: x,
    "a view of it": lambda x: x[:],
    "another": lambda x: x + 1,
    "changed in place": lambda x: x.mul_(3),
}
ADAPTED = {
    "both": ("q_proj", "k_proj"),
    "one": ("k_proj",),
    "none, which keep nothing of it": ("down_proj",),
}


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_layer_that_is_computed_again_counts_once(reentrant: bool, base: Path) -> None:
    """In the backward pass, perhaps of the very tensor that it has read before."""
    forward = forward_of(base)
    reading = Reading(forward)

    def again(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found: Any = checkpoint(reading.read, x * 2, use_reentrant=reentrant)
        return found

    with Perturbed(forward.model):
        known = gradient_of_input(again)
        enable(forward, "lora4bit")
        ours = gradient_of_input(again)
    torch.testing.assert_close(ours, known, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("missing", ["_graph_task", "_after_backward"])
def test_where_pytorch_does_not_say_so_each_layer_hands_on_its_own(
    missing: str, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = forward_of(base)
    reading = Reading(forward)
    monkeypatch.setattr(lora4bit, missing, None)
    with Perturbed(forward.model):
        known = gradient_of_input(reading)
        enable(forward, "lora4bit")
        ours = gradient_of_input(reading, times=2)
    torch.testing.assert_close(ours, known, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("adapted", ADAPTED)
def test_layers_that_read_one_tensor_add_up_its_gradient(between: str, adapted: str, base: Path) -> None:
    forward = forward_of(base, targets=ADAPTED[adapted])
    reading = Reading(forward, BETWEEN[between])
    if between == "changed in place" and adapted == "both":
        pytest.skip("PyTorch refuses it: the first layer has kept the tensor")
    with Perturbed(forward.model):
        known = gradient_of_input(reading)
        enable(forward, "lora4bit")
        ours = gradient_of_input(reading, times=2)
    torch.testing.assert_close(ours, known, rtol=1e-5, atol=1e-6)


def test_the_sum_is_handed_on_once_and_whole(base: Path) -> None:
    """A layer whose result nobody uses would keep it: that ends the backward pass, on whatever rows it happens."""
    forward = enable(forward_of(base), "lora4bit")
    seen: list[bool] = []
    handed_on = lora4bit.Readers.handed_on

    def watched(self: lora4bit.Readers, shape: torch.Size) -> torch.Tensor | None:
        found = handed_on(self, shape)
        seen.append(found is not None)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lora4bit.Readers, "handed_on", watched)
        gradient_of_input(Reading(forward))
        assert seen == [False, True]
    with pytest.raises(RuntimeError, match="the results of 2 layers that read one tensor have not all been used"):
        gradient_of_input(Reading(forward), slice(1))


def test_a_leaf_may_be_read_in_several_passes(base: Path) -> None:
    forward = forward_of(base)
    x = torch.linspace(-1, 1, 3 * 64).view(1, 3, 64).requires_grad_()

    def three_passes() -> list[torch.Tensor]:
        return [
            torch.autograd.grad(sum(one.square().sum() for one in Reading(forward).read(x)), x)[0]  # type: ignore[arg-type]
            for _ in range(3)
        ]

    with Perturbed(forward.model):
        known = three_passes()
        enable(forward, "lora4bit")
        for ours, right in zip(three_passes(), known, strict=True):
            torch.testing.assert_close(ours, right, rtol=1e-5, atol=1e-6)


def test_a_layer_whose_result_is_not_used_fails_the_self_test(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = forward_of(base)
    mlp = type(forward.base.model.layers[0].mlp)  # type: ignore[union-attr]

    def wasteful(self: Any, x: torch.Tensor) -> torch.Tensor:
        used: torch.Tensor = self.down_proj(self.act_fn(self.gate_proj(x)))
        self.up_proj(x)
        return used

    monkeypatch.setattr(mlp, "forward", wasteful)
    (result,) = SelfTest(forward, random_rows(3)).enable([BY_NAME["lora4bit"]])
    assert not result.on and "have not all been used" in result.reason
