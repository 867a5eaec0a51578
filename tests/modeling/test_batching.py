"""How rows are cut into micro-batches and laid out as tensors."""

from __future__ import annotations

from array import array

import torch

from job.modeling.batching import Row, cut, pack, pad, sent
from job.modeling.examples import Tokens
from tests.training.building import random_rows


def test_the_loss_is_on_the_answer_or_on_the_whole_text() -> None:
    row = Tokens([5, 6, 7, 8], answers=((3, 4),))
    assert Row.of(row, "answers") == Row.after(array("i", row.ids), 3)
    assert Row.of(row, "answers").targets == 1
    assert Row.of(row, "text").targets == 3  # nothing comes before the first token


def test_every_row_is_in_one_micro_batch_and_none_is_over_the_budget() -> None:
    lengths = [len(row.ids) for row in random_rows(40)]
    for budget in (60, 100, 1000, 10**6):
        for padded in (False, True):
            bins = cut(lengths, budget, padded=padded)
            assert sorted(number for numbers in bins for number in numbers) == list(range(40))
            for numbers in bins:
                longest = max(lengths[number] for number in numbers)
                cost = longest * len(numbers) if padded else sum(lengths[number] for number in numbers)
                assert cost <= budget
    assert cut([500, 3, 3], 100) == [[0], [1, 2]], "a row over the budget is alone, not lost"


def test_packed_rows_keep_their_positions_and_predict_only_their_own_next_token() -> None:
    batch = pack([Row.after([11, 12, 13], 2), Row.after([21, 22], 0)], torch.device("cpu"))
    assert batch.ids.tolist() == [[11, 12, 13, 21, 22]]
    assert batch.positions.tolist() == [[0, 1, 2, 0, 1]]
    assert batch.starts.tolist() == [0, 3, 5]
    assert batch.predicting.tolist() == [1, 3]  # 12 -> 13, 21 -> 22; never 13 -> 21
    assert batch.targets.tolist() == [13, 22]


def test_padding_is_neither_seen_nor_learned() -> None:
    batch = pad([Row.after([11, 12, 13], 2), Row.after([21], 0)], 7, torch.device("cpu"))
    assert batch.ids.tolist() == [[11, 12, 13], [21, 7, 7]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.predicting.tolist() == [1]  # never 0 -> 21: nothing stands before it
    assert batch.targets.tolist() == [13]


def test_lists_come_apart_on_the_device_as_they_were_gathered() -> None:
    one, none, two = sent(([5, 6], [], range(3)), torch.device("cpu"))
    assert (one.tolist(), none.tolist(), two.tolist()) == ([5, 6], [], [0, 1, 2])
    assert {part.dtype for part in (one, none, two)} == {torch.int64}
    assert one.untyped_storage().data_ptr() == two.untyped_storage().data_ptr(), "one copy"


def test_of_a_conversation_each_answer_is_learned_and_nothing_between() -> None:
    row = Row([11, 12, 13, 14, 15, 16], ((1, 3), (5, 6)))
    assert row.targets == 3
    packed = pack([Row.after([21, 22], 1), row], torch.device("cpu"))
    assert packed.predicting.tolist() == [0, 2, 3, 6]
    assert packed.targets.tolist() == [22, 12, 13, 16]
    padded = pad([row], 7, torch.device("cpu"))
    assert padded.predicting.tolist() == [0, 1, 4]
    assert padded.targets.tolist() == [12, 13, 16]
    assert Row.of(Tokens([*row.ids], row.learned), "answers") == Row(array("i", row.ids), row.learned)
    assert Row([11, 12], ((0, 1),)).targets == 0
