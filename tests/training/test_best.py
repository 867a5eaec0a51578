"""The adapter with the lowest evaluation loss is kept, alone, and is what it was when it is used."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from job.training import checkpoints
from job.training.best import BestAdapter
from tests.training.building import forward_of


@pytest.fixture(scope="module")
def model(base: Path) -> PeftModel:
    return forward_of(base).model


def test_a_lower_loss_takes_the_place_and_a_higher_one_does_not(model: PeftModel, tmp_path: Path) -> None:
    best = BestAdapter(tmp_path / "best")
    assert best.found() == (math.inf, 0)
    assert best.is_whole()
    for step, loss, kept in ((5, 2.0, 5), (10, 2.5, 5), (15, 1.5, 15), (20, 1.5, 15)):
        best.keep(model, loss, step)
        (tmp_path / "best" / "my notes").touch()
        assert best.found()[1] == kept
        found = sorted(path.name for path in (tmp_path / "best").iterdir())
        assert found == [best.path(kept).name, "best.json", "my notes"]
    (tmp_path / "best" / "best.json").write_text("", "utf-8")
    assert best.found() == (math.inf, 0)
    assert (tmp_path / "best" / "broken-best.json").exists()


@pytest.fixture
def training(model: PeftModel, tmp_path: Path) -> tuple[BestAdapter, Path]:
    """Evaluations at steps 5 and 10, a checkpoint after each; the later adapter is the better one."""
    best = BestAdapter(tmp_path / "best")
    newest = tmp_path
    for step, loss in ((5, 2.0), (10, 1.5)):
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.01)
        best.keep(model, loss, step)
        newest = tmp_path / "checkpoints" / f"checkpoint-{step}"
        model.save_pretrained(newest, save_embedding_layers=False)
        checkpoints.seal(newest)
    return best, newest


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


SPOILED: dict[str, Callable[[BestAdapter], object]] = {
    "a flipped adapter": lambda best: flip(best.path(10)),
    "no adapter": lambda best: best.path(10).unlink(),
    "an empty file of facts": lambda best: (best.folder / "best.json").write_text(""),
    "flipped facts": lambda best: flip(best.folder / "best.json"),
    "no facts": lambda best: (best.folder / "best.json").unlink(),
    "nothing": lambda best: [path.unlink() for path in best.folder.iterdir()],
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_broken_best_adapter_is_made_again_from_the_checkpoint_of_its_step(
    name: str, training: tuple[BestAdapter, Path]
) -> None:
    best, newest = training
    whole = best.path(10).read_bytes()
    SPOILED[name](best)
    assert best.recover(newest)
    assert best.found() == (1.5, 10)
    assert best.path(10).read_bytes() == whole
    assert best.is_whole()


def test_without_that_checkpoint_it_is_lost(training: tuple[BestAdapter, Path], model: PeftModel) -> None:
    """Another adapter is not taken for it, the newest neither."""
    best, newest = training
    later = newest.with_name("checkpoint-15")
    model.save_pretrained(later, save_embedding_layers=False)
    checkpoints.seal(later)
    flip(best.path(10))
    assert not best.is_whole()
    flip(newest / "adapter_model.safetensors")
    assert not best.recover(later)


def test_a_better_one_of_later_steps_that_broke_gives_way_to_that_of_the_checkpoint(
    training: tuple[BestAdapter, Path], model: PeftModel
) -> None:
    best, newest = training
    best.keep(model, 1.0, 15)
    flip(best.path(15))
    assert best.recover(newest)
    assert best.found() == (1.5, 10)
    assert best.is_whole()


def test_before_the_first_evaluation_there_is_none_to_lose(training: tuple[BestAdapter, Path]) -> None:
    best, newest = training
    (newest / "best.json").unlink()
    flip(best.path(10))
    flip(newest / "adapter_model.safetensors")
    assert best.recover(newest)
    assert best.found() == (math.inf, 0)
