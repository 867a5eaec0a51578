"""A process that is not rank 0 ends as rank 0 does, and says what keeps it from joining. Rank 0 is here too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from job.errors import HostUnfit, NotFound, SettingsError
from job.hosts import main_memory
from job.hosts.places import Place
from job.modeling.files import BaseFiles
from job.parallel import board as boards
from job.parallel import following
from job.parallel.board import Board
from job.parallel.following import (
    Follower,
    finished_with,
    follow,
    refuse,
    require_same_settings,
    require_shared,
    require_weights,
)
from job.parallel.others import Others
from job.runs.files import write_json
from job.runs.lock import FolderLock, word_in
from job.settings.fields import DataSettings, ModelSettings, Settings
from job.stages import shared
from tests.faults.nodes import free_port
from tests.parallel.test_board import until

pytestmark = pytest.mark.light
Meet = Callable[..., tuple[Others, Follower]]


def settings_of(output: Path, **train: Any) -> Settings:
    return Settings(
        data=DataSettings(sources="quickstart"), model=ModelSettings(base="quickstart"), train=train, output_dir=output
    )


@pytest.fixture
def meet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Meet:
    monkeypatch.setattr(boards, "BEAT_SECONDS", 0.05)
    FolderLock(tmp_path).take()
    first, second = (Place(rank, 2, None, "127.0.0.1", free_port_of(tmp_path), "a test") for rank in range(2))

    def meet(settings: Settings | None = None, leaders: Settings | None = None) -> tuple[Others, Follower]:
        leaders = leaders or settings_of(tmp_path, devices=2)
        mine = settings or leaders
        others = Others(first, seconds=10, settings=shared(leaders), root=tmp_path)
        return others, Follower(Board(second, seconds=10), mine, shared(mine), "")

    return meet


def free_port_of(folder: Path) -> int:
    """The same for both."""
    path = folder / "port"
    if not path.exists():
        path.write_text(str(free_port()), "utf-8")
    return int(path.read_text("utf-8"))


def test_it_says_how_many_workers_it_has_and_ends_with_rank_0s_code(meet: Meet) -> None:
    others, follower = meet()
    until(lambda: follower.board.of(0).get("run"))
    follower._look()
    until(lambda: others.board.of(1).get("cards") == 2)
    assert others.weakest(None, others.counts(2, None)) is None
    others.board.tell(end={"code": 69, "message": "Worse."})
    assert follower.work() == 69


def test_other_settings_are_refused_with_the_variable_on_both(meet: Meet, tmp_path: Path) -> None:
    others, follower = meet(settings_of(tmp_path, learning_rate=0.5))
    following.SILENT_SECONDS, before = 0.2, following.SILENT_SECONDS
    try:
        assert follower.work() == 68
    finally:
        following.SILENT_SECONDS = before
    until(lambda: others.board.of(1).get("failed"))
    assert "FINETUNE_TRAIN_LEARNING_RATE: 0.0002 -> 0.5" in others.board.of(1)["failed"]["message"]


def test_it_tells_what_its_weakest_gpu_can(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    others, follower = meet()
    monkeypatch.setattr(following, "weakest_capability", lambda: (7, 5))
    until(lambda: follower.board.of(0).get("run"))
    follower._look()
    assert others.weakest((8, 9), others.counts(2, None)) == (7, 5)
    follower.board.close()
    others.board.close()


def test_a_precision_that_its_gpus_do_not_compute_is_refused(
    meet: Meet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rank 0 would not: its own GPUs may compute it."""
    others, follower = meet(settings_of(tmp_path, precision="bfloat16"), settings_of(tmp_path, precision="bfloat16"))
    monkeypatch.setattr(following, "weakest_capability", lambda: (7, 5))
    until(lambda: follower.board.of(0).get("run"))
    with pytest.raises(HostUnfit, match=r"FINETUNE_TRAIN_PRECISION=bfloat16, which a GPU of this host .*7\.5"):
        follower._look()
    follower.board.close()
    others.board.close()


def test_a_host_without_room_for_its_workers_refuses_to_start_them(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    others, follower = meet()
    monkeypatch.setattr(main_memory, "main_memory_bytes", lambda: 500_000_000)
    until(lambda: follower.board.of(0).get("run"))
    with pytest.raises(HostUnfit, match=r"0\.5 GB of main memory are free; starting 2 workers"):
        follower._look()
    follower.board.close()
    others.board.close()


def test_another_number_of_processes_is_refused(meet: Meet) -> None:
    """Some would stay idle, or be waited for, and nobody would say why."""
    others, follower = meet()
    follower.board.place = replace(follower.board.place, processes=3)
    until(lambda: follower.board.of(0).get("run"))
    with pytest.raises(SettingsError, match=r"NNODES, .*: 3 here, and 2 where rank 0 is"):
        follower._look()
    others.board.close()


def test_a_process_whose_start_is_refused_tells_rank_0(meet: Meet) -> None:
    others, follower = meet()
    follower.board.close()
    others.board.tell(end={"code": 64, "message": ""})
    refuse(follower.board.place, 64, "FINETUNE_X: wrong", seconds=20)
    until(lambda: others.board.of(1).get("left"))
    assert others.board.of(1)["failed"]["message"] == "FINETUNE_X: wrong"


def finished_run(folder: Path, **facts: Any) -> None:
    """Rank 0's, which has no other settings but the number of GPUs, and is gone."""
    settings = settings_of(folder, devices=4).model_dump(mode="json")
    write_json(folder / "metrics.json", {"settings": settings, "status": "succeeded", "exit_code": 0} | facts)


@pytest.mark.parametrize(("code", "minutes"), [(0, 30), (69, 30), (0, 0.001)])
def test_a_process_that_comes_after_the_end_of_a_finished_run_ends_as_that_did(
    code: int, minutes: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An evicted pod, made again: 68 would fail a Job that succeeded. Soon, and where it has waited its time."""
    monkeypatch.setattr(boards, "OVER_SECONDS", 0.1 if minutes == 30 else 60)
    finished_run(tmp_path, exit_code=code)
    settings = settings_of(tmp_path).model_copy(update={"watchdog_minutes": minutes})
    caplog.set_level("INFO", "job")
    place = Place(1, 2, None, "127.0.0.1", free_port(), "a test")
    assert follow(place, settings, shared(settings), "") == code
    assert f"exit_code={code}: rank 0 does not answer, and {tmp_path} has its run, which is finished" in caplog.text


OTHER_RUNS: tuple[dict[str, Any], ...] = (
    {"status": "running", "exit_code": None},
    {"status": "stopped", "exit_code": 75},  # goes on with the next start
    {"status": "failed", "exit_code": 68},
    {"settings": {}},
    {"settings": None},
    {"settings": settings_of(Path(), epochs=7).model_dump(mode="json")},
    {"settings": settings_of(Path()).model_copy(update={"stages": ("clean",)}).model_dump(mode="json")},
)


@pytest.mark.parametrize("facts", OTHER_RUNS)
def test_a_run_that_is_another_or_not_finished_is_waited_for(
    facts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "OVER_SECONDS", 0)
    finished_run(tmp_path, **facts)
    settings = settings_of(tmp_path).model_copy(update={"watchdog_minutes": 0.01})
    with pytest.raises(HostUnfit, match="Rank 0 does not answer"):
        follow(Place(1, 2, None, "127.0.0.1", free_port(), "a test"), settings, shared(settings), "")


def test_secrets_in_settings_are_compared_as_they_are_written(tmp_path: Path) -> None:
    plain = settings_of(tmp_path)
    model = plain.model.model_copy(update={"base": "http://a:passed-word@host/base"})
    secret = plain.model_copy(update={"model": model})
    assert finished_with(secret, shared(secret)) is None  # no file
    write_json(tmp_path / "metrics.json", {"settings": secret.model_dump(mode="json"), "exit_code": 0})
    assert "passed-word" not in (tmp_path / "metrics.json").read_text("utf-8")
    assert finished_with(secret, shared(secret)) == 0


def test_settings_that_change_no_result_may_differ() -> None:
    one = settings_of(Path("a"), devices=1, log_steps=1)
    require_same_settings(shared(one), shared(settings_of(Path("b"), devices=4, log_steps=2)))
    with pytest.raises(HostUnfit, match=r"FINETUNE_TRAIN_EPOCHS: 1.* -> 2.*; FINETUNE_TRAIN_SEED: 42 -> 7\."):
        require_same_settings(shared(settings_of(Path("b"), seed=7, epochs=2)), shared(one))


def test_a_folder_is_shared_if_it_holds_what_rank_0_wrote(tmp_path: Path) -> None:
    FolderLock(tmp_path).take()
    require_shared(tmp_path, word_in(tmp_path), seconds=0)
    for folder, word in ((tmp_path, "another"), (tmp_path / "elsewhere", word_in(tmp_path))):
        with pytest.raises(
            HostUnfit, match=f"The output folder {folder} is not the one that rank 0 works in"
        ) as caught:
            require_shared(folder, word, seconds=0)
        assert "FINETUNE_OUTPUT_DIR" in caught.value.remedy


@pytest.mark.parametrize(("revision", "remedy"), [("", "Copy rank 0's whole folder"), ("0" * 40, "HF_HUB_OFFLINE")])
def test_a_host_that_lacks_the_weights_says_so_with_the_folder(
    base: Path, tmp_path: Path, revision: str, remedy: str
) -> None:
    """Before, a worker that got its part of a shared base from the other host was refused for the hash of nothing."""
    require_weights(BaseFiles(base, str(base), revision))
    for path in base.glob("*.json"):
        shutil.copy(path, tmp_path)
    with pytest.raises(NotFound, match=f"This host lacks weights that rank 0 has, in {tmp_path}\\. ") as caught:
        require_weights(BaseFiles(tmp_path, "a/base", revision))
    assert remedy in caught.value.remedy


def test_rank_0_that_is_gone_ends_it_with_75(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    others, follower = meet()
    until(lambda: follower.board.of(0).get("run"))
    monkeypatch.setattr(following, "SILENT_SECONDS", 0.5)
    others.board.close()
    assert follower.work() == 75
