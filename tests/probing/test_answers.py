"""Which prompts share a batch, in what order answers come back, and what happens where memory or time run out."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from job.errors import MemoryExhausted, Stopped
from job.modeling.chat import Chat
from job.modeling.generation import Answer
from job.modeling.stacked import Mixed, Stack
from job.probing import answers as module
from job.probing.answers import (
    MOST_ON_A_CPU,
    SMALL_BATCH,
    TIMED_TOKENS,
    answer_all,
    rows_that_fit,
    unpacked_where_it_fits,
)
from job.runs.progress import counts
from job.settings.fields import ProbeSettings
from tests.training.building import forward_of, random_rows, tokenizer_of

SETTINGS = ProbeSettings(max_new_tokens=4)


def _unnamed() -> None:
    raise RuntimeError("sizes differ between layers")


UNNAMED = SimpleNamespace(config=SimpleNamespace(get_text_config=_unnamed))
CPU: Any = SimpleNamespace(device=torch.device("cpu"), modules=list, get_base_model=lambda: UNNAMED)
"""With a base whose config does not name its sizes."""
ONE = {"tuned": nullcontext}


def generator(fits: int, batches: list[list[int]]) -> Callable[..., list[Answer]]:
    """Answers a prompt with its length; memory runs out above `fits` prompts. Notes the lengths of each batch."""

    def generate(model: Any, chat: Any, prompts: list[list[int]], **_: Any) -> list[Answer]:
        batches.append([len(prompt) for prompt in prompts])
        if len(prompts) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return [Answer(str(len(prompt)), 1, True) for prompt in prompts]

    return generate


def texts(found: list[Answer | None]) -> list[str]:
    return [answer.text if answer else "" for answer in found]


def test_answers_come_in_the_order_of_the_questions_from_batches_of_similar_lengths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches: list[list[int]] = []
    monkeypatch.setattr(module, "generate", generator(99, batches))
    prompts = [[7] * length for length in range(SMALL_BATCH + 4, 0, -1)]
    found = answer_all(CPU, None, prompts, SETTINGS, ONE)  # type: ignore[arg-type]
    assert texts(found["tuned"]) == [str(len(prompt)) for prompt in prompts]
    assert batches == [list(range(1, SMALL_BATCH + 1)), list(range(SMALL_BATCH + 1, SMALL_BATCH + 5))]


def test_all_models_answer_each_batch_and_batches_are_halved_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[int]] = []
    monkeypatch.setattr(module, "generate", generator(4, batches))
    entered: list[str] = []

    @contextmanager
    def enter(name: str) -> Iterator[None]:
        entered.append(name)
        yield
        entered.append("left")

    models = {"base": lambda: enter("base"), "tuned": lambda: enter("tuned")}
    found = answer_all(CPU, None, [[7]] * 10, SETTINGS, models)  # type: ignore[arg-type]
    assert texts(found["base"]) == texts(found["tuned"]) == ["1"] * 10
    assert [len(batch) for batch in batches] == [10, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]
    assert entered[2:] == ["base", "left", "tuned", "left"] * 5


def test_others_get_the_batches_of_one_process_and_one_that_does_not_fit_is_halved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here all but the last are answered, which the time was over for."""

    def share(item: Callable[[int], Any], batches: Any, compute: Any) -> list[Any]:
        shared.extend([len(item(number)) for number in batch] for batch in batches)
        return json.loads(json.dumps([*(compute(batch, lambda _: None) for batch in batches[:-1]), []]))  # type: ignore[no-any-return]

    batches: list[list[int]] = []
    shared: list[list[int]] = []
    prompts = [[7] * length for length in range(SMALL_BATCH + 4, 0, -1)]
    models = {"base": nullcontext, "tuned": nullcontext}
    monkeypatch.setattr(module, "generate", generator(9, batches))
    found = answer_all(CPU, None, prompts, SETTINGS, models, share=share)  # type: ignore[arg-type]
    assert shared == [list(range(1, SMALL_BATCH + 1)), list(range(SMALL_BATCH + 1, SMALL_BATCH + 5))]
    assert [len(batch) for batch in batches] == [SMALL_BATCH, 8, 8, 8, 8]
    assert found["base"] == found["tuned"] == [None] * 4 + [Answer(str(n), 1, True) for n in range(SMALL_BATCH, 0, -1)]


def test_models_that_cannot_answer_together_answer_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(_: Any, __: Any, prompts: list[list[int]], *, entering: Any = None, **___: Any) -> list[Answer]:
        if entering:
            raise Mixed("a layer that mixes rows")
        return [Answer("so", 1, True) for _ in prompts]

    monkeypatch.setattr(module, "generate", generate)
    monkeypatch.setattr(module, "stacked", lambda *_: nullcontext(Stack(2)))
    found = answer_all(CPU, None, [[7]] * 3, SETTINGS, {"base": nullcontext, "tuned": nullcontext})  # type: ignore[arg-type]
    assert texts(found["base"]) == texts(found["tuned"]) == ["so"] * 3


def test_memory_says_how_many_are_answered_at_once(monkeypatch: pytest.MonkeyPatch, llama_3b: Any) -> None:
    """Llama 3.2 3B on a card: 114,688 bytes of keys and values a token, 1.3 MB of logits a row, 0.66 GB once."""
    base = llama_3b.model
    card: Any = SimpleNamespace(device=torch.device("cuda"), modules=list, get_base_model=lambda: base)
    assert rows_that_fit(card, 5 * 2**30, 120, 256) == 104
    assert rows_that_fit(card, 2**29, 120, 256) == 0
    cpu: Any = SimpleNamespace(device=torch.device("cpu"), get_base_model=lambda: base)
    assert rows_that_fit(cpu, 5 * 2**30, 120, 256) == MOST_ON_A_CPU
    batches: list[list[int]] = []
    monkeypatch.setattr(module, "generate", generator(999, batches))
    monkeypatch.setattr(module, "room_bytes", lambda _: 5 * 2**30)
    answer_all(card, None, [[7] * 120] * 200, ProbeSettings(), ONE)  # type: ignore[arg-type]
    assert [len(batch) for batch in batches] == [104, 96]
    batches.clear()
    monkeypatch.setattr(module, "room_bytes", lambda _: 100 * 2**30)
    answer_all(card, None, [[7] * 120] * 199 + [[7] * 4000], ProbeSettings(), ONE)  # type: ignore[arg-type]
    assert [len(batch) for batch in batches] == [199, 1], "a long one does not make the others long"


def test_weights_are_unpacked_where_large_batches_still_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "unpacked", lambda _: nullcontext(True))
    monkeypatch.setattr(module, "unpacked_bytes", lambda _: 600)
    monkeypatch.setattr(module, "rows_that_fit", lambda _, room, *__: room // 10)
    card: Any = SimpleNamespace(device=torch.device("cuda"))
    cases = {(200, 2000): True, (200, 850): False, (35, 850): True, (200, 500): False}
    for (questions, room), fits in cases.items():
        monkeypatch.setattr(module, "room_bytes", lambda _, room=room: room)
        with unpacked_where_it_fits(card, [[7]] * questions, SETTINGS) as done:
            assert done == fits, (questions, room)
    with unpacked_where_it_fits(CPU, [[7]], SETTINGS) as done:
        assert not done, "no more than half of what is free"


def test_answers_are_progress_and_end_where_the_look_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(*_: Any, each_token: Callable[[int], None], **__: Any) -> list[Answer]:
        each_token(3)
        each_token(3)
        return [Answer("so", 2, True)] * 3

    def look() -> None:
        looks.append(counts()["tokens"] - before)
        if len(looks) == 2:
            raise Stopped("SIGTERM arrived.")

    looks: list[int] = []
    before = counts().get("tokens", 0)
    monkeypatch.setattr(module, "generate", generate)
    with pytest.raises(Stopped):
        answer_all(CPU, None, [[7]] * 3, SETTINGS, ONE, look=look)  # type: ignore[arg-type]
    assert looks == [3, 6]


def test_one_question_that_does_not_fit_ends_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "generate", generator(0, []))
    with pytest.raises(MemoryExhausted, match="one question of 3 tokens") as failure:
        answer_all(CPU, None, [[7, 7, 7]], SETTINGS, ONE)  # type: ignore[arg-type]
    assert "FINETUNE_PROBE_MAX_NEW_TOKENS" in failure.value.remedy


class Machine:
    """A clock, and a model that takes a second for each token of each prompt."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.batches = 1000.0, list[int]()
        monkeypatch.setattr(module, "generate", self.generate)
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))

    def generate(
        self, _: Any, __: Any, prompts: list[Any], *, max_new_tokens: int, each_token: Callable[[int], None], **___: Any
    ) -> list[Answer]:
        self.batches.append(len(prompts))
        for _token in range(max_new_tokens):
            self.now += len(prompts)
            each_token(len(prompts))
        return [Answer("so", max_new_tokens, False)] * len(prompts)


def test_what_is_not_answered_in_time_is_left_out_for_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    models = {"base": nullcontext, "tuned": nullcontext}
    settings = ProbeSettings(max_new_tokens=TIMED_TOKENS + 4)
    found = answer_all(CPU, None, [[7]] * 10, settings, models, until=1000.0 + 210)  # type: ignore[arg-type]
    # ten take 2 x 120 s, which shows after 80; five take 2 x 60 of the other 130, and the last 10 s are for nothing
    assert machine.batches == [10, 5, 5, 5]
    for name in models:
        assert [bool(answer) for answer in found[name]] == [True] * 5 + [False] * 5, name


def test_with_time_enough_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    settings = ProbeSettings(max_new_tokens=TIMED_TOKENS + 4)
    for until in (1000.0 + 201, math.inf):
        found = answer_all(CPU, None, [[7]] * 10, settings, ONE, until=until)  # type: ignore[arg-type]
        assert all(found["tuned"])
    assert machine.batches == [10, 10]


def test_models_answer_together_as_they_do_alone_and_fewer_at_a_time_where_memory_runs_out(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real model, and another adapter between base and tuned."""
    model = forward_of(base).model.eval()
    chat = Chat(tokenizer_of(base))
    prompts = [list(row.ids) for row in random_rows(10, longest=20)]
    adapter = [parameter for parameter in model.parameters() if parameter.requires_grad]

    @contextmanager
    def carrying(seed: int) -> Iterator[None]:
        numbers = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in adapter:
                parameter.copy_(torch.randn(parameter.shape, generator=numbers) * 0.2)
        yield

    models = {"base": model.disable_adapter, "other": lambda: carrying(1), "tuned": lambda: carrying(2)}
    batches: list[int] = []
    real = model.generate

    def counted(**options: Any) -> Any:
        batches.append(len(options["input_ids"]))
        return real(**options)

    monkeypatch.setattr(model, "generate", counted)
    with monkeypatch.context() as patched:
        patched.setattr(module, "stacked", lambda *_: nullcontext(None))
        known = answer_all(model, chat, prompts, SETTINGS, models, until=time.monotonic() + 600)
    assert batches == [10, 10, 10]
    assert len({tuple(texts(found)) for found in known.values()}) == 3
    assert answer_all(model, chat, prompts, SETTINGS, models) == known
    assert batches[3:] == [30]

    def generate(**options: Any) -> Any:
        if len(options["input_ids"]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(**options)

    monkeypatch.setattr(model, "generate", generate)
    with unpacked_where_it_fits(model, prompts, SETTINGS) as done:
        assert done
        assert answer_all(model, chat, prompts, SETTINGS, models) == known
