"""The loss and gradients of a step do not depend on how its rows are cut, and dropout is drawn anew for each cut."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch

from job.modeling.batching import Row
from job.modeling.chat import Chat
from job.settings.files import QUICKSTART
from job.training.forward import Forward
from job.training.optimizations.comparison import gradients
from tests.training.building import differences, enable, forward_of, random_rows, tokenizer_of


def test_gradients_of_16_rows_do_not_depend_on_how_they_are_cut(with_optimizations: Callable[..., Forward]) -> None:
    forward = with_optimizations("packed_rows", "sliced_head", "lora4bit")
    rows = random_rows(16)
    whole = gradients(forward, rows)
    for budget in (60, 130, 400):
        parts = [gradients(forward, micro_batch) for micro_batch in forward.cut(rows, budget)]
        assert len(parts) > 1
        summed = (sum(part[0] for part in parts), torch.stack([part[1] for part in parts]).sum(0))
        loss, gradient = differences(whole, summed)
        assert loss < 1e-6
        assert gradient < 1e-6


def test_the_order_of_micro_batches_does_not_matter_either(with_optimizations: Callable[..., Forward]) -> None:
    forward = with_optimizations("packed_rows", "sliced_head", "lora4bit")
    rows = random_rows(16)
    parts = forward.cut(rows, 130)
    assert len(parts) > 3
    loss, gradient = differences(gradients(forward, rows, parts), gradients(forward, rows, parts[::-1]))
    assert loss < 1e-6
    assert gradient < 1e-6


def test_with_dropout_another_cut_is_another_draw(capsys: pytest.CaptureFixture[str]) -> None:
    """The training page says by how much, in the first step on the embedded base and rows: `-k another_draw` prints it."""
    base = QUICKSTART / "base"
    forward = forward_of(base, dropout=0.05, targets=("auto",))
    chat = Chat(tokenizer_of(base))
    lines = (QUICKSTART / "rows.jsonl").read_text("utf-8").splitlines()[:16]
    texts = [{"system": "", "question": row["input"], "answer": row["output"]} for row in map(json.loads, lines)]
    rows = [Row.of(tokens, "answers") for (tokens,) in chat.rows(texts, "answers")]
    enable(forward, "packed_rows", longest=max(len(row.ids) for row in rows))
    found = {}
    forward.model.train()
    for name, budget, seed in (("whole", 10**6, 1), ("again", 10**6, 1), ("cut", 600, 1), ("seed", 10**6, 2)):
        torch.manual_seed(seed)
        found[name] = gradients(forward, rows, forward.cut(rows, budget))
    assert differences(found["whole"], found["again"]) == (0, 0)
    cut, seed = (differences(found["whole"], found[name])[1] for name in ("cut", "seed"))
    with capsys.disabled():
        print(f"\ngradient of 16 rows at dropout 0.05: another cut {cut:.1%}, another seed {seed:.1%}")
    assert 0.5 * seed < cut < 2 * seed


def test_the_last_optimization_is_reverted_first(forward: Forward) -> None:
    seen: list[str] = []
    forward.reverts += [lambda: seen.append("first"), lambda: seen.append("second")]
    forward.revert_optimizations()
    assert seen == ["second", "first"]
    assert forward.reverts == []


@pytest.mark.parametrize("names", [(), ("packed_rows", "sliced_head", "lora4bit")], ids=["padded", "packed"])
def test_a_conversation_teaches_what_its_answers_teach_one_by_one(
    names: tuple[str, ...], with_optimizations: Callable[..., Forward]
) -> None:
    """Each of those answers stands at the end of a row of its own, with what came before it."""
    forward = with_optimizations(*names)
    ids = list(random_rows(1, longest=60, seed=5)[0].ids)[:30]
    assert len(ids) == 30
    spans = ((4, 9), (14, 15), (20, 30))
    other = random_rows(2)
    whole = gradients(forward, [Row(ids, spans), *other])
    answers = [gradients(forward, [Row(ids[:end], ((begin, end),))]) for begin, end in spans]
    parts = [*answers, gradients(forward, other)]
    summed = (sum(part[0] for part in parts), torch.stack([part[1] for part in parts]).sum(0))
    loss, gradient = differences(whole, summed)
    assert loss < 1e-6
    assert gradient < 1e-6


@pytest.mark.parametrize("names", [(), ("packed_rows",), ("sliced_head",), ("packed_rows", "sliced_head", "lora4bit")])
def test_the_loss_of_each_row_adds_up_to_that_of_all(
    names: tuple[str, ...], with_optimizations: Callable[..., Forward]
) -> None:
    rows = [*random_rows(7), Row.after([5, 6, 7], 3)]  # of the last one nothing is learned
    forward = with_optimizations(*names)
    forward.model.eval()
    sums = forward.row_sums(rows)
    assert float(sums.sum()) == pytest.approx(float(forward.loss_sum(rows).detach()), rel=1e-6)
    assert sums.tolist() == pytest.approx([float(forward.row_sums([row])) for row in rows], rel=1e-5)
    assert sums[-1] == 0
