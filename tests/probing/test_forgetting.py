"""How far the tuned model is from the base on general text, and what it still gets right."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from job.modeling.batching import Row
from job.modeling.chat import Chat
from job.probing import forgetting
from job.probing.forgetting import MOST_NATS, answered, distance, general_rows, is_right, log_probability
from job.probing.general import read
from tests.training.building import forward_of, tokenizer_of


def test_the_distance_is_the_divergence_of_the_base_from_the_tuned_model() -> None:
    base, tuned = torch.tensor([[0.0, 0.0], [2.0, -1.0]]), torch.tensor([[math.log(3), 0.0], [2.0, -1.0]])
    first = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert distance(base, tuned) == pytest.approx(first / 2)
    assert distance(base, base) == 0


def test_the_distance_is_the_same_in_pieces() -> None:
    torch.manual_seed(1)
    base, tuned = torch.randn(100, 50), torch.randn(100, 50)
    known = torch.nn.functional.kl_div(
        tuned.log_softmax(-1), base.log_softmax(-1), reduction="batchmean", log_target=True
    )
    assert distance(base, tuned) == pytest.approx(float(known), rel=1e-5)


def test_logits_that_are_no_numbers_are_as_far_away_as_can_be() -> None:
    base, broken = torch.zeros(2, 4), torch.full((2, 4), math.nan)
    assert distance(base, broken) == MOST_NATS
    assert distance(torch.tensor([[0.0, -math.inf]]), torch.tensor([[0.0, 1.0]])) == pytest.approx(math.log(1 + math.e))
    assert distance(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, -math.inf]])) == MOST_NATS


def test_the_probability_is_of_all_learned_tokens() -> None:
    row = Row((7, 1, 0), ((1, 3),))
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    assert log_probability(logits, row) == pytest.approx(math.log(0.75) + math.log(0.5))


def test_right_is_what_is_likelier_than_all_others() -> None:
    assert is_right([-2.0, -1.0, -3.0, -4.0], 1)
    assert not is_right([-2.0, -1.0, -3.0, -4.0], 0)
    assert not is_right([-1.0, -1.0, -3.0, -4.0], 0)
    assert not is_right([math.nan] * 4, 0)


def test_answers_stand_behind_the_prompt_and_end_before_the_template_goes_on(base: Path) -> None:
    chat = Chat(tokenizer_of(base))
    ((row),) = answered(chat, "", [("Why?", "So be it.")])
    ((begin, end),) = row.learned
    assert row.ids[:begin] == chat.prompt_ids("", "Why?")
    assert chat.tokenizer.decode(row.ids[begin:end]).strip() == "So be it."
    assert len(row.ids) == end


def test_an_adapter_that_changes_nothing_forgets_nothing_and_another_is_measured(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts, choices = read()
    monkeypatch.setattr(forgetting, "read", lambda: (prompts[:6], choices[:8]))
    monkeypatch.setattr(forgetting, "UNKNOWN_TEXT", 20.0)  # the tiny base knows next to nothing
    model = forward_of(base).model.eval()
    chat = Chat(tokenizer_of(base))
    same = general_rows(model, chat)
    assert same.kl == [0.0] * 6
    assert same.base_right == same.tuned_right
    assert len(same.base_right) == 8
    assert 0 < same.base_loss < 20
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    other = general_rows(model, chat)
    assert all(0.01 < value < MOST_NATS for value in other.kl)
    assert other.base_loss == pytest.approx(same.base_loss)
    assert other.base_right == same.base_right
    monkeypatch.setattr(forgetting, "UNKNOWN_TEXT", 1.0)
    assert general_rows(model, chat).base_right == []
