"""What a sentence adds at its end goes where it breaks off; what the sentence says does not."""

from __future__ import annotations

import pytest

from job.cleaning.rules.additions import before_addition, before_purpose

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    ("broken", "head"),
    [
        ("Use ash once a week along with the", "Use ash once a week"),
        ("The leaves fell in June due to", "The leaves fell in June"),
        ("Water it each day to reduce the risk of", "Water it each day"),
        ("Check the level in your", "Check the level"),
        ("The spots are mostly due to", None),
        ("You may need to increase the", None),
        ("The pot is used along with", None),
    ],
)
def test_an_addition_is_no_part_of_what_is_said(broken: str, head: str | None) -> None:
    assert [*before_addition(broken)] == ([head] if head else [])


@pytest.mark.parametrize(
    ("broken", "heads"),
    [
        ("Get a test to see if the", [("Get a test", True)]),
        ("Feed it with ash to keep the", [("Feed it with ash", False)]),
        ("Use a net that keeps the", [("Use a net", False)]),
        ("Feed it to help you to reduce the", [("Feed it to help", False)]),
        ("You need to see if it is", []),
        ("Ask your botanist to check the", []),
        ("Avoid foods that help the", []),
    ],
)
def test_advice_stands_without_its_purpose(broken: str, heads: list[tuple[str, bool]]) -> None:
    assert [*before_purpose(broken)] == heads
