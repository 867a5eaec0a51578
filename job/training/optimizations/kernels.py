"""Optimizations: rotary embedding, gated activation, and residual add with RMS norm, as one kernel each way.

The kernels are ours (`*.cu`), compiled at run time. They read each number once, compute in float32 and round once. They are
set on this model's own modules, and on the rotary function of its source file; the self-test says whether a module computes
what is assumed here.
"""

from __future__ import annotations

import ctypes
import sys
from functools import partial
from typing import Any

import torch

from job.modeling.precision import DTYPES
from job.training.forward import Forward, Revert
from job.training.optimizations.nvrtc import Kernel, load
from job.training.optimizations.replacement import replace_forward, revert_all

THREADS = 256
WARP = 32
PACK_BYTES = 16
KEPT_PACKS = 4
"""What a thread of residual.cu keeps of a row."""
LARGEST_BLOCK = 1024
ADDRESS, SIZE, NUMBER, REAL = ctypes.c_void_p, ctypes.c_longlong, ctypes.c_int, ctypes.c_float


class Heads(ctypes.Structure):
    """As in rotary.cu: where heads are read and written, (B, heads, T, width) with any strides but that of the width."""

    _fields_ = (
        *(("from", ADDRESS), ("to", ADDRESS)),
        *((name, SIZE) for name in ("from_row", "from_head", "from_token", "to_row", "to_head", "to_token", "count")),
    )


def _require_card(forward: Forward) -> torch.dtype:
    """The dtype of the run. Raises NotImplementedError without a GPU."""
    if forward.device.type != "cuda":
        raise NotImplementedError("these kernels need a GPU")
    return DTYPES[forward.precision]


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


def activation(forward: Forward, _longest: int) -> Revert:
    """Replace the forward of gated MLPs. Raises NotImplementedError where it cannot run, or no MLP is of that form."""
    _gate("gate_forward", 3, _require_card(forward))
    gated = [module for module in forward.base.modules() if _is_gated(module)]
    if not gated:
        raise NotImplementedError("no gated activation of a known form")
    return partial(revert_all, [replace_forward(module, _gated_forward) for module in gated])


def _is_gated(module: torch.nn.Module) -> bool:
    act = getattr(module, "act_fn", None)
    silu = isinstance(act, torch.nn.SiLU) or type(act).__name__ in ("SiLUActivation", "SiLU")
    return silu and {"gate_proj", "up_proj", "down_proj"} <= set(module._modules)


def _gated_forward(self: Any, x: torch.Tensor) -> torch.Tensor:
    return self.down_proj(Gated.apply(self.gate_proj(x), self.up_proj(x)))


def _gate(name: str, addresses: int, dtype: torch.dtype) -> Kernel:
    return load("activation", dtype, name, (ADDRESS,) * addresses + (SIZE,))


class Gated(torch.autograd.Function):
    """silu(gate) * up, of any shape."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        gate, up = _packed(gate, up)
        ctx.save_for_backward(gate, up)
        output = torch.empty_like(gate)
        Gated.launch(_gate("gate_forward", 3, gate.dtype), gate, up, output)
        return output

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, ...]:
        gate, up = ctx.saved_tensors
        (grad,) = _packed(grad)
        gate_grad, up_grad = torch.empty_like(gate), torch.empty_like(up)
        Gated.launch(_gate("gate_backward", 5, gate.dtype), grad, gate, up, gate_grad, up_grad)
        return gate_grad, up_grad

    @staticmethod
    def launch(kernel: Kernel, *tensors: torch.Tensor) -> None:
        count = tensors[0].numel()
        packs = _blocks(count * tensors[0].element_size(), PACK_BYTES)
        kernel(_blocks(packs, THREADS), THREADS, *(tensor.data_ptr() for tensor in tensors), count)


# --- rotary embedding ------------------------------------------------------------------------------------------------


def rotary(forward: Forward, _longest: int) -> Revert:
    """Replace the rotary function of the model's source file. Raises NotImplementedError where it cannot run, or the file has
    none."""
    _turn("turn_packs", _require_card(forward))
    sources = {
        type(module).__module__ for module in forward.base.modules() if {"q_proj", "k_proj"} <= set(module._modules)
    }
    files: list[Any] = [sys.modules[name] for name in sources if hasattr(sys.modules[name], "apply_rotary_pos_emb")]
    if not files:
        raise NotImplementedError("no rotary embedding of a known form")
    before = [file.apply_rotary_pos_emb for file in files]
    for file in files:
        file.apply_rotary_pos_emb = rotate

    def revert() -> None:
        for file, function in zip(files, before, strict=True):
            file.apply_rotary_pos_emb = function

    return revert


def rotate(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *_: Any, **__: Any) -> Any:
    """q (B, heads, T, width), k (B, key heads, T, width) with cos and sin (B or 1, T, width)."""
    known = cos.shape == sin.shape and cos.shape[1:] == (q.shape[2], q.shape[3]) and q.stride(3) == k.stride(3) == 1
    if not known or len({tensor.dtype for tensor in (q, k, cos, sin)}) > 1:
        raise NotImplementedError("a rotary embedding of another form")
    return Turned.apply(q, k, cos, sin)


def _turn(name: str, dtype: torch.dtype) -> Kernel:
    return load("rotary", dtype, name, (Heads, Heads, ADDRESS, ADDRESS, SIZE, SIZE, SIZE, NUMBER, NUMBER))


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
        _turn("turn_packs" if wide else "turn_singles", cos.dtype)(
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


# --- residual add with norm ------------------------------------------------------------------------------------------


def residual(forward: Forward, _longest: int) -> Revert:
    """Replace the forward of decoder layers whose second norm follows an add. Raises NotImplementedError where it cannot run,
    or no layer is of that form."""
    _norm("add_forward_packs", _require_card(forward))
    layers = [module for module in forward.base.modules() if _adds_then_norms(module)]
    if not layers:
        raise NotImplementedError("no layer of a known form")
    return partial(revert_all, [replace_forward(layer, _layer_forward) for layer in layers])


def _adds_then_norms(module: torch.nn.Module) -> bool:
    norm: Any = getattr(module, "post_attention_layernorm", None)
    return (
        set(module._modules) == {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
        and hasattr(norm, "variance_epsilon")
        and not norm.weight.requires_grad
        and not hasattr(module, "residual_multiplier")  # Granite's
    )


def _layer_forward(self: Any, hidden_states: torch.Tensor, **options: Any) -> torch.Tensor:
    attended, _ = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **options)
    norm = self.post_attention_layernorm
    total, normed = Added.apply(hidden_states, attended, norm.weight, norm.variance_epsilon)
    return total + self.mlp(normed)


def _norm(name: str, dtype: torch.dtype) -> Kernel:
    last = (SIZE, REAL) if name.startswith("add_forward") else (SIZE,)
    return load("residual", dtype, name, (ADDRESS,) * 6 + last)


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
        kernel = _norm(f"{name}_{'packs' if wide else 'singles'}", first.dtype)
        kernel(first.numel() // width, threads, *tensors, width, *others)
