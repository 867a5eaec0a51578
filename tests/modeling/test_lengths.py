"""Rows and answers that are too long for a base."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoConfig

from job.errors import SettingsError
from job.modeling.architecture import Architecture
from job.modeling.chat import Chat
from job.modeling.lengths import MOST_PROBLEMS, require_lengths, require_questions
from job.settings.fields import ProbeSettings
from tests.families import FAMILIES, make_family_base
from tests.modeling.spoiling import (
    Case,
    config,
)
from tests.training.building import tokenizer_of

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


def questions(folder: Path, *lines: str) -> ProbeSettings:
    (folder / "questions.txt").write_text("\n".join(lines), "utf-8")
    return ProbeSettings(questions_file=str(folder / "questions.txt"), max_new_tokens=100)


def test_a_question_that_is_too_long_is_named_by_its_line(base: Path, tmp_path: Path) -> None:
    """The base has 512 positions, and an answer takes 100 of them."""
    chat, config = Chat(tokenizer_of(base)), AutoConfig.from_pretrained(base)
    overhead = len(chat.prompt_ids("", "a")) - 1
    fits, too_long = "ab " * ((412 - overhead) // 3 - 1), "ab " * 500
    require_questions(chat, config, questions(tmp_path, "", fits, "Why?"), system="")
    with pytest.raises(SettingsError) as refused:
        require_questions(chat, config, questions(tmp_path, "", fits, "Why?", too_long), system="")
    (problem,) = refused.value.problems
    assert "FINETUNE_PROBE_QUESTIONS_FILE: line 4 of " in problem
    assert (
        "and may have 412: the model has 512 positions, and FINETUNE_PROBE_MAX_NEW_TOKENS takes 100 of them" in problem
    )
    with pytest.raises(SettingsError, match="line 2 of"):
        require_questions(chat, config, questions(tmp_path, "", fits), system="You repair things.")


def test_a_question_that_memory_may_not_hold_is_too_long_whatever_the_positions(base: Path, tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(base)
    config.max_position_embeddings = 131_072
    chat, settings = Chat(tokenizer_of(base)), questions(tmp_path, *["ab " * 300] * 8)
    require_questions(chat, config, settings, system="", longest=4096)
    with pytest.raises(SettingsError, match="and may have 50: more may not fit into memory after training") as refused:
        require_questions(chat, config, settings, system="", longest=50)
    assert len(refused.value.problems) == MOST_PROBLEMS + 1
    assert refused.value.problems[-1] == "FINETUNE_PROBE_QUESTIONS_FILE: 3 more lines are as long"
