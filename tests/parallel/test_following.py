"""A process that is not rank 0 ends as rank 0 does, and says what keeps it from joining. Rank 0 is here too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from job.errors import HostUnfit, SettingsError
from job.hosts.places import Place
from job.parallel import board as boards
from job.parallel import following
from job.parallel.board import Board
from job.parallel.following import Follower, refuse, require_same_settings, require_shared
from job.parallel.others import Others
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

    def meet(settings: Settings | None = None) -> tuple[Others, Follower]:
        leaders = settings_of(tmp_path, devices=2)
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


def test_rank_0_that_is_gone_ends_it_with_75(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    others, follower = meet()
    until(lambda: follower.board.of(0).get("run"))
    monkeypatch.setattr(following, "SILENT_SECONDS", 0.5)
    others.board.close()
    assert follower.work() == 75
