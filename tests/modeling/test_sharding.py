"""How workers hold a base, and what would fit where none of the ways does. Shapes alone, of the real models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from job.errors import HostUnfit
from job.modeling.architecture import Architecture
from job.modeling.memory import GIB, Held
from job.modeling.sharding import Fit, require_room_to_load
from job.settings.fields import LoraSettings, TrainSettings
from tests.bench.parallel_paper import EIGHT_B, SEVENTY_B, base_of

T4, L4, A100, H100 = (int(size * GIB) for size in (13.4, 20.2, 36.2, 72.8))
"""Usable bytes."""


@pytest.fixture(scope="module")
def eight_b() -> Architecture:
    return base_of(EIGHT_B, "eight-b")


@pytest.fixture(scope="module")
def seventy_b() -> Architecture:
    return base_of(SEVENTY_B, "seventy-b")


def fit_of(base: Architecture, workers: int, usable: int, *, hosts: int = 1, main: int = 0, **train: object) -> Fit:
    settings = TrainSettings(**({"max_tokens": 512} | train))  # type: ignore[arg-type]
    return Fit(base, settings, LoraSettings(), workers, usable, 2, hosts, main)


@pytest.mark.parametrize(
    ("usable", "workers", "way"),
    [
        (H100, 8, "whole"),
        (A100, 2, "sharded"),
        (A100, 1, "whole"),  # which the check before a run refuses
        (L4, 4, "sharded"),
        (L4, 2, "offloaded"),
        (T4, 8, "offloaded"),
        (T4 // 2, 8, "whole"),  # nothing fits, and the check refuses it
    ],
)
def test_the_first_way_that_fits_is_taken(usable: int, workers: int, way: Held, seventy_b: Architecture) -> None:
    assert fit_of(seventy_b, workers, usable).held == way


def test_the_setting_decides_where_more_than_one_way_fits(eight_b: Architecture) -> None:
    ways = {shard: fit_of(eight_b, 2, T4, shard=shard).held for shard in ("auto", "none", "full")}
    assert ways == {"auto": "whole", "none": "whole", "full": "sharded"}
    assert fit_of(eight_b, 1, T4, shard="full").held == "whole", "nobody is there to share with"


def test_full_is_offloaded_only_where_nothing_else_fits(seventy_b: Architecture) -> None:
    assert fit_of(seventy_b, 8, L4, shard="full").held == "sharded"
    assert fit_of(seventy_b, 2, L4, shard="full").held == "offloaded"
    assert fit_of(seventy_b, 8, T4 // 2, shard="full").held == "sharded"
    assert fit_of(seventy_b, 8, T4, shard="none").held == "whole"


def test_a_base_is_shared_only_if_main_memory_can_read_it(seventy_b: Architecture, eight_b: Architecture) -> None:
    assert fit_of(seventy_b, 8, T4).main_need / GIB == pytest.approx(39.8, abs=0.1)
    for usable, way in ((T4, "offloaded"), (L4, "sharded")):
        assert fit_of(seventy_b, 8, usable, main=int(40 * GIB)).held == way
        assert fit_of(seventy_b, 8, usable, main=int(39 * GIB)).held == "whole"
    assert fit_of(eight_b, 8, T4, main=GIB).held == "whole"


def test_the_workers_of_a_host_share_what_they_can_without_the_network(seventy_b: Architecture) -> None:
    parts = {
        (workers, hosts): fit_of(seventy_b, workers, L4, hosts=hosts).parts
        for workers, hosts in ((8, 1), (8, 2), (8, 8), (9, 2))
    }
    assert parts == {(8, 1): 8, (8, 2): 4, (8, 8): 8, (9, 2): 4}
    four, two = (fit_of(seventy_b, 4, L4, hosts=hosts) for hosts in (1, 2))
    assert (four.held, two.held) == ("sharded", "offloaded")


def test_float32_counts_with_four_bytes(seventy_b: Architecture) -> None:
    """Embedding and head take 7.8 GiB in place of 3.9 on every card."""
    assert fit_of(seventy_b, 4, L4).held == "sharded"
    assert replace(fit_of(seventy_b, 4, L4), width=4).held == "offloaded"


def test_a_config_without_sizes_is_decided_by_its_weights(
    seventy_b: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.modeling.prediction.shapes_of", lambda config: None)
    assert fit_of(seventy_b, 8, L4).need("whole") == seventy_b.weights(2).whole
    assert fit_of(seventy_b, 8, L4).held == "sharded"


def advice(base: Architecture, workers: int, usable: int, **train: object) -> str:
    return fit_of(base, workers, usable, **train).advice()


def test_what_would_fit_is_named(seventy_b: Architecture, eight_b: Architecture) -> None:
    assert advice(seventy_b, 1, L4) == "Use 4 such GPUs in one host, or use a larger GPU."
    assert advice(seventy_b, 1, L4, devices=1).startswith(
        "Use 4 such GPUs in one host and FINETUNE_TRAIN_DEVICES=auto,"
    )
    assert advice(seventy_b, 1, L4, batch_size=2).startswith(
        "Use 4 such GPUs in one host with FINETUNE_TRAIN_BATCH_SIZE=4 or more,"
    )
    assert advice(eight_b, 1, T4, max_tokens=65536).startswith("Lower FINETUNE_TRAIN_MAX_TOKENS (16,384 would fit)")
    assert advice(seventy_b, 8, T4 // 4) == "Use larger GPUs or a smaller FINETUNE_MODEL_BASE."
    for tokens in (16384, 32768):
        fits = fit_of(eight_b, 1, T4).need("whole", tokens) <= T4
        assert fits == (tokens == 16384), "it is the largest half, quarter, ... that fits"


def test_a_base_that_needs_to_be_shared_says_so_where_it_may_not(seventy_b: Architecture) -> None:
    said = advice(seventy_b, 8, L4, shard="none")
    assert said.startswith("Set FINETUNE_TRAIN_SHARD=auto: 8 workers that share the base's layers need about 1")
    assert "FINETUNE_TRAIN_SHARD" not in advice(seventy_b, 8, T4 // 4, shard="none")
    assert "such GPUs" not in advice(seventy_b, 1, L4, shard="none"), "more of them would hold all of it, too"


def test_a_base_that_only_several_hosts_hold_is_refused(seventy_b: Architecture) -> None:
    """8 workers with a T4 each train it, but the round-trip check of two in a host has no room."""
    fit = fit_of(seventy_b, 8, T4, hosts=4)
    assert fit.held == "offloaded"
    require_room_to_load(fit, 4, "Tesla T4")
    with pytest.raises(
        HostUnfit, match=r"seventy-b takes 39\.\d GiB in 4 bits, and the GPUs of a host \(2 x Tesla T4\) have 26\.8 GiB"
    ) as caught:
        require_room_to_load(fit, 2, "Tesla T4")
    assert caught.value.remedy.startswith("Use 4 such GPUs in one host")
    with pytest.raises(HostUnfit) as caught:
        require_room_to_load(fit_of(seventy_b, 8, GIB), 8, "Tesla T4")
    assert caught.value.remedy.startswith("Use larger GPUs")
