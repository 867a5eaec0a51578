"""A step that several GPUs share."""

from __future__ import annotations

import pytest

from job.plan.cost import CARDS
from job.plan.parallel import (
    HELD,
    LINK_BYTES,
    NETWORK_BYTES,
    PCIE_BYTES,
    TEAM_SECONDS,
    WORTH,
    Step,
    exchange_seconds,
    gather_seconds,
    largest_share,
    pays,
    rows_of,
    workers_of,
)
from job.settings.fields import TrainSettings
from tests.bench import parallel_paper


@pytest.mark.light
@pytest.mark.parametrize(
    ("gpus", "devices", "rows", "workers", "each"),
    [(1, "auto", 16, 1, 16), (8, "auto", 16, 8, 2), (24, "auto", 16, 16, 1), (8, 3, 16, 3, 6), (8, 8, 4, 4, 1)],
)
def test_no_more_workers_than_rows_or_than_the_setting_says(
    gpus: int, devices: str | int, rows: int, workers: int, each: int
) -> None:
    train = TrainSettings(devices=devices, batch_size=rows)
    assert (workers_of(gpus, train), rows_of(workers_of(gpus, train), train)) == (workers, each)


@pytest.mark.light
def test_the_longest_row_is_the_least_that_one_worker_takes() -> None:
    assert largest_share([], 4, 16) == 0.25
    assert largest_share([], 3, 16) == 6 / 16
    assert largest_share([100] * 64, 8, 16) == 0.125
    assert largest_share([10] * 15 + [150], 16, 16) == 0.5
    assert largest_share([10] * 15 + [150], 2, 16) == 0.5
    assert largest_share([10, 20], 16, 16) == pytest.approx(20 / 240), "fewer rows than a step takes come again"
    assert largest_share([50, 60, 70], 1, 16) == 1


@pytest.mark.light
def test_each_step_has_short_rows_and_long_ones() -> None:
    assert largest_share(list(range(1, 161)), 2, 16) == pytest.approx(0.5, rel=0.02)


@pytest.mark.light
def test_the_exchange_passes_the_slowest_link_twice() -> None:
    assert exchange_seconds(36.7e6, "T4", 1) == 0
    assert exchange_seconds(36.7e6, "T4", 4) == TEAM_SECONDS + 2 * 36.7e6 / (HELD * LINK_BYTES["T4"])
    assert exchange_seconds(36.7e6, "T4", 8, hosts=2) == TEAM_SECONDS + 2 * 36.7e6 / NETWORK_BYTES
    times = [exchange_seconds(1e9, card, 2) for card in LINK_BYTES]
    assert times == sorted(times, reverse=True)


@pytest.mark.light
def test_launches_are_the_least_that_a_step_takes() -> None:
    assert Step(1, 16, kernels=4.0, launching=0.1).seconds == 4.0
    assert Step(8, 2, kernels=0.02, launching=0.1, exchange=0.03).seconds == pytest.approx(0.13)
    assert Step(8, 2, kernels=0.02, launching=0.1, exchange=0.03, gathers=0.5).seconds == pytest.approx(0.53)


@pytest.mark.light
def test_a_gather_brings_the_parts_of_the_others_and_its_own_only_from_main_memory() -> None:
    assert gather_seconds(8e9, "whole", "T4", 8) == 0
    assert gather_seconds(8e9, "sharded", "T4", 8) == 7e9 / (HELD * LINK_BYTES["T4"])
    assert gather_seconds(8e9, "sharded", "T4", 16, hosts=2) == 7.5e9 / NETWORK_BYTES
    own = gather_seconds(8e9, "offloaded", "H100", 8) - gather_seconds(8e9, "sharded", "H100", 8)
    assert own == pytest.approx(1e9 / (HELD * PCIE_BYTES["H100"]))


def test_a_run_decides_with_the_same_share() -> None:
    from job.training.parallel import gain

    assert WORTH == gain.WORTH


@pytest.mark.light
def test_the_table_on_paper_says_where_more_gpus_stop_helping() -> None:
    """`python -m tests.bench.parallel_paper`: a T4 gains until each has a row or two, an H100 more with many rows a step."""
    head, _, *rows = parallel_paper.lines(tuple(card for card in CARDS if card.name in ("T4", "H100")))
    assert head.startswith("| GPUs | hosts | T4, 16 rows: s a step | T4, 64 rows: s a step | H100, 16 rows")
    seconds = [[float(cell.split()[0]) for cell in row.split(" | ")[2:]] for row in rows]
    t4, _, h100, h100_64 = zip(*seconds, strict=True)
    assert t4[0] / t4[2] > 3.5
    assert t4[3] / t4[-1] < 1.2, "16 rows are too few for 64 GPUs"
    assert h100.index(min(h100)) == 3, "eight in a host; between hosts the exchange takes longer than the share"
    assert h100[0] / min(h100) < 3 < h100_64[0] / min(h100_64)
    assert rows[-1].count("48 idle") == 2


def test_the_table_of_bases_says_how_they_are_held_and_where_they_do_not_fit() -> None:
    head, _, *rows = parallel_paper.held_lines(tuple(card for card in CARDS if card.name in ("T4", "L4", "H100")))
    assert head == "| base | GPUs | T4 | L4 | H100 |"
    cells = {tuple(row.split(" | ")[:2]): row.strip(" |").split(" | ")[2:] for row in rows}
    assert len(rows) == 3 * 4
    assert all(cell.startswith("whole, ") for row in rows[:8] for cell in row.strip(" |").split(" | ")[2:])
    assert cells["| Llama 3.3 70B", "1"][:2] == ["does not fit"] * 2
    assert cells["| Llama 3.3 70B", "2"][0] == "offloaded, but not loaded"
    assert [cell.partition(",")[0] for cell in cells["| Llama 3.3 70B", "8"]] == [
        "offloaded",
        "sharded",
        "whole",
    ]


@pytest.mark.light
def test_sharing_has_to_pay_unless_a_number_is_asked_for() -> None:
    alone, auto, four = Step(1, 16, 1.0, 0.1), TrainSettings(), TrainSettings(devices=4)
    good, poor = Step(4, 4, 0.25, 0.1, 0.05), Step(4, 4, 0.8, 0.1, 0.06)
    assert [pays(alone, good, auto), pays(alone, poor, auto), pays(alone, poor, four)] == [True, False, True]
    assert not pays(alone, alone, four)
