"""Margins of the verdict, as a setting holds them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from job.settings.margins import GUARDRAILS, Margins, parse

pytestmark = pytest.mark.light


def refused(value: str) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Margins).validate_python(value)
    return str(caught.value)


def test_a_margin_is_a_number_or_off() -> None:
    written = TypeAdapter(Margins).validate_python("kl=0.5, closing_filler_share=off")
    assert written == ("kl=0.5", "closing_filler_share=off")
    assert parse(written) == {"kl": 0.5, "closing_filler_share": None}
    assert parse(()) == {}


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    message = refused("loops=0.2")
    assert "'loops' has no margin" in message
    assert all(name in message for name in GUARDRAILS)


@pytest.mark.parametrize("value", ["kl", "kl=", "kl=much", "kl=0", "kl=-1", "kl=nan", "kl=inf", "empty_share=1"])
def test_a_margin_that_means_nothing_is_refused(value: str) -> None:
    assert "must be off or a number above 0 and below" in refused(value)


def test_every_problem_is_named_and_a_figure_has_one_margin() -> None:
    message = refused("kl=x,loops=0.2,choices=0.1,choices=0.2")
    assert "kl must be" in message
    assert "'loops'" in message
    assert "choices stands there twice" in message
