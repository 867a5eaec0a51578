"""Which GPU each worker takes."""

from __future__ import annotations

import pytest

from job.errors import HostUnfit, SettingsError
from job.hosts.cards import cards_of, require_rows, visible_cards, workers_and_hosts, workers_of
from job.hosts.places import Place
from job.settings.fields import TrainSettings

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


def test_a_process_that_a_launcher_started_for_one_gpu_takes_that_one() -> None:
    cards = ["0", "1"]
    assert cards_of("auto", 16, 1, on_gpu=True, cards=cards) == ["1"]
    assert cards_of("auto", 16, None, on_gpu=True, cards=cards) == cards
    assert cards_of("auto", 16, 1, on_gpu=True, cards=["GPU-5a"]) == ["GPU-5a"]  # the queue shows it no other
    assert cards_of(4, 16, 1, on_gpu=False, cards=[]) == [""]
    with pytest.raises(HostUnfit, match=r"GPU 2 of its host \(LOCAL_RANK\), but sees 2"):
        cards_of("auto", 16, 2, on_gpu=True, cards=cards)


def test_a_number_of_workers_needs_as_many_rows_in_a_step() -> None:
    two = Place(1, 2, None, "host", 29500, "a test")
    for_one_gpu = Place(1, 8, 1, "host", 29500, "torchrun")
    require_rows(TrainSettings(devices=4, batch_size=8), two)
    require_rows(TrainSettings(devices="auto", batch_size=1), two)
    require_rows(TrainSettings(devices=4, batch_size=8), for_one_gpu)
    with pytest.raises(SettingsError, match=r"FINETUNE_TRAIN_DEVICES: 8 processes of torchrun are 8 .*BATCH_SIZE=1"):
        require_rows(TrainSettings(devices=4, batch_size=1), for_one_gpu)
    with pytest.raises(SettingsError, match=r"FINETUNE_TRAIN_DEVICES: 4 on each of 2 hosts are 8 .*BATCH_SIZE=7"):
        require_rows(TrainSettings(devices=4, batch_size=7), two)
    with pytest.raises(SettingsError, match=r"FINETUNE_TRAIN_DEVICES: 2 are 2 workers"):
        require_rows(TrainSettings(devices=2, batch_size=1), None)


def test_workers_of_a_run_are_counted_as_if_all_hosts_were_alike() -> None:
    four, auto = [str(number) for number in range(4)], TrainSettings()
    assert workers_and_hosts(auto, None, four) == (4, 1)
    assert workers_and_hosts(TrainSettings(devices=2), None, four) == (2, 1)
    assert workers_and_hosts(auto, None, []) == (1, 1)
    three_hosts = Place(0, 3, None, "host", 29500, "a test")
    assert workers_and_hosts(auto, three_hosts, four) == (12, 3)
    assert workers_and_hosts(TrainSettings(batch_size=8), three_hosts, four) == (8, 2), "as many as have rows"
    assert workers_and_hosts(TrainSettings(devices=2), three_hosts, four) == (6, 3)
    a_gpu_each = Place(0, 8, 0, "host", 29500, "torchrun")
    assert workers_and_hosts(auto, a_gpu_each, four) == (8, 8)
