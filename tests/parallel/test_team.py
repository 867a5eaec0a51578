"""Real workers, connected by gloo: they train what one process trains, and their end is the leader's error."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from job.errors import HostUnfit, JobError, MemoryExhausted, Stopped
from job.hosts.places import Place
from job.modeling.batching import Row
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles
from job.modeling.refusals import not_in_4_bits
from job.parallel import others as others_module
from job.parallel.board import Board
from job.parallel.others import Others
from job.parallel.team import Team, require_same
from job.parallel.wire import Order
from job.runs.deaths import Ended
from job.runs.progress import counts
from job.runs.signals import StopRequest
from job.settings.fields import LoraSettings, ModelSettings
from job.training.parallel.beginning import WORKER, prepared_together
from job.training.parallel.computing import facts, losses_of
from job.training.preparation import Prepared, prepare
from job.training.rows import read_rows
from job.training.trainer import Float32AdapterTrainer
from tests.conftest import make_rows, write_rows
from tests.faults.nodes import free_port
from tests.training.building import SETTINGS, adapter, tokenizer_of, trainer_of

LORA = LoraSettings(dropout=0.0)


@pytest.fixture(autouse=True)
def _no_group_is_left() -> Iterator[None]:
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


@pytest.mark.light
def test_workers_that_would_train_something_else_are_named_with_what_differs() -> None:
    mine = {"precision": "float16", "rows": [10, 2]}
    require_same(mine, dict(mine), "Worker 1 of 2")
    with pytest.raises(HostUnfit, match=r"Worker 1 of 2 .*precision='float32' instead of 'float16'\."):
        require_same(mine, mine | {"precision": "float32"}, "Worker 1 of 2")


@pytest.mark.light
@pytest.mark.parametrize(
    ("theirs", "wanted"),
    [
        ({"precision": "bfloat16"}, "Set FINETUNE_TRAIN_PRECISION=float16, in which"),  # an L4 beside a T4
        ({"precision": "float32"}, "Set FINETUNE_TRAIN_PRECISION=float32, in which"),
        ({"rows": [9, 2]}, "Use the same libraries, files and kind of GPU"),
    ],
)
def test_cards_that_chose_another_precision_are_given_one_for_all(theirs: dict[str, object], wanted: str) -> None:
    mine = {"precision": "float16", "rows": [10, 2]}
    with pytest.raises(HostUnfit) as caught:
        require_same(mine, mine | theirs, "Worker 1 of 2")
    assert caught.value.remedy.startswith(wanted)


def rows_of(base: Path, path: Path) -> list[Row]:
    return read_rows(Chat(tokenizer_of(base)), path, "answers", 512)


def request_of(base: Path, path: Path, held: str = "whole") -> dict[str, object]:
    return {
        "held": held,
        "capability": None,
        "module": WORKER,
        "folder": str(base),
        "name": str(base),
        "revision": "",
        "model": ModelSettings(base=str(base)).model_dump(mode="json"),
        "lora": LORA.model_dump(mode="json"),
        "train": SETTINGS.model_dump(mode="json"),
        "rows": str(path),
        "eval_rows": str(path),
        "root": "",
        "halved": False,
    }


def trainer_in(
    base: Path, rows: list[Row], folder: Path, sharing_with: Team | None = None
) -> tuple[Prepared, Float32AdapterTrainer]:
    files = BaseFiles(base, str(base), "")
    load = partial(prepare, files, tokenizer_of(base), LORA, SETTINGS, rows, eval_rows=rows)
    made = prepared_together(sharing_with, load, "sharded") if sharing_with else load()
    trainer = trainer_of(made.loaded.forward, rows, folder)
    trainer.eval_rows = rows
    return made, trainer


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 rows: steps of 8, 8 and 4."""
    texts = [{"system": "", "question": row["input"], "answer": row["output"]} for row in make_rows(20)]
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", texts)


@pytest.mark.parametrize("held", ["whole", "sharded"])
def test_three_workers_train_what_one_trains_until_one_is_killed(
    base: Path, path: Path, tmp_path: Path, held: str
) -> None:
    """The same adapter up to the order of sums, after a ragged last step; the same losses of the same rows; then its end."""
    rows = rows_of(base, path)
    made, alone = trainer_in(base, rows, tmp_path / "alone")
    before = counts()["tokens"]
    alone.evaluate()
    alone.train()
    tokens = counts()["tokens"] - before
    wanted = adapter(made.loaded.forward).clone()

    with (
        pytest.raises(JobError, match=r"Worker 2 of 3: The process was ended by SIGKILL"),
        Team(request_of(base, path, held), [""] * 3) as team,
    ):
        made, trainer = trainer_in(base, rows, tmp_path / "three", team if held == "sharded" else None)
        trainer.team = team
        team.join(facts(made, rows, rows), made.loaded.forward.device)
        assert team.mixed == ""
        before = counts()["tokens"]
        trainer.evaluate()
        trainer.train()
        assert counts()["tokens"] - before == tokens or held == "sharded"  # where who has fewer passes makes empty ones
        found = adapter(made.loaded.forward)
        assert float((found - wanted).norm() / wanted.norm()) < 1e-5
        assert trainer.state.global_step == alone.state.global_step == 3
        ours, theirs = ([entry.eval_loss or entry.loss for entry in one.watch.log.entries] for one in (alone, trainer))
        assert ours == pytest.approx(theirs, rel=1e-6)

        some = rows[:2]  # fewer than workers
        order = Order("gradients", learned=sum(row.targets for row in some))
        trainer.model.zero_grad()
        own = team.begin_gradients(trainer.parameters, some, [0, 1], order)
        assert own == some[:1] or own == some[1:]
        loss = team.finish_gradients(trainer.parameters, trainer._gradients(own, order.learned))
        assert float(loss) == pytest.approx(sum(trainer_losses(alone, some)) / order.learned, rel=1e-4)

        began = time.monotonic()
        team._children.processes[2].kill()
        while time.monotonic() < began + 60:
            trainer.evaluate()


def test_a_host_that_goes_dark_ends_a_collective_that_nothing_else_would_end(
    base: Path, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without power: its connections stay open, and no word comes. Its worker is one of this host that is stopped, its board
    one of this process that falls silent."""
    monkeypatch.setattr(others_module, "SILENT_SECONDS", 2)
    rows, port, stop = rows_of(base, path), free_port(), StopRequest()
    places = [Place(rank, 2, None, "127.0.0.1", port, "a test") for rank in range(2)]
    others = Others(places[0], seconds=10, stop=stop)
    board = Board(places[1], seconds=10)
    made, trainer = trainer_in(base, rows, tmp_path)
    with (
        stop.listening(),
        stop.polled(),
        pytest.raises(Stopped, match=r"process 1 of 2\) gave no sign for"),
        Team(request_of(base, path), ["", ""], others, [2, 0]) as team,
    ):
        trainer.team = team
        team.join(facts(made, rows, rows), made.loaded.forward.device)
        trainer.evaluate()
        team._children.processes[1].send_signal(signal.SIGSTOP)
        board.close()
        trainer.evaluate()
    others.board.close()


def trainer_losses(trainer: Float32AdapterTrainer, rows: list[Row]) -> list[float]:
    return losses_of(trainer.forward, trainer.memory_plan, rows)


@pytest.mark.light
@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("terminate called: CUDA error: uncorrectable ECC error encountered\n", HostUnfit),
        ("terminate called: CUDA out of memory. Tried to allocate 20.00 MiB\n", MemoryExhausted),
        ("terminate called: something else\n", Ended),
    ],
)
def test_a_worker_that_native_code_ends_is_classified_as_a_single_process_is(words: str, error: type[JobError]) -> None:
    with pytest.raises(error, match="Worker 1 of 2: ") as caught, Team(dying(words), ["", ""]) as team:
        team.join({}, torch.device("cpu"))
    assert type(caught.value) is error
    assert (words.strip() in str(caught.value)) == (error is not Ended)


def dying(words: str) -> dict[str, object]:
    return {"module": "tests.parallel.dying", "words": words}


@pytest.mark.parametrize("held", ["whole", "sharded"])
def test_a_worker_without_an_evaluation_row_gives_its_part_of_the_base(
    base: Path, path: Path, tmp_path: Path, held: str
) -> None:
    """Two rows, three workers: the third passes through the layers all the same, or the others wait for it for ever."""
    rows = rows_of(base, path)
    two = tmp_path / "two.jsonl"
    two.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:2]), "utf-8")
    with Team(request_of(base, path, held) | {"eval_rows": str(two)}, [""] * 3) as team:
        made, trainer = trainer_in(base, rows, tmp_path / "three", team if held == "sharded" else None)
        trainer.team, trainer.eval_rows = team, rows[:2]
        team.join(facts(made, rows, rows[:2]), made.loaded.forward.device)
        shared = trainer.evaluate()
    made, alone = trainer_in(base, rows, tmp_path / "alone")
    alone.eval_rows = rows[:2]
    assert alone.evaluate() == pytest.approx(shared, rel=1e-6)


def test_a_worker_that_cannot_begin_says_why(base: Path, path: Path, tmp_path: Path) -> None:
    request = request_of(base, path) | {"folder": str(tmp_path / "gone")}
    with pytest.raises(JobError, match="Worker 1 of 2: ") as caught, Team(request, ["", ""]) as team:
        team.join({}, torch.device("cpu"))
    assert caught.value.remedy
    assert all(child.poll() is not None for child in team._children.processes.values())


def test_a_check_that_meets_the_end_of_a_worker_is_no_refusal(base: Path, path: Path, tmp_path: Path) -> None:
    """A layer that others no longer help to gather is no layer that transformers cannot compute."""

    def check() -> None:
        while not team._children.ended():  # it imports for seconds before
            time.sleep(0.05)
        try:
            raise RuntimeError("[pair.cc:561] Connection closed by peer [127.0.0.1]:23961")
        except RuntimeError as error:
            raise not_in_4_bits("some/base", error) from error

    request = request_of(base, path) | {"folder": str(tmp_path / "gone")}
    with pytest.raises(JobError, match=r"^Worker 1 of 2: "), Team(request, ["", ""]) as team:
        team.together(check)
    refused = HostUnfit("A card has no room.")
    with pytest.raises(HostUnfit) as caught, Team(request_of(base, path), ["", ""]) as team:
        team.together(partial(_raise, refused))
    assert caught.value is refused


def _raise(error: JobError) -> None:
    raise error
