"""The optimizations, in the order in which they are enabled. All else follows from this tuple: the self-test, the records in
metrics.json, the log, the families table and the lines of the benchmark. It holds no code: each module offers its `enable`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from job.training.forward import Forward, Revert
from job.training.optimizations import attention, fused, head, lora4bit, norm


@dataclass(frozen=True)
class Entry:
    name: str
    words: str
    """What it does, in one sentence."""
    enable: Callable[[Forward, int], Revert]
    """Takes the forward and the tokens of the longest row. Raises NotImplementedError if the model asks for something that
    is not implemented here."""
    needs_gpu: bool = False


OPTIMIZATIONS = (
    Entry(
        "packed_rows",
        "The rows of a micro-batch stand one after the other without padding, and attention sees each row alone.",
        attention.enable,
    ),
    Entry(
        "sliced_head",
        "The loss is computed on the learned positions only, a slice at a time, and its gradient in the same pass.",
        head.enable,
    ),
    Entry(
        "lora4bit",
        "A 4-bit linear layer and its LoRA branch are one autograd function.",
        lora4bit.enable,
    ),
    Entry("norm", "An RMS norm is one call of PyTorch's own kernel.", norm.enable),
    Entry(
        "activation",
        "The gated activation is one kernel of our own each way, on a GPU alone.",
        fused.activation,
        needs_gpu=True,
    ),
    Entry(
        "rotary",
        "The rotary embedding of queries and keys is one kernel of our own each way, on a GPU alone.",
        fused.rotary,
        needs_gpu=True,
    ),
    Entry(
        "heads",
        "Where attention knows no grouped queries (a T4's), one kernel of our own repeats keys and values, and one sums up.",
        fused.heads,
        needs_gpu=True,
    ),
    Entry(
        "residual",
        "A layer's first residual add and its second norm are one kernel of our own each way, on a GPU alone.",
        fused.residual,
        needs_gpu=True,
    ),
    Entry(
        "dropout",
        "Dropout's mask is kept as bits, and what the adapter adds to a gradient is one kernel of our own, on a GPU alone.",
        fused.dropout,
        needs_gpu=True,
    ),
    Entry(
        "loss",
        "A slice's loss and gradient are one kernel of our own, on a GPU alone.",
        fused.loss,
        needs_gpu=True,
    ),
)
