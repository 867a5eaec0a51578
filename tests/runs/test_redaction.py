"""What is kept out of everything that is written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from job.runs import redaction
from job.runs.redaction import STARS, hide, redact

pytestmark = pytest.mark.light

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redaction, "_known", set())
    yield


def test_a_password_is_hidden_by_its_value_wherever_it_stands() -> None:
    text = f"proxy http://user:{PASSWORD}@host failed twice: {PASSWORD}"
    assert redact(text) == text
    hide(PASSWORD)
    assert redact(text) == f"proxy http://user:{STARS}@host failed twice: {STARS}"


def test_hub_tokens_are_known_by_their_shape() -> None:
    assert redact("token=hf_" + "a1B" * 8 + ", and hf_hub is a word") == f"token={STARS}, and hf_hub is a word"


@pytest.mark.parametrize("secret", ["", "abc"])
def test_a_secret_too_short_to_be_one_stars_out_nothing(secret: str) -> None:
    hide(secret)
    assert redact("abc is no secret") == "abc is no secret"


def test_a_secret_of_four_characters_is_hidden() -> None:
    hide("abcd")
    assert redact("abcd") == STARS
