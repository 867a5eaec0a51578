"""What each kernel of ours costs and how exact it is, beside PyTorch's own operators and Liger's where that can be imported:

    python -m tests.bench.kernels                      on a GPU, in half a minute

A time is that of a CUDA graph's replay, so without launches; GB/s counts what has to be read and written once. The error is
the largest distance from the same mathematics in float64, in units of what one rounding of the result may move.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from job.training.optimizations.kernels import (
    Added,
    Gated,
    _kernel,
    add_kept,
    cross_entropy,
    drop,
    kept_bits,
    repeated,
    rotate,
    summed,
)

Tensors = tuple[torch.Tensor, ...]
ROUNDING = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8, torch.float32: 2.0**-24}
FLOAT32_STEPS = 64 * 2.0**-24
"""What a kernel's steps in float32 may add, as a part of the largest number of a result."""
EPSILON = 1e-5
RANK = 16
GROUPS = 3
"""Queries for each key."""
KEPT = 0.95
BYTE, BIT = 1 / 2, 1 / 16
"""Of an element's mask, in numbers of 16 bits."""


@dataclass(frozen=True)
class Case:
    name: str
    shapes: Callable[[int, int], list[tuple[int, ...]]]
    """Tokens and width -> shapes of the inputs. The last may be of other than random numbers."""
    ours: Callable[..., Tensors]
    plain: Callable[..., Tensors]
    """The same by PyTorch, in any dtype."""
    size: tuple[int, int]
    """Tokens and width of the bench: nothing fits in an H200's second-level cache."""
    moved: tuple[float, float]
    """Numbers read and written, forward and backward, for each of the inputs that are counted."""
    learned: int = 0
    """How many of the inputs, the first ones, get a gradient."""
    counted: int = 1
    beside: Callable[..., Any] | None = None
    """What ours does here beside its kernel, of the same inputs: copies of what it overwrites, and the like."""
    coarse: bool = False
    """Inputs of few bits, whose sums are exact."""
    last: Callable[[torch.Tensor, int], torch.Tensor] = lambda numbers, _: numbers
    """Random numbers and the width -> the last input."""


def _plain_gate(gate: torch.Tensor, up: torch.Tensor) -> Tensors:
    return (torch.nn.functional.silu(gate) * up,)


def _heads(tokens: int, width: int) -> list[tuple[int, ...]]:
    """24 heads for queries, 8 for keys, as q_proj and k_proj leave them: (1, T, heads, width)."""
    return [(1, tokens, 24, width), (1, tokens, 8, width), (1, tokens, width), (1, tokens, width)]


def _beside_rotary(q: torch.Tensor, k: torch.Tensor, *_: torch.Tensor) -> Tensors:
    return q.clone(), k.clone()


def _our_rotary(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> Tensors:
    q, k = _beside_rotary(q, k)
    return tuple(rotate(q.transpose(1, 2), k.transpose(1, 2), cos, sin))


def _plain_rotary(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> Tensors:
    return tuple(apply_rotary_pos_emb(q.transpose(1, 2), k.transpose(1, 2), cos, sin))


def _keys(tokens: int, width: int) -> list[tuple[int, ...]]:
    """8 heads, as rotary leaves them and as v_proj does."""
    return [(1, tokens, 8, width)] * 2


class _Repeated(torch.autograd.Function):
    """As MemoryEfficient calls them."""

    @staticmethod
    def forward(ctx: Any, key: torch.Tensor, value: torch.Tensor) -> Tensors:
        return tuple(repeated(key, value, GROUPS))

    @staticmethod
    def backward(ctx: Any, key: torch.Tensor, value: torch.Tensor) -> Tensors:
        return tuple(summed(key, value, GROUPS))


def _plain_heads(key: torch.Tensor, value: torch.Tensor) -> Tensors:
    return key.repeat_interleave(GROUPS, 2), value.repeat_interleave(GROUPS, 2)


def _plain_residual(residual: torch.Tensor, branch: torch.Tensor, weight: torch.Tensor) -> Tensors:
    total = residual + branch
    return total, torch.nn.functional.rms_norm(total, weight.shape, weight, EPSILON)


def _our_bits(x: torch.Tensor, kept: torch.Tensor) -> Tensors:
    return (drop(x, kept_bits(kept, x.dtype), 1 / KEPT),)


def _plain_bits(x: torch.Tensor, kept: torch.Tensor) -> Tensors:
    return (torch.ops.aten.native_dropout_backward(x, kept, 1 / KEPT),)


def _kept(numbers: torch.Tensor, _: int) -> torch.Tensor:
    return numbers > -1.6449  # 95 in 100


def _beside_dropout(grad: torch.Tensor, *others: torch.Tensor) -> Tensors:
    return grad.clone(), kept_bits(others[-1], grad.dtype)


def _our_dropout(grad: torch.Tensor, thin: torch.Tensor, down: torch.Tensor, kept: torch.Tensor) -> Tensors:
    grad, bits = _beside_dropout(grad, kept)
    add_kept(grad, thin, down, bits, 1 / KEPT)
    return (grad,)


def _plain_dropout(grad: torch.Tensor, thin: torch.Tensor, down: torch.Tensor, kept: torch.Tensor) -> Tensors:
    return (grad + torch.ops.aten.native_dropout_backward(thin @ down, kept, 1 / KEPT),)


def _beside_loss(logits: torch.Tensor, _: torch.Tensor) -> Tensors:
    return (logits.clone(),)


def _our_loss(logits: torch.Tensor, targets: torch.Tensor) -> Tensors:
    (logits,) = _beside_loss(logits, targets)
    return cross_entropy(logits, targets, scale=1.0, cap=0.0, graded=True), logits


def _plain_loss(logits: torch.Tensor, targets: torch.Tensor) -> Tensors:
    """As head.py does."""
    numbers, wanted = logits.to(torch.promote_types(logits.dtype, torch.float32), copy=True), targets[:, None]
    sums = numbers.logsumexp(-1, keepdim=True)
    losses = (sums - numbers.gather(1, wanted))[:, 0]
    inner = numbers.sub_(sums).exp_()
    inner.scatter_add_(1, wanted, inner.new_full(wanted.shape, -1.0))
    return losses, inner.to(logits.dtype)


CASES = (
    Case(
        "activation",
        lambda tokens, width: [(tokens, width)] * 2,
        lambda gate, up: (Gated.apply(gate, up),),
        _plain_gate,
        size=(16_384, 8192),
        moved=(3, 5),
        learned=2,
    ),
    Case(
        "rotary", _heads, _our_rotary, _plain_rotary, (16_384, 128), (2, 2), learned=2, counted=2, beside=_beside_rotary
    ),
    Case(
        "heads",
        _keys,
        lambda key, value: _Repeated.apply(key, value),
        _plain_heads,
        size=(16_384, 128),
        moved=(1 + GROUPS, 1 + GROUPS),
        learned=2,
        counted=2,
    ),
    Case(
        "residual",
        lambda tokens, width: [(tokens, width), (tokens, width), (width,)],
        lambda residual, branch, weight: tuple(Added.apply(residual, branch, weight, EPSILON)),
        _plain_residual,
        size=(16_384, 3072),
        moved=(4, 4),
        learned=2,
        coarse=True,  # the norm is that of a sum already rounded
    ),
    Case(
        "dropout",
        lambda tokens, width: [(tokens, width), (tokens, RANK), (RANK, width), (tokens, width)],
        _our_dropout,
        _plain_dropout,
        size=(16_384, 3072),
        moved=(2 + BIT, 0),
        beside=_beside_dropout,
        last=_kept,
    ),
    Case(
        "dropout_bits",
        lambda tokens, width: [(tokens, width), (tokens, width)],
        _our_bits,
        _plain_bits,
        size=(16_384, 3072),
        moved=(2 + BYTE + 2 * BIT, 0),
        last=_kept,
    ),
    Case(
        "loss",
        lambda tokens, width: [(tokens, width), (tokens,)],
        _our_loss,
        _plain_loss,
        size=(1024, 128_257),
        moved=(2, 0),
        beside=_beside_loss,
        last=lambda numbers, width: (numbers.abs() * width / 6).long().clamp(max=width - 1),
    ),
)


def inputs_of(case: Case, tokens: int, width: int, dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator("cuda").manual_seed(tokens + width)
    numbers = [torch.randn(shape, generator=generator, device="cuda") for shape in case.shapes(tokens, width)]
    if case.coarse:
        numbers = [one.clamp(-4, 4).mul(16).round().div(16) for one in numbers]
    numbers[-1] = case.last(numbers[-1], width)
    inputs = [one.to(dtype) if one.is_floating_point() else one for one in numbers]
    return [one.requires_grad_() if place < case.learned else one for place, one in enumerate(inputs)]


def gradients_of(case: Case, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Random ones, for the outputs."""
    generator = torch.Generator("cuda").manual_seed(1)
    outputs = case.plain(*inputs) if case.learned else ()
    return [torch.randn(one.shape, generator=generator, device="cuda").to(one.dtype) for one in outputs]


def results(
    case: Case, function: Callable[..., Tensors], inputs: Sequence[torch.Tensor], grads: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """Outputs, then the gradients of the inputs."""
    outputs = function(*inputs)
    found = torch.autograd.grad(outputs, inputs[: case.learned], grads) if case.learned else ()
    return [one.detach() for one in (*outputs, *found)]


def error(case: Case, function: Callable[..., Tensors], inputs: Sequence[torch.Tensor]) -> float:
    """The largest distance from float64, in units of what is allowed: right up to 1."""
    grads = gradients_of(case, inputs)
    exact = [
        one.detach().double().requires_grad_(one.requires_grad) if one.is_floating_point() else one for one in inputs
    ]
    known = results(case, case.plain, exact, [grad.double() for grad in grads])
    worst = 0.0
    for one, right in zip(results(case, function, inputs, grads), known, strict=True):
        allowed = ROUNDING[one.dtype] * right.abs() + FLOAT32_STEPS * right.abs().max()
        ratio = float(((one.double() - right).abs() / allowed).max())
        worst = max(worst, ratio) if ratio == ratio else float("inf")
    return worst


def microseconds(work: Callable[[], Any], repeats: int = 20) -> float:
    """Of one replay of what `work` launches."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for place in range(repeats + 3):
        if place == 3:
            begin.record()
        graph.replay()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / repeats * 1000


def _times(case: Case, function: Callable[..., Tensors], inputs: Sequence[torch.Tensor]) -> tuple[float, float]:
    """Forward, and backward: what both take less the forward. What only this bench needs is taken off."""
    held = [one.detach() for one in inputs]
    beside = case.beside if function is case.ours else None
    apart = microseconds(lambda: beside(*held)) if beside else 0.0
    forward = microseconds(lambda: function(*held))
    grads = gradients_of(case, inputs)
    whole = microseconds(lambda: results(case, function, inputs, grads)) if case.learned else forward
    return forward - apart, whole - forward


def _ligers() -> dict[str, Callable[..., Tensors]]:
    if not find_spec("liger_kernel"):
        return {}
    from liger_kernel.ops.rope import LigerRopeFunction
    from liger_kernel.ops.swiglu import LigerSiLUMulFunction

    return {
        "activation": lambda gate, up: (LigerSiLUMulFunction.apply(gate, up),),
        "rotary": lambda q, k, cos, sin: LigerRopeFunction.apply(q.transpose(1, 2), k.transpose(1, 2), cos, sin),
    }


def table() -> str:
    lines = [
        "| kernel | numbers | by | forward us (GB/s) | backward us (GB/s) | error / allowed |",
        "|---|---|---|---:|---:|---:|",
    ]
    for case in CASES:
        for dtype in (torch.float16, torch.bfloat16, torch.float32):
            inputs = inputs_of(case, *case.size, dtype)
            size = sum(one.numel() for one in inputs[: case.counted]) * inputs[0].element_size()
            known = {"ours": case.ours, "PyTorch": case.plain}
            if liger := _ligers().get(case.name):
                known["Liger"] = liger
            for name, function in known.items():
                inputs = inputs_of(case, *case.size, dtype)  # Liger's overwrite theirs
                try:
                    wrong = error(case, function, inputs)
                    pairs = zip(_times(case, function, inputs), case.moved, strict=True)
                    cells = [f"{t:.0f} ({moved * size / t / 1e3:,.0f})" if moved else "" for t, moved in pairs]
                    cells.append(f"{wrong:.2f}")
                except Exception as problem:  # Liger's may not run in a graph, and the table goes on
                    cells = [f"{type(problem).__name__}: {problem}".splitlines()[0], "", ""]
                lines.append("| " + " | ".join([case.name, str(dtype)[6:], name, *cells]) + " |")
    return "\n".join(lines)


def launch_microseconds() -> float:
    """Python's time for one launch, of a kernel so small that the card keeps up."""
    numbers = torch.zeros(8, device="cuda", dtype=torch.float16)
    kernel = _kernel("gate_forward", numbers.dtype)
    place = numbers.data_ptr()
    spent = []
    for _ in range(20):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(100):
            kernel(1, 32, place, place, place, 8)
        spent.append(time.perf_counter() - start)
    return min(spent) / 100 * 1e6


def main() -> int:
    if not torch.cuda.is_available():
        print("no NVIDIA GPU here", file=sys.stderr)
        return 1
    print(f"{torch.cuda.get_device_name()}; a launch costs {launch_microseconds():.1f} us of Python")
    print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
