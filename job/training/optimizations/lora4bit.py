"""Optimization: 4-bit linear layers with their LoRA branch as one autograd function.

PEFT's layer goes through bitsandbytes' own function, a copy of its result, casts of input and adapter, and four more
nodes of autograd. Here a layer is: dequantize, product, dropout, two thin products; and the reverse in the backward pass.
The backward pass keeps the layer's input (shared by q, k and v), dropout's mask, and r numbers a token. PyTorch's mask has one
byte an element, which with seven targets is a fifth of all that a layer keeps; our kernels make an eighth of it. Block scales
of the quantization are unpacked once (double quantization packs them in 8 bits; unpacked they take 0.0625 instead of 0.0159 B
a weight, 0.13 GB on Llama 3.2 3B, and save three of four kernels of each use).
"""

from __future__ import annotations

import functools
from typing import Any

import bitsandbytes
import torch
from bitsandbytes.functional import QuantState, dequantize_blockwise
from bitsandbytes.nn import Params4bit
from peft import PeftModel
from peft.tuners.lora.bnb import Linear4bit as LoraLinear4bit

from job.training.forward import Forward, Revert
from job.training.optimizations.kernels import add_kept, drop, kept_bits
from job.training.optimizations.replacement import replace_forward, revert_all

try:  # what the operator below calls after 30 us of dispatch, 389 times a step of Llama 3.2 3B
    from bitsandbytes.backends.cuda.ops import _dequantize_4bit_impl as _direct
except (ImportError, AttributeError):  # a private name, absent from CPU builds; the operator does the same
    _direct = None

_graph_task = getattr(torch._C, "_current_graph_task_id", None)
"""Which backward pass this thread is in, or -1. Undocumented, as what follows; torch.utils.checkpoint goes by it."""
_after_backward = getattr(getattr(torch.autograd.Variable, "_execution_engine", None), "queue_callback", None)
"""Calls a function at the end of the backward pass; FSDP2 goes by it."""
COPY = "lora_job_copy"
"""Attribute of a weight: what dequantizing it gives, kept."""
READERS = "lora_job_readers"
"""Attribute of a layer's input: the Readers of that tensor."""


def enable(forward: Forward, _longest: int) -> Revert:
    """Replace the forward of all 4-bit linear layers.

    Raises NotImplementedError if there are none, or an adapter is more than one plain LoRA.
    """
    reverts: list[Revert] = []
    try:
        _replace(forward.model, reverts)
    except BaseException:  # memory may run out where scales are unpacked
        revert_all(reverts)
        raise
    if not reverts:
        raise NotImplementedError("the model has no 4-bit linear layer")
    forward.native = True

    def revert() -> None:
        forward.native = False
        revert_all(reverts)

    return revert


def _replace(model: PeftModel, reverts: list[Revert]) -> None:
    """Adds to `reverts` as it goes, so that a failure part of the way can be reverted."""
    adapted = [module for module in model.modules() if isinstance(module, LoraLinear4bit)]
    for reason in filter(None, map(_unlike_plain_lora, adapted)):
        raise NotImplementedError(reason)
    reverts += [replace_forward(module, _lora_forward) for module in adapted]
    inner = {module.base_layer for module in adapted}
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            reverts.append(_unpack_scales(module.weight.quant_state))
            if module not in inner:
                reverts.append(replace_forward(module, _frozen_forward))


def _unlike_plain_lora(module: LoraLinear4bit) -> str:
    if list(module.lora_A) != ["default"] or module.lora_variant or module.lora_bias.get("default"):
        return "an adapter is more than one plain LoRA"
    if module.base_layer.bias is not None and module.base_layer.bias.requires_grad:
        return "a bias is trained"
    return ""


def _unpack_scales(state: QuantState) -> Revert:
    if not state.nested:
        return lambda: None
    before = (state.absmax, state.offset, state.state2)
    state.absmax = (dequantize_blockwise(state.absmax, state.state2) + state.offset).float()
    state.nested, state.offset, state.state2 = False, None, None

    def revert() -> None:
        state.absmax, state.offset, state.state2 = before
        state.nested = True

    return revert


def dequantized(weight: Params4bit, dtype: torch.dtype) -> torch.Tensor:
    """(out, in) in `dtype`; only to be read, since it may be the copy that is kept (job/training/copies.py)."""
    copy: torch.Tensor | None = getattr(weight, COPY, None)
    if copy is not None and copy.dtype == dtype:
        return copy
    state = weight.quant_state
    if _direct is None or not weight.is_cuda:
        return torch.ops.bitsandbytes.dequantize_4bit.default(
            weight.data, state.absmax, state.blocksize, state.quant_type, state.shape, dtype
        )
    output = torch.empty(state.shape, dtype=dtype, device=weight.device)
    _direct(weight.data, state.absmax, state.blocksize, state.quant_type, dtype, output)
    return output


class Readers:
    """The 4-bit layers that read one tensor, as q, k and v do. The products add up their parts of its gradient, and the last
    layer hands the sum on: where autograd adds, it reads both and writes the sum once more (1 % of a step on an H200).

    A layer whose result is not used would keep the sum for good, so the backward pass raises RuntimeError then."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.count = self.left = 0
        self.sum: torch.Tensor | None = None
        self.closed = False
        """The tensor, a leaf, may be read in a further forward pass, by others."""

    def add(self, grad: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The sum so far with grad (T, out) @ weight (out, in) in it: more may be added in place."""
        if self.sum is not None:
            return self.sum.addmm_(grad, weight)
        self.closed, self.sum = True, grad @ weight
        if self.left > 1 and _after_backward is not None:
            _after_backward(self.require_handed_on)
        return self.sum

    def require_handed_on(self) -> None:
        if self.sum is not None:
            self.left, self.sum = self.count, None
            raise RuntimeError(
                f"the results of {self.count} layers that read one tensor have not all been used, so its gradient lacks a "
                "part: a base model (FINETUNE_MODEL_BASE) that leaves some out for some rows cannot be trained with lora4bit"
            )

    def handed_on(self, shape: torch.Size) -> torch.Tensor | None:
        """The sum as (*shape, in), if none is missing."""
        self.left -= 1
        if self.left:
            return None
        whole, self.left, self.sum = self.sum, self.count, None
        return None if whole is None else whole.unflatten(0, shape)


def _readers_of(x: torch.Tensor) -> Readers | None:
    """With one more, which calls this. None where `x` gets no gradient."""
    if not (torch.is_grad_enabled() and x.requires_grad):
        return None
    readers: Readers | None = getattr(x, READERS, None)
    # A layer that is computed again has been counted.
    if _graph_task is None or _after_backward is None or _graph_task() >= 0:
        readers = Readers(x._version)
    # Changed in place, it is another tensor for autograd.
    elif readers is None or readers.closed or readers.version != x._version:
        readers = Readers(x._version)
        setattr(x, READERS, readers)
    readers.count += 1
    readers.left += 1
    return readers


def _frozen_forward(self: bitsandbytes.nn.Linear4bit, x: torch.Tensor) -> torch.Tensor:
    read = x.to(self.compute_dtype or x.dtype)
    return Frozen.apply(read, self.weight, self.bias, _readers_of(read)).to(x.dtype)


def _lora_forward(self: LoraLinear4bit, x: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
    if self.disable_adapters or self.merged or arguments or options:
        return type(self).forward(self, x, *arguments, **options)
    layer, down, up = self.base_layer, self.lora_A["default"].weight, self.lora_B["default"].weight
    read = x.to(layer.compute_dtype or x.dtype)
    dropout = self.lora_dropout["default"]
    p = dropout.p if self.training and isinstance(dropout, torch.nn.Dropout) else 0.0
    scaling = self.scaling["default"]
    one_kernel = getattr(self, "lora_job_adds_kept", False)
    readers = _readers_of(read)
    output = WithLora.apply(read, layer.weight, layer.bias, down, up, scaling, p, one_kernel, readers)
    return output.to(x.dtype)


class Frozen(torch.autograd.Function):
    """x (..., in) @ W.T + bias; keeps nothing of x."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: Params4bit, bias: torch.Tensor | None, readers: Readers | None
    ) -> torch.Tensor:
        ctx.weight, ctx.readers = weight, readers
        full = dequantized(weight, x.dtype)
        return torch.nn.functional.linear(x, full, None if bias is None else bias.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if ctx.readers is None:
            return None, None, None, None
        ctx.readers.add(grad.flatten(0, -2), dequantized(ctx.weight, grad.dtype))
        return ctx.readers.handed_on(grad.shape[:-1]), None, None, None


class WithLora(torch.autograd.Function):
    """x (..., in) -> x @ W.T + bias + dropout(x) @ down.T @ (scaling * up).T, with down (r, in) and up (out, r).

    Flattened inside, T tokens: a view outside would be one more node of autograd on either side (501 of them a step).
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: Params4bit,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scaling: float,
        p: float,
        one_kernel: bool,
        readers: Readers | None,
    ) -> torch.Tensor:
        # No view: some models change it in place (OLMo's clamped queries).
        output = torch.nn.functional.linear(x, dequantized(weight, x.dtype), None if bias is None else bias.to(x.dtype))
        x = x.flatten(0, -2)
        # The optimizer's fused kernels change the adapter without a trace, so copies of it are never kept between steps.
        down, up, ctx.dtypes = down.to(x.dtype), up.to(x.dtype), (down.dtype, up.dtype)
        dropped, kept = torch.native_dropout(x, p, True) if p else (x, None)
        if one_kernel and kept is not None:
            kept = kept_bits(kept, x.dtype)
        thin = dropped @ down.T  # (T, r)
        output.view(-1, output.shape[-1]).addmm_(thin, up.T, alpha=scaling)
        ctx.save_for_backward(x, kept, thin, down, up)
        ctx.weight, ctx.readers, ctx.one_kernel = weight, readers, one_kernel
        ctx.scaling, ctx.keep = scaling, 1 / (1 - p)
        return output

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, kept, thin, down, up = ctx.saved_tensors
        shape, grad = grad.shape[:-1], grad.flatten(0, -2)
        masked = drop if ctx.one_kernel else torch.ops.aten.native_dropout_backward
        dropped = x if kept is None else masked(x, kept, ctx.keep)
        thin_grad = (grad @ up).mul_(ctx.scaling)  # (T, r)
        down_grad = _product(thin_grad.T, dropped, ctx.dtypes[0])
        del dropped
        up_grad = _product(grad.T, thin, ctx.dtypes[1]).mul_(ctx.scaling)
        x_grad = None
        if ctx.readers is not None:
            x_grad = ctx.readers.add(grad, dequantized(ctx.weight, grad.dtype))
            if kept is None:
                x_grad.addmm_(thin_grad, down)
            elif ctx.one_kernel:
                add_kept(x_grad, thin_grad, down, kept, ctx.keep)
            else:
                x_grad += torch.ops.aten.native_dropout_backward(thin_grad @ down, kept, ctx.keep)
            x_grad = ctx.readers.handed_on(shape)
        return x_grad, None, None, down_grad, up_grad, None, None, None, None


def _product(a: torch.Tensor, b: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """a @ b in `dtype`. Where the kernel can, the sum leaves it in float32: no second rounding, no overflow in float16."""
    if a.is_cuda and a.dtype != dtype and _sums_in_float32(a.dtype):
        return torch.mm(a, b, out_dtype=dtype)
    return (a @ b).to(dtype)


@functools.cache
def _sums_in_float32(dtype: torch.dtype) -> bool:
    """cuBLAS through PyTorch refuses it for bfloat16 below compute capability 8.0."""
    ones = torch.ones(16, 16, dtype=dtype, device="cuda")
    try:
        torch.mm(ones, ones, out_dtype=torch.float32)
    except (RuntimeError, TypeError):
        return False
    return True
