"""Our kernels as functions of tensors: gated activation, rotary embedding, keys and values for each query of a group, residual
add with RMS norm, dropout's mask as bits and the adapter's part of a gradient under it, cross-entropy.

Each reads its numbers once, computes in float32 and rounds once. The sources are the `.cu` files beside this one. Knows nothing
of models: fused.py puts these in their place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import Any

import torch

from job.training.optimizations.nvrtc import Kernel, load, machine_code

THREADS = 256
WARP = 32
PACK_BYTES = 16
KEPT_PACKS = 4
"""What a thread of residual.cu keeps of a row."""
LARGEST_BLOCK = 1024
COLUMNS_BLOCK = 128
TOKENS_A_BLOCK = 8
FLAGS = 16
"""Of dropout.cu."""
ENDING = {True: "_packs", False: "_singles"}
"""Of a kernel's name: whether it reads packs of 16 bytes."""
ADDRESS, SIZE, NUMBER, REAL = ctypes.c_void_p, ctypes.c_longlong, ctypes.c_int, ctypes.c_float


class Heads(ctypes.Structure):
    """As in rotary.cu: where heads are read and written, (B, heads, T, width) with any strides but that of the width."""

    _fields_ = (
        *(("from", ADDRESS), ("to", ADDRESS)),
        *((name, SIZE) for name in ("from_row", "from_head", "from_token", "to_row", "to_head", "to_token", "count")),
    )


KERNELS = {
    "gate_forward": ("activation", (ADDRESS, ADDRESS, ADDRESS, SIZE)),
    "gate_backward": ("activation", (ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, SIZE)),
    "turn": ("rotary", (Heads, Heads, ADDRESS, ADDRESS, SIZE, SIZE, SIZE, NUMBER, NUMBER)),
    "repeat": ("heads", (*[ADDRESS] * 4, *[SIZE] * 5, NUMBER, NUMBER, NUMBER)),
    "sum": ("heads", (*[ADDRESS] * 4, SIZE, NUMBER, NUMBER)),
    "add_forward": ("residual", (ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, SIZE, REAL)),
    "add_backward": ("residual", (ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, SIZE)),
    "kept_bits": ("dropout", (ADDRESS, ADDRESS, SIZE)),
    "drop": ("dropout", (ADDRESS, ADDRESS, ADDRESS, SIZE, REAL)),
    "add_kept": ("dropout", (ADDRESS, ADDRESS, ADDRESS, ADDRESS, SIZE, SIZE, NUMBER, REAL)),
    "cross_entropy": ("loss", (ADDRESS, ADDRESS, ADDRESS, SIZE, SIZE, REAL, REAL, NUMBER)),
}
"""Kernel -> its file and the types of its parameters."""


def compile_ahead(dtypes: Sequence[torch.dtype], capability: tuple[int, int]) -> Thread:
    """Begin to compile all of them, beside what Python does. What does not compile is left to whoever needs it and says why."""

    def work() -> None:
        for dtype in dtypes:
            for file in sorted({file for file, _ in KERNELS.values()}):
                with suppress(Exception):
                    machine_code(file, dtype, capability)

    thread = Thread(target=work, daemon=True)  # no end of the run waits for it
    thread.start()
    return thread


def _kernel(name: str, dtype: torch.dtype, ending: str = "") -> Kernel:
    """Raises Unavailable."""
    file, types = KERNELS[name]
    return load(file, dtype, name + ending, types)


def _packed(*tensors: torch.Tensor) -> list[torch.Tensor]:
    """The same numbers where packs of them can be read: contiguous, from a multiple of 16 bytes on.

    Raises NotImplementedError if they are not of one dtype.
    """
    if len({tensor.dtype for tensor in tensors}) > 1:
        raise NotImplementedError("numbers of several dtypes")
    found = [tensor.contiguous() for tensor in tensors]
    return [tensor.clone() if tensor.data_ptr() % PACK_BYTES else tensor for tensor in found]


def _blocks(count: int, size: int) -> int:
    return -(-count // size)


# --- gated activation ------------------------------------------------------------------------------------------------


class Gated(torch.autograd.Function):
    """silu(gate) * up, of any shape."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        gate, up = _packed(gate, up)
        ctx.save_for_backward(gate, up)
        output = torch.empty_like(gate)
        Gated.launch(_kernel("gate_forward", gate.dtype), gate, up, output)
        return output

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, ...]:
        gate, up = ctx.saved_tensors
        (grad,) = _packed(grad)
        gate_grad, up_grad = torch.empty_like(gate), torch.empty_like(up)
        Gated.launch(_kernel("gate_backward", gate.dtype), grad, gate, up, gate_grad, up_grad)
        return gate_grad, up_grad

    @staticmethod
    def launch(kernel: Kernel, *tensors: torch.Tensor) -> None:
        count = tensors[0].numel()
        packs = _blocks(count * tensors[0].element_size(), PACK_BYTES)
        kernel(_blocks(packs, THREADS), THREADS, *(tensor.data_ptr() for tensor in tensors), count)


# --- rotary embedding ------------------------------------------------------------------------------------------------


def rotate(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *_: Any, **__: Any) -> Any:
    """q (B, heads, T, width), k (B, key heads, T, width) with cos and sin (B or 1, T, width)."""
    known = cos.shape == sin.shape and cos.shape[1:] == (q.shape[2], q.shape[3]) and q.stride(3) == k.stride(3) == 1
    if not known or len({tensor.dtype for tensor in (q, k, cos, sin)}) > 1:
        raise NotImplementedError("a rotary embedding of another form")
    return Turned.apply(q, k, cos, sin)


class Turned(torch.autograd.Function):
    """Queries and keys turned in place, which is right since what made them keeps their input and not them; autograd is told,
    and would refuse a backward pass that needs them unturned."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        cos, sin = _packed(cos, sin)
        ctx.save_for_backward(cos, sin)
        Turned.launch((q, q), (k, k), cos, sin, back=False)
        torch.autograd.graph.increment_version((q, k))
        return q, k

    @staticmethod
    def backward(ctx: Any, q: torch.Tensor, k: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        q, k = (grad if grad.stride(3) == 1 else grad.contiguous() for grad in (q, k))
        turned = torch.empty_like(q), torch.empty_like(k)  # others may read the gradient
        Turned.launch((q, turned[0]), (k, turned[1]), cos, sin, back=True)
        return *turned, None, None

    @staticmethod
    def launch(
        q: tuple[torch.Tensor, torch.Tensor],
        k: tuple[torch.Tensor, torch.Tensor],
        cos: torch.Tensor,
        sin: torch.Tensor,
        *,
        back: bool,
    ) -> None:
        rows, heads, tokens, width = q[0].shape
        half, size = width // 2, cos.element_size()
        places = [place for one in (*q, *k) for place in (one.data_ptr(), *(size * step for step in one.stride()[:3]))]
        wide = not any(place % PACK_BYTES for place in (half * size, *places))
        pairs = (heads + k[0].shape[1]) * (half * size // PACK_BYTES if wide else half)
        threads = min(THREADS, _blocks(pairs, WARP) * WARP)
        angle_row = cos.stride(0) if cos.shape[0] > 1 else 0
        _kernel("turn", cos.dtype, ENDING[wide])(
            rows * tokens,
            threads,
            Turned.heads(*q),
            Turned.heads(*k),
            cos.data_ptr(),
            sin.data_ptr(),
            angle_row,
            cos.stride(1),
            tokens,
            half,
            back,
        )

    @staticmethod
    def heads(source: torch.Tensor, target: torch.Tensor) -> Heads:
        return Heads(source.data_ptr(), target.data_ptr(), *source.stride()[:3], *target.stride()[:3], source.shape[1])


# --- grouped queries -------------------------------------------------------------------------------------------------


def repeated(key: torch.Tensor, value: torch.Tensor, groups: int) -> list[torch.Tensor]:
    """key and value (1, T, heads, width), each as repeat_interleave(groups, 2) gives it."""
    given = [one if one.stride(3) == 1 else one.contiguous() for one in (key, value)]
    _, tokens, heads, width = key.shape
    many = [one.new_empty((1, tokens, heads * groups, width)) for one in given]
    strides = [step for one in given for step in one.stride()[1:3]]
    packs, ending = _packs_of_a_head([*given, *many], strides)
    count = tokens * heads * packs
    _kernel("repeat", key.dtype, ending)(
        _blocks(2 * count, THREADS),
        THREADS,
        *(one.data_ptr() for one in (*given, *many)),
        *(*strides, count, heads, packs, groups),
    )
    return many


def summed(key: torch.Tensor, value: torch.Tensor, groups: int) -> list[torch.Tensor]:
    """The gradients of what `repeated` gives as those of what it got."""
    many = [key.contiguous(), value.contiguous()]
    _, tokens, heads, width = key.shape
    sums = [one.new_empty((1, tokens, heads // groups, width)) for one in many]
    packs, ending = _packs_of_a_head([*many, *sums])
    count = tokens * heads // groups * packs
    _kernel("sum", key.dtype, ending)(
        _blocks(2 * count, THREADS),
        THREADS,
        *(one.data_ptr() for one in (*many, *sums)),
        *(count, packs, groups),
    )
    return sums


def _packs_of_a_head(tensors: Sequence[torch.Tensor], strides: Sequence[int] = ()) -> tuple[int, str]:
    """How many loads a head's numbers take, and the ending of the kernel's name."""
    width, size = tensors[0].shape[-1], tensors[0].element_size()
    places = [*(one.data_ptr() for one in tensors), *(size * step for step in (width, *strides))]
    wide = not any(place % PACK_BYTES for place in places)
    return (width * size // PACK_BYTES if wide else width), ENDING[wide]


# --- residual add with norm ------------------------------------------------------------------------------------------


class Added(torch.autograd.Function):
    """(residual + branch, its RMS norm times a frozen weight), all of shape (..., width)."""

    @staticmethod
    def forward(
        ctx: Any, residual: torch.Tensor, branch: torch.Tensor, weight: torch.Tensor, epsilon: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        residual, branch, weight = _packed(residual, branch, weight)
        total, normed = torch.empty_like(residual), torch.empty_like(residual)
        scales = torch.empty(residual.shape[:-1], dtype=torch.float32, device=residual.device)
        Added.launch("add_forward", residual, branch, weight, total, normed, scales, epsilon)
        ctx.save_for_backward(total, weight, scales)
        return total, normed

    @staticmethod
    def backward(ctx: Any, total_grad: torch.Tensor, normed_grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        total, weight, scales = ctx.saved_tensors
        total_grad, normed_grad = _packed(total_grad, normed_grad)
        grad = torch.empty_like(total)
        Added.launch("add_backward", total_grad, normed_grad, total, weight, scales, grad)
        return grad, grad, None, None

    @staticmethod
    def launch(name: str, *values: Any) -> None:
        first = values[0]
        width, pack = first.shape[-1], PACK_BYTES // first.element_size()
        wide = width % pack == 0
        threads = _blocks(_blocks(width, (pack if wide else 1) * KEPT_PACKS), WARP) * WARP
        if threads > LARGEST_BLOCK:
            raise NotImplementedError(f"a norm over {width} numbers")
        tensors = [value.data_ptr() for value in values if isinstance(value, torch.Tensor)]
        others = [value for value in values if not isinstance(value, torch.Tensor)]
        _kernel(name, first.dtype, ENDING[wide])(first.numel() // width, threads, *tensors, width, *others)


# --- dropout ---------------------------------------------------------------------------------------------------------


def kept_bits(kept: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A mask of any shape as bits, eight to a byte, the first lowest. `dtype`: of what it is the mask of."""
    (kept,) = _packed(kept)
    count = kept.numel()
    bits = torch.empty(_blocks(count, 8), dtype=torch.uint8, device=kept.device)
    _kernel("kept_bits", dtype)(_blocks(count, FLAGS * THREADS), THREADS, kept.data_ptr(), bits.data_ptr(), count)
    return bits


def drop(x: torch.Tensor, bits: torch.Tensor, scale: float) -> torch.Tensor:
    """x * scale where its bit is set, else 0: to the bit what native_dropout_backward gives."""
    (x,) = _packed(x)
    output = torch.empty_like(x)
    blocks = _blocks(x.nbytes, PACK_BYTES * THREADS)
    places = (one.data_ptr() for one in (x, bits, output))
    _kernel("drop", x.dtype)(blocks, THREADS, *places, x.numel(), scale)
    return output


def add_kept(grad: torch.Tensor, thin: torch.Tensor, down: torch.Tensor, bits: torch.Tensor, scale: float) -> None:
    """grad (T, width) += kept * scale * (thin (T, rank) @ down (rank, width)), in place. `bits`: what is kept of `grad`."""
    tensors = (grad, thin, down)
    if not all(one.is_contiguous() and one.dtype == grad.dtype for one in tensors):
        raise NotImplementedError("a gradient of another layout")
    (tokens, width), rank = grad.shape, down.shape[0]
    pack = PACK_BYTES // grad.element_size()
    wide = width % pack == 0 and not any(one.data_ptr() % PACK_BYTES for one in tensors)
    columns = _blocks(width, pack if wide else 1)
    threads = min(COLUMNS_BLOCK, _blocks(columns, WARP) * WARP)
    _kernel("add_kept", grad.dtype, ENDING[wide])(
        _blocks(tokens, TOKENS_A_BLOCK) * _blocks(columns, threads),
        threads,
        *(one.data_ptr() for one in (*tensors, bits)),
        tokens,
        width,
        rank,
        scale,
        shared_bytes=rank * TOKENS_A_BLOCK * 4,
    )


# --- cross-entropy ---------------------------------------------------------------------------------------------------


def cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, *, scale: float, cap: float, graded: bool
) -> torch.Tensor:
    """The loss of each position in float32, of logits (S, V) before scale and cap. `graded`: `logits` become its gradient."""
    assert logits.stride(1) == 1 and targets.is_contiguous() and targets.dtype == torch.int64
    losses = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
    _kernel("cross_entropy", logits.dtype)(
        *(len(logits), LARGEST_BLOCK),
        *(one.data_ptr() for one in (logits, targets, losses)),
        *(logits.shape[1], logits.stride(0), scale, cap, graded),
    )
    return losses
