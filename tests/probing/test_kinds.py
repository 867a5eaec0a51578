"""References of one kind: JSON, or a few texts."""

from __future__ import annotations

import pytest

from job.probing.kinds import Kind, kind_of

pytestmark = pytest.mark.light


def of(*references: str) -> Kind | None:
    return kind_of((f"question {number}", text) for number, text in enumerate(references))


def test_labels_are_a_few_texts_that_repeat() -> None:
    kind = of(*["Pests.", "water", "light"] * 5)
    assert kind == Kind(texts=frozenset(("pests", "water", "light")))
    assert [kind.has(text) for text in ("Water", ' "pests" ', "fff", "Water it.", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert kind.same("Pests.", "pests")
    assert not kind.same("Pests.", "water")


def test_a_label_that_stands_once_is_one_where_nearly_all_repeat() -> None:
    kind = of(*["yes", "no"] * 10, "perhaps")
    assert kind and kind.has("perhaps")


@pytest.mark.parametrize(
    "references",
    [
        [f"Text {number // 2}." for number in range(40)],  # each said twice, and so are good answers
        ["yes", "no"] * 4,  # eight may be chance
        [*["yes"] * 16, "one", "two", "three", "four"],
        [],
        ["4", "4.5", '"text"', "true"] * 2 + ["5", "6", "7", "8"],  # JSON by letter only
    ],
)
def test_what_people_write_is_of_no_kind(references: list[str]) -> None:
    assert of(*references) is None


def test_the_same_question_counts_once() -> None:
    assert kind_of([("Why?", "yes")] * 30) is None


def test_json_is_what_can_be_read_as_it() -> None:
    kind = of(*(f'{{"plant": "fern {number}", "days": {number}}}' for number in range(19)), "none")
    assert kind == Kind(json=frozenset((dict,)), keys=frozenset(("plant", "days")))
    good = ['{"days": 2, "plant": "ivy"}', '```json\n{"plant": "ivy", "days": 2, "pot": 1}\n```']
    bad = ['""plant": "ivy"', "[1]", "The plant is an ivy.", "", "[" * 100_000, '{"answer": "ivy"}', "{}"]
    assert [kind.has(text) for text in good + bad] == [True] * 2 + [False] * 7
    assert kind.same('{"a": 1, "b": 2}', '{"b": 2, "a": 1}')
    assert not kind.same('{"a": 1}', '{"a": 2}')


def test_objects_may_have_keys_of_their_own() -> None:
    kind = of(*(f'{{"plant": {number}, "pot {number}": 1}}' for number in range(20)))
    assert kind and kind.keys == {"plant"}


def test_objects_may_stand_one_a_line() -> None:
    kind = of(*(f'{{"plant": "fern {number}"}}\n{{"plant": "ivy"}}\n' for number in range(20)))
    assert kind == Kind(json=frozenset((list,)))
    assert kind.has('{"plant": "moss"}\n\n{"plant": "ivy"}')
    assert not kind.has('{"plant": "moss"}\n{"plant":')
    assert kind.same('{"a": 1}\n{"b":  2}', '{"a":1}\n{"b": 2}')


@pytest.mark.parametrize(
    ("references", "is_kind"),
    [
        (["yes", "no"] * 5, True),
        (["yes", "no"] * 4 + ["yes"], False),  # nine
        (["yes", "no", "perhaps"] * 4 + ["yes", "no"], False),  # 4.7 questions for each
        ([*["yes", "no"] * 10, "once"], True),  # 95 % repeat
        ([*["yes", "no"] * 9, "once"], False),  # 94 %
        (["one", "one", *["yes"] * 8], True),  # twice is again
        (['{"a": 1}'] * 19 + ["none"], True),
        ([f'{{"a": {number}}}' for number in range(18)] + ["none"], False),
    ],
)
def test_where_a_kind_begins(references: list[str], is_kind: bool) -> None:
    assert (of(*references) is not None) is is_kind


def test_where_a_key_belongs_to_the_kind() -> None:
    kind = of('{"b": 1}', *(f'{{"a": {number}, "b": {number}}}' for number in range(19)))
    assert kind and kind.keys == {"a", "b"}  # in 95 %
    kind = of('{"b": 1}', *(f'{{"a": {number}, "b": {number}}}' for number in range(18)))
    assert kind and kind.keys == {"b"}
