"""Bytes of the adapter, before anything is downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import SettingsError
from job.modeling.architecture import Architecture
from job.modeling.sizes import require_questions_behind, sizes
from job.settings.fields import LoraSettings, ModelSettings, ProbeSettings, Settings


def test_sizes_for_llama_3b_are_those_of_the_real_shapes(llama_3b: Architecture) -> None:
    expected = {"full": 824_711_168, "rows": 36_706_304, "none": 36_700_160}
    for how, size in expected.items():
        settings = Settings.model_construct(
            model=ModelSettings(base="meta-llama/Llama-3.2-3B-Instruct", save_embedding=how),  # type: ignore[arg-type]
            lora=LoraSettings(),
        )
        found = sizes(llama_3b, settings)
        assert found.lora_parameters == 9_175_040
        assert found.adapter_bytes == size
        assert found.form_bytes == (0 if how == "none" else 36_700_160), "lora/ is the same file without an embedding"


def test_a_merged_model_has_two_bytes_for_each_parameter_of_the_base(llama_3b: Architecture) -> None:
    settings = Settings.model_construct(lora=LoraSettings(), export=("adapter", "merged"))
    found, without = sizes(llama_3b, settings), sizes(llama_3b, Settings.model_construct(lora=LoraSettings()))
    assert found.form_bytes == 2 * 3_212_749_824
    assert found.run_bytes - without.run_bytes == found.form_bytes - without.form_bytes


def test_questions_are_checked_behind_the_system_prompt_of_the_rows(base: Path, tmp_path: Path) -> None:
    """The base has 512 positions."""
    (tmp_path / "questions.txt").write_text("Why?", "utf-8")
    settings = Settings.model_construct(
        model=ModelSettings(base=str(base)),  # type: ignore[arg-type]
        probe=ProbeSettings(questions_file=str(tmp_path / "questions.txt"), max_new_tokens=100),
    )
    require_questions_behind("You repair things.", settings, "")
    with pytest.raises(SettingsError, match="FINETUNE_PROBE_QUESTIONS_FILE: line 1 of"):
        require_questions_behind("You repair things. " * 100, settings, "")
