"""What a run needs of a machine with a named card."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import SettingsError
from job.plan.cost import CARDS, T4
from job.settings.fields import Settings
from job.settings.loading import load_file
from job.submit.estimate import USUAL, needs_of, parameters_of, seconds_of, tokens_of
from tests.submit.manifests import env_file

pytestmark = pytest.mark.light


def settings(folder: Path, *lines: str, base: str = "owner/Bicycle-3B") -> Settings:
    sources = (
        () if any(line.startswith("FINETUNE_DATA_SOURCES") for line in lines) else ("FINETUNE_DATA_SOURCES=a/b=900",)
    )
    return load_file(env_file(folder, *sources, f"FINETUNE_MODEL_BASE={base}", *lines))[0]


@pytest.mark.parametrize(
    ("base", "billions"),
    [
        ("meta-llama/Llama-3.2-3B-Instruct", 3),
        ("a/Bicycle2.5-0.5B", 0.5),
        ("a/bicycle-135m-it", 0.135),
        ("a/Bicycles-8x7B-v0.1", 56),
        ("a/Bicycle-30B-A3B", 30),
        ("7b/bicycle-bnb-4bit", None),
        ("a/Bicycle-3.2-mini", None),
    ],
)
def test_the_name_of_a_base_says_its_size(base: str, billions: float | None, tmp_path: Path) -> None:
    parameters, known = parameters_of(settings(tmp_path, base=base))
    assert known == (billions is not None)
    assert parameters == (billions or 8) * 1e9


@pytest.mark.parametrize(("dtype", "width"), [("bfloat16", 2), ("float32", 4)])
def test_a_base_in_a_folder_is_measured(dtype: str, width: int, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(f'{{"dtype": "{dtype}"}}', "utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"x" * 4000)
    assert parameters_of(settings(tmp_path, base=str(tmp_path))) == (4000 // width, True)


@pytest.mark.parametrize(
    ("lines", "tokens"),
    [
        (["FINETUNE_DATA_SOURCES=a/b=100,a/c=50"], 150 * 512),
        (["FINETUNE_DATA_SOURCES=a/b=100,a/c"], None),
        (["FINETUNE_DATA_SOURCES=a/b", "FINETUNE_DATA_MAX_ROWS=10"], 10 * 512),
        (["FINETUNE_DATA_SOURCES=a/b=100", "FINETUNE_DATA_MAX_ROWS=10", "FINETUNE_TRAIN_MAX_TOKENS=100"], 1000),
        (["FINETUNE_DATA_SOURCES={}/rows.jsonl"], 1000),
        (["FINETUNE_DATA_SOURCES={}/rows.jsonl=1"], 512),
    ],
)
def test_tokens_are_counted_from_rows_or_bytes(lines: list[str], tokens: int | None, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"x" * 4000)
    assert tokens_of(settings(tmp_path, *(line.format(tmp_path) for line in lines))) == tokens


def test_the_medical_run_needs_the_machine_of_a_t4(tmp_path: Path) -> None:
    needs = needs_of(settings(tmp_path, "FINETUNE_DATA_SOURCES=a/b=5927"), "T4")
    assert (needs.memory_gib, needs.disk_gb, needs.memory_mib) == (USUAL.memory_gib, USUAL.disk_gb, 14000)
    assert needs.words == "a base of 3.0 billion parameters: 14 GiB of memory, 80 GB of disk"
    assert needs.limit_words == f"time limit {needs.max_hours} h: 3 times the estimate of 1.6 h, and at least 2 h"
    assert needs.max_hours == 5


def test_a_faster_card_takes_less_time_and_float32_more(tmp_path: Path) -> None:
    rows = "FINETUNE_DATA_SOURCES=a/b=100000"
    times = [seconds_of(settings(tmp_path, rows), card, 3_000_000_000) or 0 for card in CARDS]
    assert times == sorted(times, reverse=True)
    slow = seconds_of(settings(tmp_path, rows, "FINETUNE_TRAIN_PRECISION=float32"), T4, 3_000_000_000)
    assert (slow or 0) > 2 * times[0]


def test_more_gpus_need_more_memory_and_less_time(tmp_path: Path) -> None:
    rows = settings(tmp_path, "FINETUNE_DATA_SOURCES=a/b=100000")
    hours = [needs_of(rows, "T4", gpus, nodes).max_hours for gpus, nodes in ((1, 1), (2, 1), (4, 1), (4, 2), (4, 4))]
    assert hours == sorted(hours, reverse=True)
    assert hours[0] > 1.9 * hours[1] > 3.5 * hours[2]
    assert [needs_of(rows, "T4", gpus).memory_gib for gpus in (1, 4)] == [14, 41]
    assert needs_of(rows, "T4", 4, 2).words.endswith(": 41 GiB of memory, 80 GB of disk each")


def test_gpus_without_rows_shorten_nothing(tmp_path: Path) -> None:
    few = settings(tmp_path, "FINETUNE_DATA_SOURCES=a/b=100000", "FINETUNE_TRAIN_BATCH_SIZE=4")
    assert seconds_of(few, T4, 3_000_000_000, 4) == seconds_of(few, T4, 3_000_000_000, 8)


def test_where_launches_set_the_pace_one_gpu_trains_and_its_time_counts(tmp_path: Path) -> None:
    small = settings(tmp_path, "FINETUNE_DATA_SOURCES=a/b=1000000", base="a/b-135M")
    h100 = CARDS[-1]
    assert seconds_of(small, h100, 135_000_000, 8) == seconds_of(small, h100, 135_000_000)
    asked = settings(tmp_path, "FINETUNE_DATA_SOURCES=a/b=1000000", "FINETUNE_TRAIN_DEVICES=8", base="a/b-135M")
    assert (seconds_of(asked, h100, 135_000_000, 8) or 0) > (seconds_of(small, h100, 135_000_000) or 0)


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    needs = needs_of(settings(tmp_path, "FINETUNE_DATA_SOURCES=a/b", base="a/bicycle"), "L4")
    assert needs.max_hours == USUAL.max_hours
    assert needs.words.startswith("a base of 8.0 billion parameters, assumed, since its name does not say: ")
    assert needs.limit_words == "time limit 24 h: as always where the number of rows is unknown"


def test_a_larger_base_needs_more_disk_and_a_small_one_less_memory(tmp_path: Path) -> None:
    assert needs_of(settings(tmp_path, base="a/b-30B"), "A100").disk_gb == 190
    quickstart = needs_of(settings(tmp_path, base="quickstart"), "T4")
    assert quickstart.memory_gib == 10
    assert " million parameters: " in quickstart.words


def test_a_base_that_cannot_fit_the_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--gpu T4: a/b-70B has about 70 billion .* 33 GiB .* FINETUNE_MODEL_BASE"):
        needs_of(settings(tmp_path, base="a/b-70B"), "T4")
    assert needs_of(settings(tmp_path, base="a/b-70B"), "H100").words


def test_a_base_that_the_cards_of_a_host_hold_together_is_not_refused(tmp_path: Path) -> None:
    large = settings(tmp_path, base="a/b-70B")
    with pytest.raises(SettingsError, match=r"and 2 cards 29\.1 GiB; name a larger card, more of them"):
        needs_of(large, "T4", 2)
    with pytest.raises(SettingsError, match=r"and the card 14\.6 GiB"):
        needs_of(large, "T4", 1, nodes=8)  # the round-trip check loads it on one host
    with pytest.raises(SettingsError, match=r"and the card 14\.6 GiB"):
        needs_of(settings(tmp_path, "FINETUNE_TRAIN_SHARD=none", base="a/b-70B"), "T4", 8)
    needs, on_h100 = needs_of(large, "T4", 8), needs_of(large, "H100", 8)
    assert needs.memory_gib == on_h100.memory_gib + 37, "main memory reads it"


def test_gathers_of_shared_layers_take_their_time(tmp_path: Path) -> None:
    """Of short rows longer than the kernels, and longest where each layer passes a network."""
    rows = ("FINETUNE_DATA_SOURCES=a/b=10000", "FINETUNE_TRAIN_MAX_TOKENS=128")
    shared = settings(tmp_path, *rows, base="a/b-70B")
    apart = settings(tmp_path, *rows, "FINETUNE_TRAIN_SHARD=none", base="a/b-70B")
    l4 = CARDS[1]
    in_a_host, whole = (seconds_of(one, l4, 70_000_000_000, 8) or 0 for one in (shared, apart))
    assert in_a_host > 1.3 * whole
    assert (seconds_of(shared, l4, 70_000_000_000, 1, 8) or 0) > 3 * in_a_host
