"""What all results share."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from job.results import Choice

pytestmark = pytest.mark.light


def test_a_result_is_frozen_and_knows_its_fields() -> None:
    choice = Choice(value="float32", reason="no GPU is visible")
    with pytest.raises(ValidationError, match="frozen"):
        choice.value = "float16"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Choice.model_validate({"value": "x", "reason": "y", "why": "z"})
