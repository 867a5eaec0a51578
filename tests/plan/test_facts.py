"""Each fact is found out once, and what cannot be found out keeps its reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from job.errors import DataError, HubUnavailable, NotFound
from job.plan import facts as facts_module
from job.plan.cost import CARDS, T4
from job.plan.facts import Facts, Found
from job.settings.fields import Settings


@pytest.mark.light
def test_a_fact_or_the_reason_why_it_is_not_known() -> None:
    assert Found.of(lambda: 7) == Found(7)
    error = DataError("no rows")

    def fail() -> int:
        raise error

    assert Found.of(fail) == Found(problem=error)
    with pytest.raises(ZeroDivisionError):
        Found.of(lambda: 1 // 0)  # a bug stays one


@pytest.mark.light
def test_a_hub_that_does_not_answer_leaves_the_base_unknown_and_is_asked_once(
    facts: Callable[..., Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def no_answer(settings: Settings, token: str) -> None:
        asked.append(settings)
        raise HubUnavailable(f"no answer for {token}")

    monkeypatch.setattr(facts_module, "architecture_of", no_answer)
    known = facts()
    known.token = "a-token"
    for _ in range(2):
        assert str(known.base.problem) == "no answer for a-token"
    assert len(asked) == 1
    assert known.sizes == known.cost == Found()
    assert known.chat is None


@pytest.mark.light
def test_without_a_named_card_the_smallest_stands_for_all(facts: Callable[..., Facts]) -> None:
    known = facts()
    assert known.card is T4 is CARDS[0]
    known.named_card = CARDS[-1]
    assert known.card is CARDS[-1]


@pytest.mark.light
def test_the_hardware_in_words(facts: Callable[..., Facts]) -> None:
    known = facts()
    assert known.hardware == "an NVIDIA T4"
    known.gpus = 8
    assert known.hardware == "8 NVIDIA T4 in one host"


def test_the_quickstart_is_known_as_a_whole(facts: Callable[..., Facts]) -> None:
    known = facts()
    assert known.base.value and known.sizes.value and known.chat and known.cost.value
    ((source, found),) = known.samples
    assert (str(source), found.problem) == ("quickstart", None)
    assert found.value and found.value.total == 518
    assert known.samples is known.samples


def test_a_source_that_fails_leaves_the_others(
    facts: Callable[..., Facts], rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("", "utf-8")
    known = facts(DATA_SOURCES=f"{empty},{rows_file}", DATA_MIN_ANSWER_WORDS="5")
    (_, first), (_, second) = known.samples
    assert isinstance(first.problem, DataError)
    assert second.value and second.value.kept == 60
    assert known.expected.kept == 60
    nothing = facts(DATA_SOURCES=f"{empty}=50")
    assert nothing.expected.kept is None
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # as `plan` does where the Hub does not answer
    monkeypatch.setattr("job.hosts.hub.SILENT", ["it does not answer"])
    assert facts(DATA_SOURCES="owner/rows=50").expected.kept == 50


def test_a_base_that_is_not_there(facts: Callable[..., Facts], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    known = facts(MODEL_BASE=str(tmp_path))
    assert isinstance(known.base.problem, NotFound)
    assert known.chat is None
