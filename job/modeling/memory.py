"""GPU memory of a training step, from the shapes in a base model's config: the ways to cut a step, fastest first, and the peak
of each. Imports no heavy library; a measurement on the card decides (job/training/memory_plan.py).

The arithmetic counts what the backward pass keeps of each token and layer with all optimizations (job/training/optimizations/),
what a layer and the head need for a moment, and what stays in memory all the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GIB = 2**30
T4_BYTES = int(14.56 * GIB)
"""What PyTorch sees of a T4's 16 GB with error correction on."""
RESERVE_SHARE = 0.08
"""Share of the card left free for fragments, another step's longer rows, a display."""
SMALLEST_BUDGET = 1024
"""Below this many tokens a product does not fill a T4, and recomputing layers costs less than smaller micro-batches."""
HEAD_SLICE = 512
"""Positions whose logits exist at once (job/training/optimizations/head.py)."""
MOMENTS = 2
GATHERED_LAYERS = 2
"""Of a base that workers share: the layer that computes, and the next one, which is gathered ahead."""

Checkpointing = Literal["none", "half", "all"]
Held = Literal["whole", "sharded", "offloaded"]
"""How a worker's card holds the base: all of it; a part of each decoder layer's 4-bit weights; or none of them, and the part
lies in pinned main memory. Embedding, head, norms, biases and quantization scales are whole on every card."""


@dataclass(frozen=True)
class Candidate:
    """A way to cut a step: the most tokens of a micro-batch, and which layers are recomputed in the backward pass."""

    tokens: int
    checkpointing: Checkpointing

    def __str__(self) -> str:
        layers = {"none": "no layer", "half": "every second layer", "all": "every layer"}[self.checkpointing]
        return f"micro-batches of {self.tokens:,} tokens, {layers} recomputed"


def candidates(longest: int, step_tokens: int, *, recomputable: bool = True) -> list[Candidate]:
    """All ways to cut a step, fastest first. `longest`: tokens of the longest row, `step_tokens`: of the largest step;
    `recomputable`: whether the model's layers can be recomputed.

    Recomputing costs a third more arithmetic; smaller micro-batches cost nearly nothing above 1,024 tokens. So the
    micro-batch shrinks first, and only then are layers recomputed. It shrinks by eighths of a power of two: 16 rows of the
    published recipe are 4,176 tokens on average, and a budget just above that computes most steps in one pass.
    """
    least = min(max(longest, SMALLEST_BUDGET), max(step_tokens, longest))
    budgets = [max(step_tokens, longest)]
    while budgets[-1] > least:
        below = budgets[-1] - 1
        eighth = max((1 << below.bit_length() - 1) // 8, 1)  # of the largest power of two below
        budgets.append(max(below // eighth * eighth, least))
    found = [Candidate(tokens, "none") for tokens in budgets]
    if not recomputable:
        return found + ([Candidate(longest, "none")] if longest < least else [])
    for checkpointing in ("half", "all"):
        found += [Candidate(tokens, checkpointing) for tokens in budgets if tokens <= max(4 * SMALLEST_BUDGET, least)]
    if longest < least:
        found.append(Candidate(longest, "all"))
    return found


@dataclass(frozen=True)
class Shapes:
    """Sizes of a decoder, in elements. Read from a config by job/modeling/architecture.py."""

    hidden: int
    layers: int
    query: int
    keys: int
    inner: int
    vocabulary: int


@dataclass(frozen=True)
class Adapter:
    """Sizes of a LoRA adapter, over all layers that it is on."""

    parameters: int
    inputs: int
    """Width of the inputs kept for its backward pass: layers of one module with the same input keep it once."""
    dropped: int
    """Width of all inputs: with dropout each keeps a mask, one bit an element, or a byte where our kernels are off."""


@dataclass(frozen=True)
class Weights:
    """Bytes of a base on a card."""

    whole: int
    shared: int
    """Of it the 4-bit weights of the decoder layers, without their scales: what workers can share."""
    largest_layer: int
    """The part of `shared` that the largest layer has."""

    def on_a_card(self, held: Held, workers: int) -> int:
        """The most that one of `workers` has of it at a time."""
        if held == "whole":
            return self.whole
        own = -(-self.shared // workers) if held == "sharded" else 0
        return self.whole - self.shared + own + min(GATHERED_LAYERS * self.largest_layer, self.shared)


def predict(
    shapes: Shapes, adapter: Adapter, candidate: Candidate, *, weight_bytes: int, dropout: float, width: int = 2
) -> int:
    """Peak bytes that PyTorch reserves in a training step. `width`: bytes of the compute dtype; `weight_bytes`: of the
    base, what this card has of it."""
    # adapter, gradient and moments in float32, and a copy in the compute dtype
    fixed = weight_bytes + adapter.parameters * (4 * (2 + MOMENTS) + width)
    kept = (
        2 * shapes.hidden * width  # what enters the two norms
        + (shapes.query + 2 * shapes.keys) * width  # queries, keys, values
        + shapes.query * width  # what attention gives, which is what its output projection takes
        + 2 * shapes.inner * width  # gate and up
        + adapter.inputs * width / shapes.layers
        + (adapter.dropped / 8 / shapes.layers if dropout else 0)
    )
    share = {"none": 1.0, "half": 0.5, "all": 0.0}[candidate.checkpointing]
    entering = shapes.hidden * width
    held = shapes.layers * (share * kept + (1 - share) * entering) + (kept if share < 1 else 0)
    largest = shapes.hidden * max(shapes.inner, shapes.query) * width
    in_a_layer = candidate.tokens * (shapes.inner + 3 * shapes.hidden) * width + 2 * largest
    in_the_head = HEAD_SLICE * shapes.vocabulary * (4 + 2 * width) + candidate.tokens * shapes.hidden * (2 * width + 4)
    return int(fixed + candidate.tokens * held + max(in_a_layer, in_the_head))
