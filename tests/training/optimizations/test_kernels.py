"""Our kernels compute what PyTorch's operators do, to one rounding, on a card. That models with them give the reference
gradients is in test_registry.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from job.training.optimizations import kernels, nvrtc
from tests.bench.kernels import CASES, EPSILON, Case, error, gradients_of, inputs_of, results
from tests.training.building import forget_kernels

BY_CASE = {case.name: case for case in CASES}
SHAPES = {
    "activation": ((1, 1), (7, 13), (33, 257), (64, 8192)),
    "rotary": ((1, 6), (37, 64), (37, 80), (130, 128), (5, 256)),
    "heads": ((1, 6), (37, 64), (37, 80), (130, 128), (5, 33)),
    "residual": ((1, 13), (37, 64), (33, 2050), (130, 3072), (3, 16384)),
    "dropout": ((1, 13), (37, 64), (33, 2050), (130, 3072), (9, 2044)),
    "dropout_bits": ((1, 1), (1, 7), (1, 8), (1, 9), (37, 64), (33, 2050), (130, 3072)),
    "loss": ((1, 5), (37, 64), (33, 2049), (9, 128_257)),
}
"""Tokens and width: packs with and without a rest, rows of one warp and of the largest block."""
ALL_SHAPES = [(name, shape) for name, shapes in SHAPES.items() for shape in shapes]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize(("name", "shape"), ALL_SHAPES)
def test_a_kernel_is_right_to_one_rounding(name: str, shape: tuple[int, int], dtype: torch.dtype) -> None:
    case = BY_CASE[name]
    found = error(case, case.ours, inputs_of(case, *shape, dtype))
    print(name, shape, dtype, f"{found:.2f}")
    assert found <= 1


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_kernel_reads_what_does_not_begin_at_16_bytes(case: Case, dtype: torch.dtype) -> None:
    inputs = []
    for one in inputs_of(case, 37, 64, dtype):
        longer = torch.empty(one.numel() + 1, dtype=one.dtype, device="cuda")
        moved = longer[1:].view(one.shape).copy_(one.detach())
        inputs.append(moved.detach().requires_grad_(one.requires_grad))
    assert all(one.data_ptr() % 16 for one in inputs)
    assert error(case, case.ours, inputs) <= 1


def _gelu(gate: torch.Tensor, up: torch.Tensor) -> tuple[torch.Tensor]:
    return (torch.nn.functional.gelu(gate) * up,)


def _wrong_half(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return BY_CASE["rotary"].plain(q, k, cos, -sin)


def _next_group(key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return BY_CASE["heads"].plain(key, value.roll(1, 2))


def _wrong_epsilon(residual: torch.Tensor, branch: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
    total = residual + branch
    return total, torch.nn.functional.rms_norm(total, weight.shape, weight, 1000 * EPSILON)


def _all_kept(grad: torch.Tensor, thin: torch.Tensor, down: torch.Tensor, kept: torch.Tensor) -> tuple[torch.Tensor]:
    return (BY_CASE["dropout"].plain(grad, thin, down, torch.ones_like(kept))[0],)


def _none_dropped(x: torch.Tensor, kept: torch.Tensor) -> tuple[torch.Tensor]:
    return (BY_CASE["dropout_bits"].plain(x, torch.ones_like(kept))[0],)


def _wrong_target(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return BY_CASE["loss"].plain(logits, targets.flip(0))


WRONG = {
    "activation": _gelu,
    "rotary": _wrong_half,
    "heads": _next_group,
    "residual": _wrong_epsilon,
    "dropout": _all_kept,
    "dropout_bits": _none_dropped,
    "loss": _wrong_target,
}


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_the_bound_rejects_what_is_nearly_the_same(name: str, dtype: torch.dtype) -> None:
    case = BY_CASE[name]
    assert error(replace(case, plain=WRONG[name]), case.ours, inputs_of(case, 130, 64, dtype)) > 1


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_cuda_graph_records_a_kernel(case: Case) -> None:
    inputs = inputs_of(case, 130, case.size[1], torch.float16)

    grads = gradients_of(case, inputs)
    known = [one.clone() for one in results(case, case.ours, inputs, grads)]
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        results(case, case.ours, inputs, grads)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = results(case, case.ours, inputs, grads)
    for one in found:
        one.fill_(float("nan"))
    graph.replay()
    assert all(torch.equal(one, other) for one, other in zip(known, found, strict=True))


@pytest.mark.gpu
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 15, 16, 17, 2050, 3 * 16 * 256 + 5])
def test_bits_are_those_of_the_mask(count: int) -> None:
    """The first element's is the lowest; what is left of the last byte is 0."""
    kept = torch.rand(count, generator=torch.Generator().manual_seed(count)) < 0.5
    bits = [0] * -(-count // 8)
    for place in kept.nonzero().flatten().tolist():
        bits[place // 8] += 2 ** (place % 8)
    assert kernels.kept_bits(kept.cuda(), torch.float16).tolist() == bits


@pytest.mark.gpu
def test_bits_follow_rows_and_columns_not_memory() -> None:
    kept = torch.rand(24, 13, device="cuda") < 0.5
    turned = kept.T.contiguous().T
    assert turned.stride() != kept.stride()
    assert torch.equal(kernels.kept_bits(turned, torch.float16), kernels.kept_bits(kept, torch.float16))


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("dtype", "raw"),
    [(torch.float16, torch.int16), (torch.bfloat16, torch.int16), (torch.float32, torch.int32)],
    ids=str,
)
def test_what_is_dropped_is_what_pytorch_drops_to_the_bit(dtype: torch.dtype, raw: torch.dtype) -> None:
    """Numbers whose product is beyond float16's largest one, numbers below its smallest one, signs of zeros."""
    generator = torch.Generator("cuda").manual_seed(2)
    x = (torch.randn(33, 2050, generator=generator, device="cuda") * 4).pow(5).clamp(-6e4, 6e4).to(dtype)
    kept = torch.rand(x.shape, generator=generator, device="cuda") < 0.7
    known = torch.ops.aten.native_dropout_backward(x, kept, 1 / 0.7)
    assert torch.equal(kernels.drop(x, kernels.kept_bits(kept, dtype), 1 / 0.7).view(raw), known.view(raw))
    assert not torch.equal(kernels.drop(x, kernels.kept_bits(~kept, dtype), 1 / 0.7).view(raw), known.view(raw))


@pytest.mark.gpu
def test_no_token_is_no_launch() -> None:
    grad, thin, down, kept = inputs_of(BY_CASE["dropout"], 0, 64, torch.float16)
    bits = kernels.kept_bits(kept, grad.dtype)
    kernels.add_kept(grad, thin, down, bits, 1.25)
    assert (bits.numel(), kernels.drop(grad, bits, 1.25).shape) == (0, grad.shape)


@pytest.mark.gpu
@pytest.mark.parametrize("wrong", ["transposed", "dtype"])
def test_a_gradient_of_another_layout_is_refused(wrong: str) -> None:
    grad, thin, down, kept = inputs_of(BY_CASE["dropout"], 64, 64, torch.float16)
    grad = grad.T if wrong == "transposed" else grad.float()
    with pytest.raises(NotImplementedError, match="another layout"):
        kernels.add_kept(grad, thin, down, kernels.kept_bits(kept, torch.float16), 1.25)


@pytest.mark.gpu
def test_a_second_run_takes_the_kept_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "cache_folder", lambda: tmp_path)
    forget_kernels()
    nvrtc.module("activation", torch.float16)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    forget_kernels()
    monkeypatch.setattr(nvrtc, "compiled", None)
    nvrtc.module("activation", torch.float16)
    assert path.stat().st_mtime_ns == written


@pytest.mark.gpu
def test_a_rotary_embedding_of_another_form_is_left_alone() -> None:
    q, k, cos, sin = inputs_of(BY_CASE["rotary"], 5, 64, torch.float16)
    with pytest.raises(NotImplementedError, match="another form"):
        kernels.rotate(q.transpose(1, 2), k.transpose(1, 2), cos[..., :32], sin[..., :32])


@pytest.mark.gpu
def test_a_head_with_scale_and_cap_has_their_gradient() -> None:
    logits, targets = inputs_of(BY_CASE["loss"], 33, 2049, torch.float32)
    exact = logits.double().requires_grad_()
    known = torch.nn.functional.cross_entropy(2 * torch.tanh(3 * exact / 2), targets, reduction="none")
    known.sum().backward()
    losses = kernels.cross_entropy(logits, targets, scale=3.0, cap=2.0, graded=True)
    assert exact.grad is not None
    assert torch.allclose(losses.double(), known, rtol=1e-6)
    assert torch.allclose(logits.double(), exact.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.gpu
def test_a_loss_without_gradient_leaves_the_logits() -> None:
    logits, targets = inputs_of(BY_CASE["loss"], 33, 2049, torch.float16)
    before = logits.clone()
    losses = kernels.cross_entropy(logits, targets, scale=1.0, cap=0.0, graded=False)
    assert torch.equal(logits, before)
    assert torch.allclose(
        losses, torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none"), rtol=1e-5
    )
