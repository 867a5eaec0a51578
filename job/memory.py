"""GPU memory of a training step, from the shapes in a base model's config: which ways there are to cut a step, in the order
of their speed, and what each needs. Imports no heavy library; the card has the last word (job/training/ladder.py).

The model counts what the backward pass keeps of each token and layer on the fast path (job/training/levers.py), what a
layer and the head need for a moment, and what is there all the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from job.settings import LoraSettings

GIB = 2**30
T4_BYTES = int(14.56 * GIB)
"""What PyTorch sees of a T4's 16 GB with error correction on."""
RESERVE_SHARE = 0.08
"""Of the card, left alone: fragments, another step's longer rows, a display."""
SMALLEST_BUDGET = 1024
"""Below this many tokens a product does not fill a T4, and recomputing layers costs less than smaller micro-batches."""
HEAD_SLICE = 512
"""Positions whose logits exist at once (job/training/head.py)."""
MOMENTS = 2

Checkpointing = Literal["none", "half", "all"]


@dataclass(frozen=True)
class Rung:
    """A way to cut a step: tokens of a micro-batch at most, and which layers are computed again in the backward pass."""

    tokens: int
    checkpointing: Checkpointing

    def __str__(self) -> str:
        layers = {"none": "no layer", "half": "every second layer", "all": "every layer"}[self.checkpointing]
        return f"micro-batches of {self.tokens:,} tokens, {layers} recomputed"


def rungs(longest: int, step_tokens: int) -> list[Rung]:
    """All ways, fastest first. `longest`: tokens of the longest row, `step_tokens`: of the largest step.

    Recomputing costs a third more arithmetic, smaller micro-batches above 1,024 tokens nearly none: so first the
    micro-batch shrinks, then layers are recomputed.
    """
    least = min(max(longest, SMALLEST_BUDGET), max(step_tokens, longest))
    budgets = [max(step_tokens, longest)]
    while budgets[-1] > least:
        power = 1 << (budgets[-1] - 1).bit_length() - 1  # the largest power of two below
        between = power + power // 2
        budgets.append(max(between if between < budgets[-1] else power, least))
    found = [Rung(tokens, "none") for tokens in budgets]
    for checkpointing in ("half", "all"):
        found += [Rung(tokens, checkpointing) for tokens in budgets if tokens <= max(4 * SMALLEST_BUDGET, least)]
    if longest < least:
        found.append(Rung(longest, "all"))
    return found


@dataclass(frozen=True)
class Shapes:
    """Of a Llama-like decoder: sizes in elements."""

    hidden: int
    layers: int
    query: int
    keys: int
    inner: int
    vocabulary: int
    tied: bool

    @classmethod
    def of(cls, config: dict[str, Any]) -> Shapes | None:
        """None where the architecture's shapes are not those of a Llama-like decoder."""
        try:
            heads = int(config["num_attention_heads"])
            hidden = int(config["hidden_size"])
            head = int(config.get("head_dim") or hidden // heads)
            return cls(
                hidden=hidden,
                layers=int(config["num_hidden_layers"]),
                query=heads * head,
                keys=int(config.get("num_key_value_heads") or heads) * head,
                inner=int(config["intermediate_size"]),
                vocabulary=int(config["vocab_size"]),
                tied=bool(config.get("tie_word_embeddings")),
            )
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def linear(self) -> dict[str, tuple[int, int]]:
        """(in, out) of the 4-bit layers of one decoder layer."""
        return {
            "q_proj": (self.hidden, self.query),
            "k_proj": (self.hidden, self.keys),
            "v_proj": (self.hidden, self.keys),
            "o_proj": (self.query, self.hidden),
            "gate_proj": (self.hidden, self.inner),
            "up_proj": (self.hidden, self.inner),
            "down_proj": (self.inner, self.hidden),
        }

    def lora_parameters(self, lora: LoraSettings) -> int | None:
        """None where a target is not one of the layers above."""
        if any(target not in self.linear for target in lora.targets):
            return None
        return self.layers * lora.r * sum(sum(self.linear[target]) for target in lora.targets)


def predict(shapes: Shapes, lora: LoraSettings, rung: Rung, *, width: int = 2) -> int | None:
    """Peak bytes that PyTorch reserves in a training step. `width`: bytes of the compute dtype. None: unknown targets."""
    parameters = shapes.lora_parameters(lora)
    if parameters is None:
        return None
    weights = shapes.layers * sum(rows * columns for rows, columns in shapes.linear.values())
    embedding = shapes.vocabulary * shapes.hidden * width * (1 if shapes.tied else 2)
    # 4 bits and a float32 scale for 64 weights; adapter, gradient and moments in float32, copies in the compute dtype
    fixed = weights * (0.5 + 4 / 64) + embedding + parameters * (4 * (2 + MOMENTS) + width)

    targets = set(lora.targets)
    kept = (
        2 * shapes.hidden * width  # what enters the two norms
        + (shapes.query + 2 * shapes.keys) * width  # queries, keys, values
        + shapes.query * width  # what attention gives
        + 2 * shapes.inner * width  # gate and up
    )
    kept += shapes.hidden * width if targets & {"q_proj", "k_proj", "v_proj"} else 0
    kept += shapes.hidden * width if targets & {"gate_proj", "up_proj"} else 0
    kept += shapes.inner * width if "down_proj" in targets else 0
    kept += sum(shapes.linear[target][0] for target in targets) if lora.dropout else 0  # masks, a byte an element

    share = {"none": 1.0, "half": 0.5, "all": 0.0}[rung.checkpointing]
    entering = shapes.hidden * width
    held = shapes.layers * (share * kept + (1 - share) * entering) + (kept if share < 1 else 0)
    largest = max(rows * columns for rows, columns in shapes.linear.values()) * width
    in_a_layer = rung.tokens * (shapes.inner + 3 * shapes.hidden) * width + 2 * largest
    in_the_head = HEAD_SLICE * shapes.vocabulary * (4 + 2 * width) + rung.tokens * shapes.hidden * (2 * width + 4)
    return int(fixed + rung.tokens * held + max(in_a_layer, in_the_head))
