"""Each optimization gives what the reference path gives: the same loss and the same gradients of the adapter. Real NF4 on the
CPU; the tests marked gpu run the same on a card, in 16 bits, with the kernels that a T4 and a newer GPU would take."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from job.training import copies, graph_choice
from job.training.forward import Forward, Revert
from job.training.optimizations.comparison import gradients
from job.training.optimizations.registry import OPTIMIZATIONS, Entry
from job.training.optimizations.self_test import SelfTest
from tests.bench.train_speed import all_lines
from tests.conftest import PROJECT, make_base
from tests.training.building import BY_NAME, ON_A_CPU, differences, forward_of, prepared, random_rows


@pytest.mark.parametrize("optimization", ON_A_CPU, ids=lambda entry: entry.name)
def test_an_optimization_gives_what_the_reference_path_gives(
    optimization: Entry, forward: Forward, with_optimizations: Callable[..., Forward]
) -> None:
    rows = random_rows(5)
    reference = gradients(forward, rows)
    loss, gradient = differences(reference, gradients(with_optimizations(optimization.name), rows))
    assert loss < 1e-6
    assert gradient < 1e-5


def test_an_entry_more_is_tested_recorded_and_logged(base: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing but the tuple: one that is right, one that is wrong by a tenth of a percent, one that raises."""

    def right(forward: Forward, longest: int) -> Revert:
        assert longest == max(len(row.ids) for row in rows)
        return lambda: None

    def wrong(forward: Forward, longest: int) -> Revert:
        norm = forward.base.get_decoder().norm.weight
        norm.data.mul_(1.001)
        return lambda: norm.data.div_(1.001)

    def broken(forward: Forward, longest: int) -> Revert:
        raise RuntimeError("no kernel image is available for execution on the device\nmore")

    more = [Entry(enable.__name__, "Nothing.", enable) for enable in (right, wrong, broken)]
    rows = random_rows(9)
    caplog.set_level(logging.INFO, "job")
    step = prepared(base, rows, optimizations=(*OPTIMIZATIONS, *more)).step
    assert [found.name for found in step.optimizations] == [entry.name for entry in (*OPTIMIZATIONS, *more)]
    results = {found.name: found for found in step.optimizations}
    assert results["right"].on and results["lora4bit"].on
    assert not results["wrong"].on and "differs from the reference path" in results["wrong"].reason
    assert results["broken"].reason == "RuntimeError: no kernel image is available for execution on the device"
    for entry in (*OPTIMIZATIONS, *more):
        assert f"stage=train optimization={entry.name} on={str(results[entry.name].on).lower()}" in caplog.text


def test_the_training_page_has_the_registrys_table() -> None:
    page = (PROJECT / "job" / "training" / "README.md").read_text("utf-8")
    table = "".join(f"| `{entry.name}` | {entry.words} |\n" for entry in OPTIMIZATIONS)
    assert f"| name | what it does |\n| --- | --- |\n{table}\n" in page, f"the table is now\n{table}"


def test_the_benchmark_has_a_line_without_each_optimization() -> None:
    without = [line.without for line in all_lines().values() if line.without]
    assert sorted(without) == sorted([*(entry.name for entry in OPTIMIZATIONS), graph_choice.NAME, copies.NAME])


def test_an_entry_says_what_it_does_in_one_sentence() -> None:
    assert len({entry.name for entry in OPTIMIZATIONS}) == len(OPTIMIZATIONS)
    for entry in OPTIMIZATIONS:
        assert entry.words.endswith(".") and ". " not in entry.words


# --- on a card -------------------------------------------------------------------------------------------------------


BUILT_ON = {
    "heads": (BY_NAME["packed_rows"],),
    "dropout": (BY_NAME["lora4bit"],),
    "loss": (BY_NAME["sliced_head"],),
}
"""What an optimization is a part of; every other one is tested alone."""


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("kernel", ["flash", "memory efficient"])
@pytest.mark.parametrize("optimization", OPTIMIZATIONS, ids=lambda entry: entry.name)
def test_an_optimization_gives_what_the_reference_path_gives_on_a_gpu(
    optimization: Entry, kernel: str, precision: str, tmp_path: Path
) -> None:
    forward = forward_of(_wide_base(tmp_path / "base"), precision, dropout=0.05)
    try:
        torch.backends.cuda.enable_flash_sdp(kernel == "flash")
        before = BUILT_ON.get(optimization.name, ())
        *_, result = SelfTest(forward, random_rows(6, longest=120)).enable([*before, optimization])
        print(optimization.name, kernel, precision, result.differs)
        assert result.on, result.reason
    finally:
        torch.backends.cuda.enable_flash_sdp(True)
        forward.revert_optimizations()


@pytest.mark.gpu
def test_all_optimizations_pass_their_self_test_on_a_gpu(tmp_path: Path) -> None:
    for precision in ("float16", "bfloat16"):
        forward = forward_of(_wide_base(tmp_path / precision), precision, dropout=0.05)
        assert [result.reason for result in SelfTest(forward, random_rows(3)).enable()] == [""] * len(OPTIMIZATIONS)
        forward.revert_optimizations()


def _wide_base(folder: Path) -> Path:
    """Heads of 64 channels, grouped queries: what the kernels want."""
    return make_base(folder, hidden_size=256, num_attention_heads=4, num_key_value_heads=2)
