"""The settings: their defaults, their bounds, and those that exclude each other."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from job.settings.fields import DataSettings, LoraSettings
from job.settings.loading import load_settings
from job.settings.sources import Source
from tests.settings.problems import problems

pytestmark = pytest.mark.light


def test_the_recipe_of_the_write_up_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "owner/name")
    settings = load_settings()
    assert (settings.lora.r, settings.lora.alpha, settings.lora.dropout) == (16, 32, 0.05)
    assert settings.lora.targets == ("auto",)
    train = settings.train
    assert (train.batch_size, train.learning_rate) == (16, 2e-4)
    assert (train.epochs, train.max_tokens, train.seed) == (1, 512, 42)
    assert (train.warmup_steps, train.eval_steps, train.log_steps) == ("auto", "auto", "auto")


@pytest.mark.parametrize("value", ["nan", "inf", "0", "2"])
def test_numbers_out_of_bounds_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert problems(monkeypatch, DATA_SOURCES="owner/name", TRAIN_LEARNING_RATE=value)


def test_values_that_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "\n".join(
        problems(
            monkeypatch,
            DATA_SOURCES="owner/name",
            DATA_CLEANING="none,wiki",
            PROBE_ANSWERS="0",
            MODEL_BASE="./nothing",
        )
    )
    assert "FINETUNE_DATA_CLEANING: auto and none cannot be combined with a pack" in said
    assert "FINETUNE_PROBE_ANSWERS" in said
    assert "FINETUNE_MODEL_BASE: the folder nothing holds no model" in said


@pytest.mark.parametrize(
    ("name", "least"),
    [("DATA_MIN_ANSWER_WORDS", 1), ("TRAIN_WARMUP_STEPS", 0), ("TRAIN_EVAL_STEPS", 1), ("TRAIN_LOG_STEPS", 1)],
)
def test_some_numbers_may_be_auto(name: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (str(least - 1), "ten", "2.5"):
        (said,) = problems(monkeypatch, **{"DATA_SOURCES": "owner/name", name: value})
        assert said.startswith(f"FINETUNE_{name}: must be auto or a whole number from {least}")
    for value in ("auto", str(least)):
        monkeypatch.setenv(f"FINETUNE_{name}", value)
        load_settings()


def test_limits_in_words_exclude_each_other_where_both_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = problems(monkeypatch, DATA_SOURCES="owner/name", DATA_MIN_ANSWER_WORDS="50", DATA_MAX_WORDS="50")
    assert said == "FINETUNE_DATA_MAX_WORDS: must be above FINETUNE_DATA_MIN_ANSWER_WORDS"
    assert DataSettings(sources=(Source.parse("quickstart"),), min_answer_words=900).max_words == "auto"


def test_sections_are_frozen_and_know_their_names() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        LoraSettings().r = 8
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        LoraSettings.model_validate({"rank": 8})


@pytest.mark.parametrize(
    ("sources", "base", "repo", "needed"),
    [
        ("quickstart", "quickstart", "", False),
        ("quickstart", "quickstart", "owner/adapter", True),
        ("quickstart", "owner/base", "", True),
        ("owner/rows", "quickstart", "", True),
    ],
)
def test_the_hub_is_needed_for_what_is_not_here(
    sources: str, base: str, repo: str, needed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"DATA_SOURCES": sources, "MODEL_BASE": base, "HUB_REPO_ID": repo}.items():
        monkeypatch.setenv(f"FINETUNE_{name}", value)
    assert load_settings().uses_hub == needed
