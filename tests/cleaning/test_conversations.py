"""The first exchange of a chat."""

from __future__ import annotations

from typing import Any

import pytest

from job.cleaning.batch import NOT_TEXT, Raw
from job.cleaning.conversations import first_exchange

pytestmark = pytest.mark.light

USER, ANSWER = {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        ([USER, ANSWER], Raw("", "Q", "A")),
        ([{"role": "system", "content": "S"}, USER, ANSWER], Raw("S", "Q", "A")),
        ([{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}], Raw("", "Q", "A")),
        ([USER, ANSWER, {"role": "user", "content": "Q2"}, {"role": "assistant", "content": "A2"}], Raw("", "Q", "A")),
        ([{"role": "assistant", "content": "Hello!"}, USER, ANSWER], Raw("", "Q", "A")),
        ([USER], Raw("", "Q", "")),
        ([], Raw("", "", "")),
    ],
)
def test_the_first_exchange_is_taken(turns: list[dict[str, str]], found: Raw) -> None:
    assert first_exchange(turns) == found


@pytest.mark.parametrize("turns", ["a text", None, 7, ["a text"], [USER, None]])
def test_what_is_no_chat_is_a_fault(turns: Any) -> None:
    assert first_exchange(turns).fault == NOT_TEXT
