"""Each moment of a start belongs to one part."""

from __future__ import annotations

from types import SimpleNamespace
from typing import get_args

import pytest

from job.results import StartSeconds
from job.runs.parts import Part, Parts

pytestmark = pytest.mark.light


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Its `now` is what the parts take for the time."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("job.runs.parts.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_part_inside_another_takes_its_time_from_it(clock: SimpleNamespace) -> None:
    parts = Parts(began=98.0)
    with parts.of("checks"):
        clock.now += 1
        with parts.of("imports"):
            clock.now += 4
        clock.now += 2
    clock.now += 8
    assert parts.seconds() == {"others": 10.0, "checks": 3.0, "imports": 4.0}
    assert sum(parts.seconds().values()) == clock.now - 98.0


def test_a_part_that_fails_has_ended(clock: SimpleNamespace) -> None:
    parts = Parts(began=100.0)
    with pytest.raises(ValueError, match="no such base"), parts.of("loading"):
        clock.now += 3
        raise ValueError("no such base")
    clock.now += 5
    assert parts.seconds() == {"others": 5.0, "loading": 3.0}


def test_the_result_has_a_field_for_every_part() -> None:
    assert {*get_args(Part), "total"} == set(StartSeconds.model_fields)
