"""What two paths are compared by, and what the comparison leaves behind: nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from job.modeling.batching import Row
from job.modeling.nf4 import four_bit_layers
from job.training.forward import Forward
from job.training.optimizations import comparison
from job.training.optimizations.comparison import (
    Difference,
    EqualDropout,
    InFloat32,
    Perturbed,
    difference,
    equal_dropout,
    gradients,
)
from job.training.optimizations.self_test import SelfTest
from tests.conftest import make_base
from tests.training.building import adapter, forward_of, random_rows, rows_up_to


def test_a_difference_that_is_not_a_number_is_never_accepted() -> None:
    nan = float("nan")
    for wrong in (Difference(nan, 0, 0), Difference(0, nan, 0), Difference(0, 0, nan)):
        assert not wrong.within(Difference(1, 1, 1))
        assert not Difference(0, 0, 0).worse(wrong).within(Difference(1, 1, 1))


def test_a_wrong_factor_shows_in_the_scale_and_noise_does_not() -> None:
    generator = torch.Generator().manual_seed(0)
    known = torch.randn(100_000, generator=generator)
    noise = torch.randn(100_000, generator=generator) * 0.05
    assert difference((2.0, known), (2.0, known * 1.02)).scale == pytest.approx(0.02, rel=1e-3)
    assert difference((2.0, known), (2.0, known + noise)).gradient == pytest.approx(0.05, rel=0.02)
    assert difference((2.0, known), (2.0, known + noise)).scale < 1e-3


def test_a_part_of_the_adapter_without_gradient_is_a_difference() -> None:
    assert difference((1.0, torch.ones(4)), (1.0, torch.ones(3))).gradient == 1


@pytest.mark.gpu
def test_gradients_leave_a_card_that_is_not_almost_empty(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And wherever they lie, the same is found."""
    forward, rows = forward_of(base, "bfloat16"), random_rows(3)
    with Perturbed(forward.model):
        on_card = gradients(forward, rows)
        monkeypatch.setattr(comparison, "_has_room", lambda *_: False)
        in_main_memory = gradients(forward, rows)
    assert (on_card[1].device.type, in_main_memory[1].device.type) == ("cuda", "cpu")
    doubled = on_card[0], 2 * on_card[1]
    known = difference(in_main_memory, doubled)
    assert known.scale == pytest.approx(1, rel=1e-2)
    assert difference(on_card, doubled).scale == pytest.approx(known.scale, rel=1e-4)


@pytest.mark.gpu
def test_the_reference_has_left_the_card_before_its_memory_is_measured(base: Path) -> None:
    test = SelfTest(forward_of(base, "bfloat16"), rows_up_to(60, 3))
    assert {gradient.device.type for _, gradient in test.known} == {"cuda"}
    test.enable()
    assert {gradient.device.type for _, gradient in test.known} == {"cpu"}


@pytest.mark.parametrize("everywhere", [False, True])
def test_dropout_is_met_where_it_is_called_and_all_is_afterwards_as_it_was(
    everywhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does there needs a card: test_registry.py compares with dropout in 16 bits."""
    seen: list[str] = []
    dispatch = EqualDropout.__torch_dispatch__

    def watched(self: EqualDropout, function: Any, *arguments: Any) -> Any:
        seen.append(function.name())
        return dispatch(self, function, *arguments)

    monkeypatch.setattr(EqualDropout, "__torch_dispatch__", watched)
    x, before = torch.ones(8, requires_grad=True), (torch.native_dropout, torch.nn.functional.dropout)
    with pytest.raises(KeyError), equal_dropout(everywhere=everywhere):
        torch.nn.Dropout(0.5)(x)
        assert "aten::bernoulli_.float" in seen, "of a CPU"
        torch.native_dropout(x, 0.5, True)
        assert "aten::native_dropout" in seen
        x.exp()
        assert ("aten::exp" in seen) == everywhere
        raise KeyError
    assert (torch.native_dropout, torch.nn.functional.dropout) == before


def test_the_adapter_and_the_precision_are_as_they_were(base: Path) -> None:
    forward = forward_of(base, "bfloat16")
    before = {name: (tensor.dtype, tensor.clone()) for name, tensor in forward.model.named_parameters()}
    with Perturbed(forward.model):
        assert adapter(forward).norm() > 1
        in_16_bits = gradients(forward, random_rows(3))
        with InFloat32(forward):
            assert {p.dtype for p in forward.model.parameters() if p.is_floating_point()} == {torch.float32}
            exact = gradients(forward, random_rows(3))
    assert 0 < difference(exact, in_16_bits).gradient < 0.1
    assert forward.precision == "bfloat16"
    for name, tensor in forward.model.named_parameters():
        assert tensor.dtype == before[name][0]
        assert torch.equal(tensor, before[name][1])


def test_float32_gives_its_memory_back_before_the_16_bits_return(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full card there is room for one of them only: an exception for want of memory leaves through here too."""
    forward = forward_of(base, "float16")
    inside = InFloat32(forward)
    inside.__enter__()
    holders = {id(data): tensor for tensor, data in inside.tensors}
    assert {tensor.dtype for tensor in holders.values()} == {torch.float32}
    to = torch.Tensor.to

    def on_a_full_card(data: torch.Tensor, *arguments: Any) -> torch.Tensor:
        if id(data) in holders and holders[id(data)].dtype == torch.float32:
            raise torch.OutOfMemoryError
        return to(data, *arguments)

    monkeypatch.setattr(torch.Tensor, "to", on_a_full_card)
    inside.__exit__()
    assert forward.precision == "float16"
    assert {tensor.dtype for tensor in holders.values()} == {torch.float16}


@pytest.mark.gpu
def test_a_self_test_that_runs_out_of_memory_leaves_the_precision_as_it_was(tmp_path: Path) -> None:
    """Under limits from too little to enough, so that memory runs out in every place."""
    base = make_base(tmp_path / "base", hidden_size=512, num_hidden_layers=4, intermediate_size=2048, vocab_size=32_000)
    rows = [*rows_up_to(900, 1), *random_rows(3, longest=60)]
    total = torch.cuda.get_device_properties(0).total_memory
    tested = []
    for mib in range(50, 1000, 50):
        forward = forward_of(base, "float16")
        dtypes = [parameter.dtype for parameter in forward.model.parameters()]
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + mib * 2**20) / total)
        try:
            tested.append(_tokens_tested(forward, rows))
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        forward.revert_optimizations()
        assert forward.precision == "float16"
        assert [parameter.dtype for parameter in forward.model.parameters()] == dtypes
        assert {layer.compute_dtype for layer in four_bit_layers(forward.model)} == {torch.float16}
    print(*tested)
    assert any(0 < tokens < 900 for tokens in tested)


def _tokens_tested(forward: Forward, rows: list[Row]) -> int:
    """Of the longest row; 0 if memory does not suffice for any of it."""
    try:
        test = SelfTest(forward, rows)
        test.enable()
    except torch.OutOfMemoryError:
        return 0
    return len(test.rows[0].ids)
