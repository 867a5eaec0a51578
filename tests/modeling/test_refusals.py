"""Each refusal names the base and the variable to change, in the class of its exit code."""

from __future__ import annotations

import pytest

from job.errors import JobError
from job.modeling import refusals

CASES = {
    "weights": (66, "FINETUNE_MODEL_BASE", refusals.damaged_weights("the/base", "torn")),
    "quantized": (64, "FINETUNE_MODEL_BASE", refusals.quantized_already("the/base", "fp8")),
    "encoder": (64, "FINETUNE_MODEL_BASE", refusals.no_causal_model("the/base", "T5Model")),
    "looks ahead": (64, "FINETUNE_MODEL_BASE", refusals.looks_ahead("the/base")),
    "not in 4 bits": (64, "FINETUNE_MODEL_BASE", refusals.not_in_4_bits("the/base", KeyError("key"))),
    "two layers": (64, "FINETUNE_MODEL_SAVE_EMBEDDING", refusals.rows_of_two_layers("the/base")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_says_what_to_change(case: str) -> None:
    code, variable, error = CASES[case]
    assert isinstance(error, JobError)
    assert error.exit_code == code
    assert "the/base" in str(error)
    assert variable in f"{error} {error.remedy}"


def test_an_error_of_many_lines_becomes_one() -> None:
    assert refusals.one_line(ValueError("a\n   b")) == "ValueError: a b"
    assert len(refusals.one_line(ValueError("x" * 900))) == 500
