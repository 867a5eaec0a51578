"""Rows and answers that are too long for a base."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from job.errors import SettingsError
from job.modeling.architecture import Architecture
from job.modeling.lengths import require_lengths
from tests.families import FAMILIES, make_family_base
from tests.modeling.spoiling import (
    Case,
    config,
)

CASES = (
    Case(
        "rows longer than rotation bears",
        config(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}, max_position_embeddings=64),
        64,
        ("FINETUNE_TRAIN_MAX_TOKENS: at most 64", "dynamic rotary embedding"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_row_beyond_what_rotation_bears_is_refused(case: Case, refused: Callable[[Case], None]) -> None:
    refused(case)


def test_rows_and_answers_that_a_table_of_positions_does_not_hold_are_refused(tmp_path: Path) -> None:
    """GPT-2 has learned 1,024 positions; the tiny one 512."""
    (gpt2,) = (family for family in FAMILIES if family.name == "gpt2")
    planned = Architecture.read(make_family_base(tmp_path, gpt2), "gpt2")
    require_lengths(planned, 256, 256)
    with pytest.raises(SettingsError, match=r"FINETUNE_TRAIN_MAX_TOKENS \(256\) .* their sum may be at most 512"):
        require_lengths(planned, 256, 257)
