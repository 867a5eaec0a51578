"""What a run would do, said without doing it."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from job import pipeline, plan
from job.errors import HubUnavailable, SettingsError
from job.plan import count_rows, hub_lines, lines, pin_lines, question_lines, row_lines, settings_lines, stage_lines
from job.results import Pin
from job.settings.fields import Settings
from job.settings.loading import load_settings
from job.settings.sources import Source
from tests.conftest import run_job, write_rows

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture  # imports torch


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in ({"DATA_SOURCES": "quickstart", "MODEL_BASE": "quickstart"} | values).items():
        monkeypatch.setenv(f"FINETUNE_{name}", value)
    return load_settings()


@pytest.mark.light
def test_a_setting_says_where_it_came_from_and_the_token_stays_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    token = "hf_" + "p" * 30
    shown = list(settings_lines(settings(monkeypatch, LORA_R="8"), token, {"FINETUNE_LORA_R": "my.env"}))
    assert "  FINETUNE_LORA_R=8  (my.env)" in shown
    assert "  FINETUNE_LORA_ALPHA=32" in shown
    assert "  FINETUNE_DATA_CLEANING=qa-forum,wiki" in shown
    assert "  FINETUNE_OUTPUT_DIR=output" in shown
    assert shown[-1] == "  HF_TOKEN=**********"
    assert list(settings_lines(load_settings(), "", {}))[-1] == "  HF_TOKEN="


@pytest.mark.light
def test_rows_of_files_are_counted_and_those_of_the_hub_are_not(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}] * 3)
    file.write_text(file.read_text("utf-8") + "\n", "utf-8")
    assert count_rows(Source.parse(str(file))) == 3
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert count_rows(Source.parse(str(packed))) == 3
    table = tmp_path / "rows.csv"
    table.write_text("question,answer\na,b\n", "utf-8")
    assert count_rows(Source.parse(str(table))) is None
    assert count_rows(Source.parse("owner/name")) is None
    assert count_rows(Source.parse(f"{tmp_path}/*.csv")) is None


def test_rows_of_a_parquet_file_are_counted(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    file = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"question": ["a"] * 4, "answer": ["b"] * 4}), file)
    assert count_rows(Source.parse(str(file))) == 4


@pytest.mark.light
def test_steps_follow_from_rows_batch_and_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_rows(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}] * 100)
    sources = f"{file}=50,owner/rows=50"
    shown = list(row_lines(settings(monkeypatch, DATA_SOURCES=sources, TRAIN_EPOCHS="2")))
    assert shown == [
        f"  {file}=50: 100 rows",
        "  owner/rows@main:train=50: row count unknown until the run reads it",
        "  at most 90 rows for training, 12 optimizer steps of 16 rows",
    ]
    shown = list(row_lines(settings(monkeypatch, DATA_SOURCES=sources, DATA_MAX_ROWS="20", TRAIN_EPOCHS="1")))
    assert shown[-1] == "  at most 18 rows for training, 2 optimizer steps of 16 rows"
    shown = list(row_lines(settings(monkeypatch, DATA_SOURCES="owner/rows", DATA_MAX_ROWS="0")))
    assert shown[-1] == "  1 epochs in optimizer steps of 16 rows"


@pytest.mark.light
def test_what_is_asked_and_what_is_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = "job/quickstart/questions.txt"
    found = settings(monkeypatch, HUB_REPO_ID="owner/adapter", PROBE_QUESTIONS_FILE=questions, PROBE_EVAL_ROWS="3")
    assert list(hub_lines(found)) == ["  adapter: owner/adapter (private)", "  cleaned rows: not pushed"]
    public = settings(monkeypatch, HUB_REPO_ID="owner/adapter", HUB_PRIVATE="false")
    assert next(hub_lines(public)) == "  adapter: owner/adapter (public)"
    assert list(question_lines(found)) == [f"  from {questions}", "  from 3 evaluation rows"]


@pytest.mark.light
def test_the_stages_are_those_of_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = replace(pipeline.STAGES[0], name="count", words="count the rows")
    monkeypatch.setattr(pipeline, "STAGES", (*pipeline.STAGES, extra))
    shown = list(stage_lines(settings(monkeypatch)))
    assert [line.split()[0] for line in shown] == [stage.name for stage in pipeline.STAGES]
    assert shown[-1] == "  count  count the rows"


@pytest.mark.light
def test_stages_that_are_not_asked_for_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = list(stage_lines(settings(monkeypatch, STAGES="train,probe")))
    assert [line.endswith("(not in this start)") for line in shown] == [True, False, False, True]
    with pytest.raises(SettingsError, match="there is no stage cook"):
        list(stage_lines(settings(monkeypatch, STAGES="cook")))


@pytest.mark.light
def test_the_commits_of_the_run_in_the_folder_are_shown() -> None:
    pin = Pin(kind="model", name="meta/base", revision="main", commit="c0ffee")
    assert list(pin_lines([pin])) == ["  meta/base@main stays at c0ffee"]
    assert not list(pin_lines([]))


@pytest.mark.light
def test_a_plan_says_what_it_knows_while_the_base_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Around reading it, which needs its library."""
    asked: list[tuple[Settings, str]] = []

    def unreadable(*asked_for: object) -> tuple[None, str]:
        asked.append(asked_for)
        return None, "the Hub does not answer"

    monkeypatch.setattr(plan, "read_base", unreadable)
    found = settings(monkeypatch, OUTPUT_DIR="out")
    shown = list(lines(found, "a-token", origin={"FINETUNE_OUTPUT_DIR": "my.env"}))
    assert asked == [(found, "a-token")]
    parts = "\n".join(shown).split("\n\n")
    assert [part.splitlines()[0] for part in parts[:-1]] == [
        *("Settings", "Stages", "Rows", "Questions", "Hub", "Files in out"),
    ]
    assert "  FINETUNE_OUTPUT_DIR=out  (my.env)" in shown
    assert shown[shown.index("  HF_TOKEN=**********") + 1] == "\nStages"
    files = parts[-2].splitlines()
    assert files[1].startswith("  clean.json clean/train.jsonl ")
    assert len(files) == 1 + len(pipeline.STAGES) + 2
    assert files[-2:] == [
        "  settings.json metrics.json report.html",
        "  sizes are unknown, because the base model's config cannot be read now: the Hub does not answer",
    ]
    assert parts[-1].splitlines() == [
        "GPU memory on an NVIDIA T4 for the longest rows that the settings allow (a run measures it before training)",
        "  unknown",
    ]


@pytest.mark.light
def test_a_hub_that_does_not_answer_leaves_the_base_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(settings: Settings, token: str) -> None:
        raise HubUnavailable(f"no answer for {token}")

    monkeypatch.setattr(plan, "architecture_of", no_answer)
    assert plan.read_base(settings(monkeypatch), "a-token") == (None, "no answer for a-token")


def test_an_adapter_without_an_embedding_layer_is_its_lora_parameters(
    llama_3b: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = list(plan.file_lines(settings(monkeypatch, MODEL_SAVE_EMBEDDING="none"), llama_3b, ""))
    assert shown[-2] == "  adapter_model.safetensors: 36,700,160 bytes: 9,175,040 float32 LoRA parameters (36,700,160)"


def test_the_layers_of_a_base_are_counted(llama_3b: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(plan.base_lines(llama_3b, settings(monkeypatch))) == [
        "  4-bit linear         2,818,572,288 parameters",
        "  embedding and head     394,002,432 parameters",
        "  norms and biases           175,104 parameters",
        "  in 4 bits: 100.0% of the linear weights (not counting embedding and head)",
        "  adapter on k_proj, o_proj, q_proj, v_proj: 112 layers",
    ]
    with pytest.raises(SettingsError, match="llama-3b has no layer gates"):
        list(plan.base_lines(llama_3b, settings(monkeypatch, LORA_TARGETS="gates")))


@pytest.mark.parametrize(
    ("tokens", "line"),
    [
        ("512", "micro-batches of 4,096 tokens, no layer recomputed: 11.5 GiB of 13.4 usable, 8% kept in reserve"),
        (
            "8192",
            "micro-batches of 8,192 tokens, every second layer recomputed: 12.8 GiB of 13.4 usable, 8% kept in reserve",
        ),
        (
            "65536",
            "one row does not fit: 20.0 GiB of 13.4 usable, 8% kept in reserve; lower FINETUNE_TRAIN_MAX_TOKENS",
        ),
    ],
)
def test_a_step_is_cut_until_it_fits_a_t4(
    tokens: str, line: str, llama_3b: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan.memory_line(llama_3b, settings(monkeypatch, TRAIN_MAX_TOKENS=tokens)) == line


def test_a_plan_names_the_files_their_sizes_and_the_memory(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "out")}
    assert command(variables, "plan", "--env-file", "env/quickstart.env") == 0
    shown = capsys.readouterr().out
    assert "  FINETUNE_DATA_BRANDS=Leafwise  (env/quickstart.env)" in shown
    assert f"  FINETUNE_OUTPUT_DIR={tmp_path / 'out'}  (environment)" in shown
    assert "  train.json adapter/ train/checkpoints/ train/log.jsonl" in shown
    assert "  adapter_model.safetensors: 549,120 bytes: 71,680 float32 LoRA parameters (286,720) and the" in shown
    assert " and the embedding layer (262,400)\n" in shown
    assert "\n\nBase model\n  4-bit linear " in shown
    assert "  in 4 bits: 100.0% of the linear weights" in shown
    assert "13.4 usable" in shown
    assert not (tmp_path / "out").exists()


def test_a_plan_does_not_wait_for_a_hub_that_is_not_there(tmp_path: Path) -> None:
    """Its client alone would try for two minutes. In a process of its own: the client reads its variables at import."""
    hub = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "FINETUNE_DATA_SOURCES": "quickstart"}
    started = time.monotonic()
    found = run_job(hub, "plan")
    assert found.returncode == 0, found.stderr
    assert "sizes are unknown" in found.stdout
    assert time.monotonic() - started < 100
