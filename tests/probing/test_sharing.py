"""Real workers on a CPU give the answers and losses of one process; how they end is the leader's error."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from job.errors import JobError, Stopped
from job.modeling.adapter_file import lora_tensors
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles
from job.modeling.generation import Answer
from job.parallel.team import LOOK_SECONDS
from job.probing import answers as answers_module
from job.probing import losses as losses_module
from job.probing.answers import TIMED_TOKENS, answer_all
from job.probing.losses import HeldOut, mean_losses
from job.probing.sharing import IMPORT_SECONDS, Kind, Share, Sharing, Timed
from job.probing.stage import WORKER
from job.probing.tuned import Tuned
from job.settings.fields import ModelSettings, ProbeSettings
from tests.training.building import forward_of, random_rows, tokenizer_of

SETTINGS = ProbeSettings(max_new_tokens=TIMED_TOKENS + 8)
PROMPTS = [list(row.ids) for row in random_rows(40, longest=30)]
ROWS = [HeldOut(number, number, (row,), number) for number, row in enumerate(random_rows(24, seed=5))]
AT_ONCE = -IMPORT_SECONDS
"""Workers are worth it whatever is left to do."""
Look = Callable[[], None]


class Probed:
    """A base, two adapters of one training, and what a worker needs to load them."""

    def __init__(self, base: Path, folder: Path) -> None:
        model = forward_of(base).model
        numbers = torch.Generator().manual_seed(1)
        self.adapters = {}
        for name in ("10", "20"):
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.requires_grad:
                        parameter.copy_(torch.randn(parameter.shape, generator=numbers) * 0.2)
            self.adapters[name] = folder / f"{name}.safetensors"
            save_file(lora_tensors(model), self.adapters[name])
        model.save_pretrained(folder / "adapter")
        self.request: dict[str, Any] = {
            "module": WORKER,
            "folder": str(base),
            "name": str(base),
            "revision": "",
            "model": ModelSettings(base=str(base)).model_dump(mode="json"),
            "precision": "float32",
            "adapter": str(folder / "adapter"),
            "probe": {"max_new_tokens": SETTINGS.max_new_tokens},
            "unpacked": False,
        }
        tokenizer = tokenizer_of(base)
        self.chat = Chat(tokenizer)
        self.tuned = Tuned.load(BaseFiles(base, str(base), ""), tokenizer, torch.float32, folder / "adapter")

    def share(self, kind: Kind, sharing: Sharing | None) -> Share | None:
        return partial(sharing.share, kind, self.adapters, math.inf) if sharing else None

    def answers(self, sharing: Sharing | None = None, look: Look = lambda: None) -> dict[str, list[Answer | None]]:
        models, share = self.tuned.models(self.adapters), self.share("answers", sharing)
        return answer_all(self.tuned.model, self.chat, PROMPTS, SETTINGS, models, look=look, share=share)

    def losses(self, sharing: Sharing | None = None, look: Look = lambda: None) -> dict[str, list[float]]:
        models, share = self.tuned.models(self.adapters), self.share("losses", sharing)
        return mean_losses(self.tuned.model, self.chat.tokenizer.pad_token_id, ROWS, models, look=look, share=share)


@pytest.fixture(scope="module")
def probed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Probed:
    return Probed(base, tmp_path_factory.mktemp("adapters"))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the leader, who cuts them."""
    monkeypatch.setattr(answers_module, "MOST_ON_A_CPU", 9)
    monkeypatch.setattr(losses_module, "MOST_TOKENS_ON_A_CPU", 100)


def waiting(sharing: Sharing) -> Look:
    """The leader looks no further until all workers have loaded, and have done something since."""

    def told() -> list[int | None]:
        team = sharing.team
        return [team.wire.told("tokens", rank) for rank in range(1, team.workers)] if team else []

    def look() -> None:
        while sharing.team and (None in (now := told()) or sum(filter(None, now)) <= before):
            sharing.look()
            time.sleep(LOOK_SECONDS)

    before = sum(filter(None, told()))
    return look


@pytest.mark.parametrize("workers", [2, 4])
def test_answers_and_losses_are_those_of_one_process(workers: int, probed: Probed) -> None:
    known = probed.answers(), probed.losses()
    with Sharing([""] * workers, probed.request, AT_ONCE, lambda: None) as sharing:
        answers = probed.answers(sharing, waiting(sharing))
        losses = probed.losses(sharing, waiting(sharing))
        assert sharing.team and sharing.team.workers == workers
        children = [*sharing.team._children.processes.values()]
    assert answers == known[0]
    assert all(None not in some for some in answers.values())
    assert len({tuple(answer.text for answer in some if answer) for some in answers.values()}) == 3
    for name, some in known[1].items():
        assert losses[name] == pytest.approx(some, rel=1e-6)
    assert all(child.poll() is not None for child in children)


def test_alone_where_workers_would_be_ready_too_late(probed: Probed) -> None:
    with Sharing(["", ""], probed.request, 3600.0, lambda: None) as sharing:
        assert probed.answers(sharing) == probed.answers()
        assert probed.losses(sharing) == probed.losses()
        assert sharing.team is None


@pytest.mark.parametrize("left", [3.0, math.inf])
def test_alone_where_the_time_or_the_batches_are_over_before(left: float) -> None:
    """A worker would be ready in 10 seconds, and the leader alone would take 8, or has 3 left."""
    with Sharing(["", ""], {}, 10 - IMPORT_SECONDS, lambda: None) as sharing:

        def compute(numbers: Sequence[int], timed: Timed) -> list[int]:
            timed(4.0 if left == math.inf else 1000.0)
            return list(numbers)

        until = time.monotonic() + left
        assert sharing.share("answers", {}, until, str, [[0], [1, 2], [3]], compute) == [[0], [1, 2], [3]]
        assert sharing.team is None


def test_a_worker_that_is_killed_ends_the_probe(probed: Probed) -> None:
    with (
        pytest.raises(JobError, match=r"Worker 1 of 2: The process was ended by SIGKILL"),
        Sharing(["", ""], probed.request, AT_ONCE, lambda: None) as sharing,
    ):

        def look() -> None:
            wait()
            if sharing.team:
                sharing.team._children.processes[1].kill()
            sharing.look()

        wait = waiting(sharing)
        probed.answers(sharing, look)


def test_a_worker_that_cannot_load_says_why(probed: Probed, tmp_path: Path) -> None:
    request = probed.request | {"adapter": str(tmp_path / "gone")}
    with (
        pytest.raises(JobError, match=r"Worker 1 of 2: .*gone"),
        Sharing(["", ""], request, AT_ONCE, lambda: None) as sharing,
    ):
        probed.answers(sharing, waiting(sharing))


def test_a_stop_ends_the_workers_too(probed: Probed) -> None:
    children = []
    with pytest.raises(Stopped), Sharing(["", ""], probed.request, AT_ONCE, lambda: None) as sharing:

        def look() -> None:
            if sharing.team:
                children.extend(sharing.team._children.processes.values())
                raise Stopped("SIGTERM arrived.")

        probed.answers(sharing, look)
    assert children
    assert all(child.poll() is not None for child in children)
