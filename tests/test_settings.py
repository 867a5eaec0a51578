"""Settings: what is read, what is refused, and how it is said. Light: no model library is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from job.errors import AccessDenied, SettingsError
from job.settings.env_files import read_env_file
from job.settings.loading import RENAMED, load_settings, load_token
from job.settings.reference import example_env, reference_table, variables
from job.settings.sources import Source
from tests.conftest import PROJECT

pytestmark = pytest.mark.light


def problems(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[str]:
    for name, value in values.items():
        monkeypatch.setenv(f"FINETUNE_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return list(caught.value.problems)


def test_the_recipe_of_the_write_up_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "owner/name")
    settings = load_settings()
    assert (settings.lora.r, settings.lora.alpha, settings.lora.dropout) == (16, 32, 0.05)
    assert settings.lora.targets == ("auto",)
    train = settings.train
    assert (train.batch_size, train.learning_rate, train.warmup_steps) == (16, 2e-4, 50)
    assert (train.epochs, train.max_tokens, train.eval_steps, train.seed) == (1, 512, 100, 42)


def test_all_problems_are_told_at_once_with_the_variable_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "\n".join(
        problems(
            monkeypatch,
            TRAIN_LERNING_RATE="1e-4",
            TRAIN_SEED="-1",
            LORA_DROPOUT="often",
            DATA_SOURCES="nonsense,./missing.jsonl",
            DATA_SYSTEM_PROMPT_FILE="/nowhere/prompt.txt",
            HUB_REPO_ID="no-owner",
        )
    )
    assert "FINETUNE_TRAIN_LERNING_RATE: there is no such variable; did you mean FINETUNE_TRAIN_LEARNING_RATE?" in told
    assert "FINETUNE_TRAIN_SEED: must be greater than or equal to 0, not '-1'" in told
    assert "FINETUNE_LORA_DROPOUT: must be a valid number" in told
    assert "'nonsense' is neither owner/name on the Hub nor a path" in told
    assert "missing.jsonl" in told
    assert "FINETUNE_DATA_SYSTEM_PROMPT_FILE: there is no file /nowhere/prompt.txt" in told
    assert "FINETUNE_HUB_REPO_ID: must be owner/name" in told


def test_a_misspelt_section_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    told = problems(monkeypatch, TRIAN_SEED="1", DATA_SOURCES="owner/name")
    assert told == ["FINETUNE_TRIAN_SEED: there is no such variable; did you mean FINETUNE_TRAIN_SEED?"]


def test_without_a_data_set_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch)[0].startswith("FINETUNE_DATA_SOURCES: not set")


def test_quotes_that_docker_keeps_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told = problems(monkeypatch, DATA_SOURCES="owner/name", LORA_R='"16"')
    assert told == [
        "FINETUNE_LORA_R: the value arrived in quotes, which docker --env-file keeps; write it without quotes"
    ]


@pytest.mark.parametrize("value", ["nan", "inf", "0", "2"])
def test_numbers_out_of_bounds_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert problems(monkeypatch, DATA_SOURCES="owner/name", TRAIN_LEARNING_RATE=value)


def test_an_empty_value_means_the_default_and_blanks_are_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", " owner/name ")
    monkeypatch.setenv("FINETUNE_LORA_R", "")
    monkeypatch.setenv("FINETUNE_TRAIN_LOSS_ON", "text ")
    settings = load_settings()
    assert settings.data.sources[0].name == "owner/name"
    assert (settings.lora.r, settings.train.loss_on) == (16, "text")


def test_values_that_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "\n".join(
        problems(
            monkeypatch,
            DATA_SOURCES="owner/name",
            DATA_CLEANING="none,wiki",
            PROBE_EVAL_ROWS="0",
            MODEL_BASE="./nothing",
        )
    )
    assert "FINETUNE_DATA_CLEANING: none cannot stand beside a pack" in told
    assert "FINETUNE_PROBE_EVAL_ROWS" in told
    assert "FINETUNE_MODEL_BASE: the folder nothing holds no model" in told


def test_a_problem_elsewhere_never_prints_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "s" * 30)
    assert "ssss" not in "\n".join(problems(monkeypatch, LORA_R="zero"))


def test_sources_are_spelt_with_revision_split_and_rows() -> None:
    source = Source.parse("owner/name@v1.2:validation=8500")
    assert (source.name, source.revision, source.split, source.rows) == ("owner/name", "v1.2", "validation", 8500)
    assert str(Source.parse("owner/name")) == "owner/name@main:train"
    with pytest.raises(ValueError, match="a whole number above 0"):
        Source.parse("owner/name=many")


def test_env_files_follow_dockers_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_CALLER", "yes")
    file = tmp_path / "run.env"
    file.write_text('# a comment\n\nA=1 # not a comment\nB="quoted"\nFROM_CALLER\nNOT_THERE\n  C=x=y\n', "utf-8")
    assert read_env_file(file) == {"A": "1 # not a comment", "B": '"quoted"', "FROM_CALLER": "yes", "C": "x=y"}


def test_a_broken_env_file_is_a_settings_error(tmp_path: Path) -> None:
    file = tmp_path / "run.env"
    file.write_text("=1\nA B=2\n", "utf-8")
    with pytest.raises(SettingsError, match="line 1"):
        read_env_file(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_env_file(tmp_path / "missing.env")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.env"
    file.write_text("FINETUNE_DATA_SOURCES=owner/name\nFINETUNE_LORA_R=8\nFINETUNE_LORA_ALPHA=99\n", "utf-8")
    monkeypatch.setenv("FINETUNE_LORA_R", "4")
    monkeypatch.delenv("FINETUNE_DATA_SOURCES", raising=False)
    monkeypatch.delenv("FINETUNE_LORA_ALPHA", raising=False)
    settings = load_settings(file)
    assert (settings.lora.r, settings.lora.alpha) == (4, 99)


def test_the_token_comes_from_the_variable_or_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_token() == ""
    file = tmp_path / "token"
    file.write_text("hf_from_file\n", "utf-8")
    monkeypatch.setenv("HF_TOKEN_PATH", str(file))
    assert load_token() == "hf_from_file"
    monkeypatch.setenv("HF_TOKEN", "hf_from_variable")
    assert load_token() == "hf_from_variable"


def test_an_unreadable_token_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "missing"))
    with pytest.raises(AccessDenied, match="missing"):
        load_token()


def test_a_mounted_secret_is_the_token_and_an_unreadable_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "hf_token"
    monkeypatch.setattr("job.settings.loading.MOUNTED_TOKEN", mounted)
    assert load_token() == ""
    mounted.write_text("hf_mounted\n", "utf-8")
    assert load_token() == "hf_mounted"
    monkeypatch.setenv("HF_TOKEN", "hf_given")
    assert load_token() == "hf_given"
    monkeypatch.delenv("HF_TOKEN")
    mounted.write_bytes(b"\xff\xfe")
    with pytest.raises(AccessDenied, match="hf_token cannot be read"):
        load_token()


def test_a_plan_does_not_wait_for_a_hub_that_is_not_there(tmp_path: Path) -> None:
    """Its client alone would try for two minutes."""
    hub = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "FINETUNE_DATA_SOURCES": "quickstart"}
    command = [sys.executable, str(PROJECT / "entrypoint.py"), "plan"]
    found = subprocess.run(command, env={**os.environ, **hub}, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    assert "sizes are unknown" in found.stdout


def test_example_env_is_current() -> None:
    assert (PROJECT / "env" / "example.env").read_text("utf-8") == example_env(), (
        "run: python -m job.settings > env/example.env"
    )


def test_readme_has_the_table_of_variables() -> None:
    assert reference_table() in (PROJECT / "README.md").read_text("utf-8"), (
        "README's table is made by reference_table()"
    )


def test_every_variable_says_what_it_does() -> None:
    for variable in variables():
        assert variable.sentence.endswith("."), variable.name


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_answered_with_the_new_one(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "quickstart")
    monkeypatch.setenv(old, "0.1")
    with pytest.raises(SettingsError, match=f"{old}: this variable is now called {new}"):
        load_settings()
    assert new in {variable.name for variable in variables()}
