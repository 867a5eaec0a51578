"""Lever: loss of the language-model head in slices, on the learned positions only, its gradient made in the same pass.

The head is frozen, so all that the backward pass needs is the gradient of the hidden states. The plain path holds logits of
every position, in 16 bits and again in float32, and their gradient: 2,048 tokens x 128,257 x (2 + 4 + 4) B = 2.6 GB; here
it is one slice: 512 x 128,257 x (2 + 4 + 2) B = 0.53 GB.
"""

from __future__ import annotations

from typing import Any

import torch

SLICE = 512


class HeadLoss(torch.autograd.Function):
    """Sum over P positions of the cross-entropy of hidden (P, H) @ weight (V, H).T against targets (P,), in float32."""

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.to(weight.dtype)
            total = torch.zeros((), dtype=torch.float32, device=hidden.device)
            needed = ctx.needs_input_grad[0]
            gradient = torch.empty_like(hidden) if needed else None
            for start in range(0, len(hidden), SLICE):
                some = hidden[start : start + SLICE]
                wanted = targets[start : start + SLICE, None]
                logits = (some @ weight.T).float()  # (S, V)
                sums = logits.logsumexp(-1, keepdim=True)
                total += (sums - logits.gather(1, wanted)).sum()
                if gradient is not None:
                    probabilities = logits.sub_(sums).exp_()
                    probabilities.scatter_add_(1, wanted, probabilities.new_full(wanted.shape, -1.0))
                    torch.mm(probabilities.to(weight.dtype), weight, out=gradient[start : start + SLICE])
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        # float16: the gradient of a sum is at most 2 in size, and the loss scale is applied here, in float32
        return (gradient.float() * grad).to(gradient.dtype), None, None


def fits(model: Any) -> bool:
    """Whether the model's logits are its last hidden state times the head, nothing more; the self-test decides the rest."""
    head = model.get_output_embeddings()
    return isinstance(head, torch.nn.Linear) and head.bias is None and not head.weight.requires_grad
