"""The adapter with the lowest evaluation loss is kept beside the newest others, and each is what it was when it is used."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from job.training import checkpoints
from job.training.candidates import FACTS, Candidates
from tests.training.building import forward_of

EVALUATIONS = ((5, 2.0), (10, 2.5), (15, 1.5), (20, 1.5), (25, 1.7), (30, 1.8))


@pytest.fixture(scope="module")
def model(base: Path) -> PeftModel:
    return forward_of(base).model


@pytest.mark.parametrize(
    ("count", "steps"),
    [
        (1, ([5], [5], [15], [15], [15], [15])),
        (2, ([5], [5, 10], [10, 15], [15, 20], [15, 25], [15, 30])),
        (3, ([5], [5, 10], [5, 10, 15], [10, 15, 20], [15, 20, 25], [15, 25, 30])),
    ],
)
def test_the_lowest_loss_and_the_newest_others_are_kept(
    count: int, steps: tuple[list[int], ...], model: PeftModel, tmp_path: Path
) -> None:
    candidates = Candidates(tmp_path / "candidates", count)
    assert candidates.best() == (math.inf, 0)
    assert candidates.is_whole()
    for (step, loss), kept in zip(EVALUATIONS, steps, strict=True):
        candidates.keep(model, loss, step)
        (tmp_path / "candidates" / "my notes").touch()
        assert [one["step"] for one in candidates.kept()] == kept
        found = {path.name for path in (tmp_path / "candidates").iterdir()}
        assert found == {*(candidates.path(step).name for step in kept), FACTS, "my notes"}
    assert candidates.best() == (1.5, 15)
    assert candidates.is_whole()
    (tmp_path / "candidates" / FACTS).write_text("", "utf-8")
    assert candidates.best() == (math.inf, 0)
    assert (tmp_path / "candidates" / f"broken-{FACTS}").exists()


def learn(model: PeftModel) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01)


def test_an_evaluation_that_is_repeated_gives_the_same_files_and_replaces_what_differs(
    model: PeftModel, tmp_path: Path
) -> None:
    """A run that is killed repeats them from its checkpoint on; on a GPU a repeated step may round otherwise."""
    candidates = Candidates(tmp_path / "candidates", 3)
    for step, loss in EVALUATIONS[:3]:
        candidates.keep(model, loss, step)
    before = {path.name: path.read_bytes() for path in candidates.folder.iterdir()}
    candidates.keep(model, *reversed(EVALUATIONS[1]))
    assert {path.name: path.read_bytes() for path in candidates.folder.iterdir()} == before
    learn(model)
    candidates.keep(model, 1.0, 10)
    assert [(one["step"], one["eval_loss"]) for one in candidates.kept()] == [(5, 2.0), (10, 1.0), (15, 1.5)]
    assert candidates.path(10).read_bytes() != before["adapter-10.safetensors"]
    assert candidates.is_whole()


# --- broken ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[1, 2])
def training(model: PeftModel, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Candidates, Path]:
    """Evaluations at steps 5 and 10, a checkpoint after each; the later adapter is the better one."""
    candidates = Candidates(tmp_path / "candidates", request.param)
    newest = tmp_path
    for step, loss in ((5, 2.0), (10, 1.5)):
        learn(model)
        candidates.keep(model, loss, step)
        newest = tmp_path / "checkpoints" / f"checkpoint-{step}"
        model.save_pretrained(newest, save_embedding_layers=False)
        checkpoints.seal(newest)
    return candidates, newest


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


SPOILED: dict[str, Callable[[Candidates], object]] = {
    "a flipped adapter": lambda candidates: flip(candidates.path(10)),
    "no adapter": lambda candidates: candidates.path(10).unlink(),
    "all adapters flipped": lambda candidates: [flip(path) for path in candidates.folder.glob("*.safetensors")],
    "an empty file of facts": lambda candidates: (candidates.folder / FACTS).write_text(""),
    "flipped facts": lambda candidates: flip(candidates.folder / FACTS),
    "no facts": lambda candidates: (candidates.folder / FACTS).unlink(),
    "nothing": lambda candidates: [path.unlink() for path in candidates.folder.iterdir()],
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_broken_candidate_is_made_again_from_the_checkpoint_of_its_step(
    name: str, training: tuple[Candidates, Path]
) -> None:
    candidates, newest = training
    kept = candidates.kept()
    whole = {path.name: path.read_bytes() for path in candidates.folder.glob("*.safetensors")}
    assert len(whole) == candidates.count
    SPOILED[name](candidates)
    assert candidates.recover(newest)
    assert candidates.kept() == kept
    assert candidates.best() == (1.5, 10)
    assert {path.name: path.read_bytes() for path in candidates.folder.glob("adapter-*.safetensors")} == whole
    assert candidates.is_whole()


def test_without_that_checkpoint_it_is_lost(training: tuple[Candidates, Path], model: PeftModel) -> None:
    """Another adapter is not taken for it, the newest neither."""
    candidates, newest = training
    later = newest.with_name("checkpoint-15")
    model.save_pretrained(later, save_embedding_layers=False)
    checkpoints.seal(later)
    flip(candidates.path(10))
    assert not candidates.is_whole()
    flip(newest / "adapter_model.safetensors")
    assert not candidates.recover(later)


def test_those_of_later_steps_that_broke_give_way_to_those_of_the_checkpoint(
    training: tuple[Candidates, Path], model: PeftModel
) -> None:
    candidates, newest = training
    kept = candidates.kept()
    candidates.keep(model, 1.0, 15)
    flip(candidates.path(15))
    assert candidates.recover(newest)
    assert candidates.kept() == kept
    assert candidates.is_whole()


def test_before_the_first_evaluation_there_is_none_to_lose(training: tuple[Candidates, Path]) -> None:
    candidates, newest = training
    (newest / FACTS).unlink()
    flip(candidates.path(10))
    flip(newest / "adapter_model.safetensors")
    assert candidates.recover(newest)
    assert candidates.best() == (math.inf, 0)
