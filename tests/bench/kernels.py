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

from job.training.optimizations.kernels import ADDRESS, SIZE, Added, Gated, rotate
from job.training.optimizations.nvrtc import load

Tensors = tuple[torch.Tensor, ...]
ROUNDING = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8, torch.float32: 2.0**-24}
FLOAT32_STEPS = 64 * 2.0**-24
"""What a kernel's steps in float32 may add, as a part of the largest number of a result."""
EPSILON = 1e-5
TOKENS = 16_384
"""So many that nothing fits in an H200's second-level cache."""


@dataclass(frozen=True)
class Case:
    name: str
    shapes: Callable[[int, int], list[tuple[int, ...]]]
    """Tokens and width -> shapes of the inputs."""
    learned: int
    """How many of the inputs, the first ones, get a gradient."""
    ours: Callable[..., Tensors]
    plain: Callable[..., Tensors]
    """The same by PyTorch, in any dtype."""
    width: int
    moved: tuple[int, int]
    """How many of the first input's size are read and written, forward and backward."""
    roundings: int = 1


def _plain_gate(gate: torch.Tensor, up: torch.Tensor) -> Tensors:
    return (torch.nn.functional.silu(gate) * up,)


def _heads(tokens: int, width: int) -> list[tuple[int, ...]]:
    """24 heads for queries, 8 for keys, as q_proj and k_proj leave them: (1, T, heads, width)."""
    return [(1, tokens, 24, width), (1, tokens, 8, width), (1, tokens, width), (1, tokens, width)]


def _our_rotary(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> Tensors:
    # in place, and a leaf must stay as it is
    q, k = (x.clone() if x.requires_grad and x.is_leaf else x for x in (q, k))
    return tuple(rotate(q.transpose(1, 2), k.transpose(1, 2), cos, sin))


def _plain_rotary(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> Tensors:
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    return tuple(apply_rotary_pos_emb(q.transpose(1, 2), k.transpose(1, 2), cos, sin))


def _plain_residual(residual: torch.Tensor, branch: torch.Tensor, weight: torch.Tensor) -> Tensors:
    total = residual + branch
    return total, torch.nn.functional.rms_norm(total, weight.shape, weight, EPSILON)


CASES = (
    Case(
        "activation",
        lambda tokens, width: [(tokens, width)] * 2,
        2,
        lambda gate, up: (Gated.apply(gate, up),),
        _plain_gate,
        8192,
        (3, 5),
    ),
    Case("rotary", _heads, 2, _our_rotary, _plain_rotary, 128, (2, 2)),
    Case(
        "residual",
        lambda tokens, width: [(tokens, width), (tokens, width), (width,)],
        2,
        lambda residual, branch, weight: tuple(Added.apply(residual, branch, weight, EPSILON)),
        _plain_residual,
        3072,
        (4, 4),
        roundings=3,  # the norm is that of a sum already rounded
    ),
)


def inputs_of(case: Case, tokens: int, width: int, dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator("cuda").manual_seed(tokens + width)
    return [
        torch.randn(shape, generator=generator, device="cuda").to(dtype).requires_grad_(place < case.learned)
        for place, shape in enumerate(case.shapes(tokens, width))
    ]


def error(case: Case, function: Callable[..., Tensors], inputs: Sequence[torch.Tensor]) -> float:
    """The largest distance from float64, in units of what is allowed: right up to 1."""
    exact = [one.detach().double().requires_grad_(one.requires_grad) for one in inputs]
    outputs = function(*inputs)
    dtype = inputs[0].dtype
    generator = torch.Generator("cuda").manual_seed(1)
    grads = [torch.randn(one.shape, generator=generator, device="cuda").to(dtype) for one in outputs]
    found = [*outputs, *torch.autograd.grad(outputs, inputs[: case.learned], grads)]
    known_outputs = case.plain(*exact)
    known = [
        *known_outputs,
        *torch.autograd.grad(known_outputs, exact[: case.learned], [grad.double() for grad in grads]),
    ]
    worst = 0.0
    for one, right in zip(found, known, strict=True):
        allowed = case.roundings * ROUNDING[dtype] * right.abs() + FLOAT32_STEPS * right.abs().max()
        ratio = float(((one.detach().double() - right).abs() / allowed).max())
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
    """Forward, and backward: what both take less the forward."""
    held = [one.detach().clone() for one in inputs]  # rotary works in place

    def both() -> None:
        outputs = function(*inputs)
        torch.autograd.grad(outputs, inputs[: case.learned], [torch.empty_like(one) for one in outputs])

    forward, whole = microseconds(lambda: function(*held)), microseconds(both)
    if case.name == "rotary" and function is case.ours:  # where leaves get a gradient they are copied first
        whole -= microseconds(lambda: [one.clone() for one in held[:2]])
    return forward, whole - forward


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
            inputs = inputs_of(case, TOKENS, case.width, dtype)
            size = sum(one.numel() for one in inputs[: 2 if case.name == "rotary" else 1]) * inputs[0].element_size()
            known = {"ours": case.ours, "PyTorch": case.plain}
            if liger := _ligers().get(case.name):
                known["Liger"] = liger
            for name, function in known.items():
                try:
                    pairs = zip(_times(case, function, inputs), case.moved, strict=True)
                    cells = [f"{time:.0f} ({moved * size / time / 1e3:,.0f})" for time, moved in pairs]
                    cells.append(f"{error(case, function, inputs):.2f}")
                except Exception as problem:  # Liger's may not run in a graph, and the table goes on
                    cells = [f"{type(problem).__name__}: {problem}".splitlines()[0], "", ""]
                lines.append("| " + " | ".join([case.name, str(dtype)[6:], name, *cells]) + " |")
    return "\n".join(lines)


def launch_microseconds() -> float:
    """Python's time for one launch, of a kernel so small that the card keeps up."""
    numbers = torch.zeros(8, device="cuda", dtype=torch.float16)
    kernel = load("activation", numbers.dtype, "gate_forward", (ADDRESS, ADDRESS, ADDRESS, SIZE))
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
    print(f"{torch.cuda.get_device_name()}, {TOKENS:,} tokens; a launch costs {launch_microseconds():.1f} us of Python")
    print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
