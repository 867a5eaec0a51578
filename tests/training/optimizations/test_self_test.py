"""The self-test can say no: mistakes are rejected and nothing of them is left. That it says yes to correct optimizations on
every family is in test_families.py."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from job.modeling.batching import Row
from job.modeling.layers import decoder_layers
from job.training.forward import Forward, Revert
from job.training.optimizations import self_test
from job.training.optimizations.comparison import Perturbed, gradients
from job.training.optimizations.registry import OPTIMIZATIONS, Entry
from job.training.optimizations.self_test import SelfTest, lost
from tests.families import FAMILIES, make_family_base
from tests.mutants import MUTANTS, Mutant
from tests.training.building import BY_NAME, ON_A_CPU, differences, forward_of, random_rows, rows_up_to

FAMILY = {family.name: family for family in FAMILIES}


def entry_of(mutant: Mutant) -> Entry:
    return Entry("mutant", mutant.name, mutant.enable)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_is_rejected_and_reverted(mutant: Mutant, tmp_path: Path) -> None:
    forward = forward_of(make_family_base(tmp_path, FAMILY[mutant.family]), dropout=0.05)
    rows = rows_up_to(120, 8)
    with Perturbed(forward.model):
        before = gradients(forward, rows)
    (result,) = SelfTest(forward, rows).enable([entry_of(mutant)])
    assert not result.on
    assert result.reason.startswith("differs from the reference path")
    with Perturbed(forward.model):
        assert differences(before, gradients(forward, rows)) == (0, 0)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_in_16_bits_a_mistake_is_found_in_float32(mutant: Mutant, tmp_path: Path) -> None:
    """A norm whose epsilon is wrong moves a gradient by less than bfloat16's rounding does."""
    forward = forward_of(make_family_base(tmp_path, FAMILY[mutant.family]), "bfloat16", dropout=0.05)
    before = [parameter.dtype for parameter in forward.model.parameters()]
    (result,) = SelfTest(forward, rows_up_to(120, 8)).enable([entry_of(mutant)])
    assert not result.on
    assert result.reason.startswith("differs from the reference path in float32")
    assert [parameter.dtype for parameter in forward.model.parameters()] == before


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_where_no_float32_fits_a_mistake_larger_than_rounding_is_found(mutant: Mutant, tmp_path: Path) -> None:
    """The epsilon, which moves a gradient by 6e-2, is what that misses."""
    forward = forward_of(make_family_base(tmp_path, FAMILY[mutant.family]), "bfloat16", dropout=0.05)
    test = SelfTest(forward, rows_up_to(120, 8))
    test.exact = False
    with Perturbed(forward.model):
        test._measure()
    (result,) = test.enable([entry_of(mutant)])
    assert result.on == (mutant.name == "a wrong norm epsilon")


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma3", "phi3", "granite"])
def test_correct_optimizations_pass_in_16_bits(family: str, tmp_path: Path) -> None:
    forward = forward_of(make_family_base(tmp_path, FAMILY[family]), "bfloat16", dropout=0.05)
    results = SelfTest(forward, rows_up_to(120, 8)).enable(ON_A_CPU)
    assert {result.name for result in results if not result.on} == set(FAMILY[family].off), results


def test_where_the_reference_path_differs_from_itself_nothing_can_be_compared(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = forward_of(base, "bfloat16", dropout=0.05)
    real = forward.loss_sum
    monkeypatch.setattr(forward, "loss_sum", lambda rows: real(rows) * (1 if forward.precision == "float32" else 1.7))
    (result,) = SelfTest(forward, rows_up_to(120, 8)).enable([BY_NAME["sliced_head"]])
    assert result.reason.startswith("cannot be compared: the reference path in bfloat16 differs from float32")


def test_one_that_fails_is_reverted_and_the_others_stay(forward: Forward) -> None:
    def wrong(forward: Forward, _: int) -> Revert:
        """By a tenth of a percent."""
        norm = forward.base.get_decoder().norm.weight
        norm.data.mul_(1.001)
        return lambda: norm.data.div_(1.001)

    rows = random_rows(3)
    reference = gradients(forward, rows)
    first, *others = OPTIMIZATIONS
    results = {one.name: one for one in SelfTest(forward, rows).enable([first, Entry("wrong", "", wrong), *others])}
    assert "differs from the reference path" in results["wrong"].reason
    assert {name for name, one in results.items() if one.on} >= {"packed_rows", "sliced_head", "lora4bit"}
    forward.revert_optimizations()
    assert max(differences(reference, gradients(forward, rows))) < 1e-6


def test_what_keeps_several_off_is_one_warning_that_names_them(forward: Forward) -> None:
    """As without NVRTC, which several kernels need."""

    def needing(what: str) -> Entry:
        def enable(forward: Forward, longest: int) -> Revert:
            raise NotImplementedError(what)

        return Entry(f"needs_{len(what)}", "Nothing.", enable)

    right = Entry("right", "Nothing.", lambda *_: lambda: None)
    found = SelfTest(forward, random_rows(4)).enable([needing("NVRTC"), right, needing("Triton"), needing("NVRTC")])
    assert lost(found) == {
        "NotImplementedError: NVRTC": ["needs_5", "needs_5"],
        "NotImplementedError: Triton": ["needs_6"],
    }
    forward.revert_optimizations()


def counted(test: SelfTest, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every comparison, by its budget."""
    calls: list[int] = []
    real = test.compare
    monkeypatch.setattr(test, "compare", lambda budget=0: (calls.append(budget), real(budget))[1])
    return calls


def test_where_nothing_differs_all_are_compared_at_once(forward: Forward, monkeypatch: pytest.MonkeyPatch) -> None:
    test = SelfTest(forward, random_rows(3))
    comparisons = counted(test, monkeypatch)
    results = test.enable()
    assert len(comparisons) == 1
    assert [one.name for one in results if one.on] == [entry.name for entry in ON_A_CPU]
    assert all("GPU" in one.reason for one in results if not one.on)
    forward.revert_optimizations()
    each = {one.name: one for one in test.enable_one_by_one()}
    forward.revert_optimizations()
    assert [(one.name, one.on, one.reason) for one in results] == [
        (one.name, one.on, one.reason) for one in each.values()
    ]
    assert results[0].differs == each[ON_A_CPU[-1].name].differs, "the last of them is compared with all others on"


def test_where_none_can_be_enabled_nothing_is_compared(forward: Forward, monkeypatch: pytest.MonkeyPatch) -> None:
    test = SelfTest(forward, random_rows(3))
    comparisons = counted(test, monkeypatch)
    for_a_gpu = [entry for entry in OPTIMIZATIONS if entry.needs_gpu]
    assert not any(one.on for one in test.enable(for_a_gpu))
    assert comparisons == []


def test_one_that_raises_anything_leaves_the_others_to_be_tried(forward: Forward) -> None:
    def fails(*_: object) -> Revert:
        raise AttributeError("no such function in this version")

    first, *others = ON_A_CPU
    results = SelfTest(forward, random_rows(3)).enable([first, Entry("fails", "", fails), *others])
    assert [one.name for one in results if not one.on] == ["fails"]
    assert len(forward.reverts) == len(ON_A_CPU)
    forward.revert_optimizations()


def test_a_whole_step_that_is_what_was_compared_is_not_computed_again(
    forward: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = SelfTest(forward, random_rows(3))
    test.enable(ON_A_CPU)
    comparisons = counted(test, monkeypatch)
    tokens = sum(len(row.ids) for row in test.rows)
    assert test.whole_step(tokens, recomputes=False) == ""
    assert comparisons == []
    assert test.whole_step(tokens, recomputes=True) == ""
    assert test.whole_step(len(test.rows[0].ids), recomputes=False) == ""
    assert comparisons == [tokens, len(test.rows[0].ids)]
    forward.revert_optimizations()


def test_a_whole_step_that_differs_is_compared_again_once_reverted(
    forward: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = SelfTest(forward, random_rows(3))
    test.enable(ON_A_CPU)
    comparisons = counted(test, monkeypatch)
    monkeypatch.setattr(test, "most", test.most.times(0))
    assert "differs from the reference path" in test.whole_step(1000)
    forward.revert_optimizations()
    test.whole_step(1000, recomputes=False)
    assert comparisons == [1000, 1000]


def test_adapter_and_random_numbers_stay_as_they_were(base: Path) -> None:
    forward = forward_of(base)
    before = [parameter.detach().clone() for parameter in forward.model.parameters() if parameter.requires_grad]
    random_state = torch.get_rng_state()
    SelfTest(forward, random_rows(3)).enable()
    after = [parameter for parameter in forward.model.parameters() if parameter.requires_grad]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert torch.equal(random_state, torch.get_rng_state())


# --- memory ----------------------------------------------------------------------------------------------------------


def test_where_memory_is_short_only_the_beginning_of_the_longest_row_is_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And packed rows are not used where a window lies beyond what was tested."""
    forward = forward_of(make_family_base(tmp_path, FAMILY["mistral_window"]), dropout=0.05)
    real = forward.loss_sum

    def loss_sum(rows: Sequence[Row]) -> torch.Tensor:
        if max(len(row.ids) for row in rows) > 31:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(rows)

    monkeypatch.setattr(forward, "loss_sum", loss_sum)
    monkeypatch.setattr("job.training.optimizations.self_test.SHORTEST_PIECE", 16)
    test = SelfTest(forward, [*rows_up_to(120, 4), *(Row.after(list(range(5, 15)), 2) for _ in range(2))])
    assert len(test.rows[0].ids) == 30
    (record,) = [
        one for one in caplog.records if one.levelno >= logging.WARNING
    ]  # not one each time that it was halved
    assert "self_test=shortened tokens=30 of=120" in record.getMessage()
    two = [BY_NAME["packed_rows"], BY_NAME["sliced_head"]]
    results = {result.name: result for result in test.enable(two)}
    assert "memory allows a test on 30 tokens only" in results["packed_rows"].reason
    assert results["sliced_head"].on
    monkeypatch.setattr("job.training.optimizations.self_test.SHORTEST_PIECE", 64)
    with pytest.raises(torch.OutOfMemoryError):
        SelfTest(forward, rows_up_to(120, 4))


def test_where_float32_does_not_fit_at_all_16_bits_are_compared(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And everything that was widened for it is as it was: the run goes on in the precision that it says."""
    forward = forward_of(base, "bfloat16", dropout=0.05)
    before = {name: (tensor.dtype, tensor.clone()) for name, tensor in forward.model.named_parameters()}
    real, embedding = torch.Tensor.float, forward.base.get_input_embeddings().weight.shape

    def widen(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.shape == embedding:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(tensor)

    monkeypatch.setattr(torch.Tensor, "float", widen)
    test = SelfTest(forward, rows_up_to(120, 6))
    monkeypatch.undo()
    assert not test.exact
    assert len(test.rows[0].ids) == 120, "in 16 bits the whole row fits"
    assert forward.precision == "bfloat16"
    for name, tensor in forward.model.named_parameters():
        assert tensor.dtype == before[name][0]
        assert torch.equal(tensor, before[name][1])
    (result,) = test.enable([BY_NAME["sliced_head"]])
    assert result.on


def test_workers_that_share_a_base_test_as_much_as_has_room_since_none_can_try_alone(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least that any of them has room for, with every layer recomputed."""
    forward = forward_of(base)
    others = SimpleNamespace(most=lambda own: max(own, -80), all_say=lambda yes: yes, recover=lambda: None)
    forward.lockstep = others  # type: ignore[assignment]
    longest = rows_up_to(200, 4)
    test = SelfTest(forward, longest)
    assert len(test.rows[0].ids) == 80 and test.rows[0].targets
    assert all(layer.gradient_checkpointing for layer in decoder_layers(forward.base))
    assert all(one.on for one in test.enable(ON_A_CPU))
    forward.revert_optimizations()
    with monkeypatch.context() as patch:
        patch.setattr(self_test, "_tokens_with_room", lambda _: 150)
        assert len(SelfTest(forward, longest, halved=True).rows[0].ids) == 75, "memory ran out in the start before"
    monkeypatch.setattr(self_test, "room_bytes", lambda device: 1000)
    assert len(SelfTest(forward, longest).rows[0].ids) == self_test.SHORTEST_PIECE
