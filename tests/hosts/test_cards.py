"""Which GPU each worker takes."""

from __future__ import annotations

import pytest

from job.errors import HostUnfit
from job.hosts.cards import visible_cards, workers_of

pytestmark = pytest.mark.light


def test_the_variable_names_the_cards() -> None:
    assert visible_cards({"CUDA_VISIBLE_DEVICES": "2, GPU-5a,"}) == ["2", "GPU-5a"]
    assert visible_cards({"CUDA_VISIBLE_DEVICES": ""}) == []


def test_each_card_gets_a_worker_but_no_more_than_a_step_has_rows() -> None:
    cards = ["0", "1", "2", "3"]
    assert workers_of("auto", 16, on_gpu=True, cards=cards) == cards
    assert workers_of("auto", 2, on_gpu=True, cards=cards) == ["0", "1"]
    assert workers_of(3, 16, on_gpu=True, cards=cards) == ["0", "1", "2"]


def test_a_cpu_has_one_worker_unless_more_are_asked_for() -> None:
    assert workers_of("auto", 16, on_gpu=False) == [""]
    assert workers_of(2, 16, on_gpu=False, cards=["0", "1"]) == ["", ""]


def test_more_gpus_than_there_are_cannot_be_had() -> None:
    with pytest.raises(
        HostUnfit, match=r"FINETUNE_TRAIN_DEVICES=4 asks for more GPUs than the 2 that this job sees \(0, 1\)"
    ):
        workers_of(4, 16, on_gpu=True, cards=["0", "1"])
    assert workers_of(1, 16, on_gpu=True, cards=[]) == [""]
