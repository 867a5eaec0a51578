"""GPUs of several kinds: the slowest is named. Dicts as workers send them."""

from __future__ import annotations

import pytest

from job.parallel.slowest import mixed

T4 = {"name": "Tesla T4", "bytes": 15_637_086_208, "capability": [7, 5]}
L4 = {"name": "NVIDIA L4", "bytes": 23_600_000_000, "capability": [8, 9]}
A100 = {"name": "NVIDIA A100-SXM4-40GB", "bytes": 42_300_000_000, "capability": [8, 0]}
L40S = {"name": "NVIDIA L40S", "bytes": 47_700_000_000, "capability": [8, 9]}
TITAN = {"name": "NVIDIA TITAN RTX", "bytes": 25_200_000_000, "capability": [7, 5]}


def test_cards_of_one_kind_need_no_word() -> None:
    assert mixed([T4, T4, T4]) == ""
    assert mixed([{}, {}]) == "", "workers on a CPU"


def test_the_slowest_is_named_with_its_workers_and_what_to_do() -> None:
    assert mixed([L4, T4, L4, T4]) == (
        "GPUs of several kinds train together (2 x NVIDIA L4, 2 x Tesla T4), and each step waits for the slowest, Tesla T4 "
        "(worker 1, 3); CUDA_VISIBLE_DEVICES can leave it out"
    )


@pytest.mark.parametrize(
    ("cards", "slowest"),
    [
        ([A100, L4], "NVIDIA L4"),  # of a newer generation, and yet slower
        ([L40S, A100], "NVIDIA A100-SXM4-40GB"),  # an L40S is no L4: by memory
        ([TITAN, L4], "NVIDIA L4"),  # unknown, and so by memory, too
        ([TITAN, T4], "Tesla T4"),
    ],
)
def test_data_sheets_decide_where_all_are_known_and_memory_where_one_is_not(
    cards: list[dict[str, object]], slowest: str
) -> None:
    assert f"waits for the slowest, {slowest} (" in mixed(cards)
