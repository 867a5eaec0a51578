"""The loss in slices is the loss of the model's own head."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from job.training.optimizations.head import SLICE, Form, HeadLoss, form_of, product_of, token_losses
from tests.training.building import forward_of


@pytest.mark.parametrize("form", [Form(), Form(scale=0.5), Form(cap=3.0), Form(2.0, 3.0)], ids=str)
def test_more_positions_than_a_slice_give_the_loss_and_gradient_of_the_whole(form: Form) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(SLICE + 37, 16, requires_grad=True)
    weight, targets = torch.randn(50, 16), torch.randint(0, 50, (SLICE + 37,))
    HeadLoss.apply(hidden, weight, targets, form).mul(0.25).backward()
    found = hidden.grad
    hidden.grad = None
    logits = form.scale * (hidden @ weight.T)
    logits = form.cap * torch.tanh(logits / form.cap) if form.cap else logits
    torch.nn.functional.cross_entropy(logits, targets, reduction="sum").mul(0.25).backward()
    torch.testing.assert_close(found, hidden.grad)
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(token_losses(hidden, weight, targets, form), each)


@pytest.mark.parametrize("words", [3, 8, 48, 49, 55])
def test_every_row_of_logits_begins_where_16_bytes_can_be_read(words: int) -> None:
    hidden, weight = torch.randn(5, 16).bfloat16(), torch.randn(words, 16).bfloat16()
    product = product_of(hidden, weight)
    assert product.shape == (5, words) and product.stride(0) * product.element_size() % 16 == 0
    torch.testing.assert_close(product, hidden @ weight.T)


def test_a_head_with_a_bias_or_one_that_is_trained_is_refused(base: Path) -> None:
    model = forward_of(base).base
    assert form_of(model) == Form()
    head = model.get_output_embeddings()
    head.weight.requires_grad_(True)
    with pytest.raises(NotImplementedError, match="not one frozen matrix"):
        form_of(model)
    head.weight.requires_grad_(False)
    head.bias = torch.nn.Parameter(torch.zeros(len(head.weight)))
    with pytest.raises(NotImplementedError, match="not one frozen matrix"):
        form_of(model)


def test_ignored_positions_add_exactly_zero_and_get_no_gradient() -> None:
    """Whatever stands there, in the slice that it shares with others."""
    torch.manual_seed(0)
    hidden, weight, targets = torch.randn(SLICE + 9, 16), torch.randn(50, 16), torch.randint(0, 50, (SLICE + 9,))
    ignored = torch.arange(SLICE + 9) % 3 == 0
    kept = hidden[~ignored].requires_grad_()
    known = HeadLoss.apply(kept, weight, targets[~ignored])
    known.backward()
    hidden[ignored] = torch.inf
    hidden.requires_grad_()
    found = HeadLoss.apply(hidden, weight, targets, Form(), ignored)
    found.backward()
    torch.testing.assert_close(found, known)
    assert hidden.grad is not None and kept.grad is not None
    torch.testing.assert_close(hidden.grad[~ignored], kept.grad)
    assert not hidden.grad[ignored].any()
