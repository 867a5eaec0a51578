"""What is printed, in its order, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from job import pipeline
from job.errors import AccessDenied, DataError, HubUnavailable, SettingsError
from job.plan.facts import Facts, Found
from job.plan.sections import SECTIONS, hub_lines, lines, problem_lines, question_lines, settings_lines, stage_lines
from job.results import SCHEMA_VERSION, Pin
from job.runs.files import write_sealed
from tests.conftest import run_job
from tests.plan.conftest import sample, with_samples


@pytest.mark.light
def test_a_setting_says_where_it_came_from_and_the_token_stays_hidden(facts: Callable[..., Facts]) -> None:
    known = replace(facts(LORA_R="8"), token="hf_" + "p" * 30, origin={"FINETUNE_LORA_R": "my.env"})
    shown = list(settings_lines(known))
    assert "  FINETUNE_LORA_R=8  (my.env)" in shown
    assert "  FINETUNE_LORA_ALPHA=32" in shown
    assert f"  FINETUNE_OUTPUT_DIR={known.settings.output_dir}" in shown
    assert shown[-1] == "  HF_TOKEN=**********"
    assert list(settings_lines(facts()))[-1] == "  HF_TOKEN="


@pytest.mark.light
def test_what_is_asked_and_what_is_pushed(facts: Callable[..., Facts]) -> None:
    questions = "job/quickstart/questions.txt"
    found = facts(HUB_REPO_ID="owner/adapter", PROBE_QUESTIONS_FILE=questions, PROBE_ANSWERS="8")
    assert list(hub_lines(found)) == ["  adapter: owner/adapter (private)", "  cleaned rows: not pushed"]
    public = facts(HUB_REPO_ID="owner/adapter", HUB_PRIVATE="false")
    assert next(hub_lines(public)) == "  adapter: owner/adapter (public)"
    assert next(iter(question_lines(found))) == f"  5 from {questions}"


@pytest.mark.light
@pytest.mark.parametrize(
    ("answers", "rows", "said"),
    [
        ("3", 200, "those of 3 of exactly 20 evaluation rows"),
        ("50", 200, "those of all evaluation rows, exactly 20"),
        ("50", None, "those of 50 evaluation rows, or of all where there are fewer"),
    ],
)
def test_the_questions_of_held_out_rows_are_as_many_as_the_samples_let_expect(
    answers: str, rows: int | None, said: str, facts: Callable[..., Facts]
) -> None:
    found = with_samples(facts(PROBE_ANSWERS=answers, PROBE_QUESTIONS_FILE=""), sample(rows=200, total=rows, kept=200))
    assert list(question_lines(found)) == [f"  {said}"]


@pytest.mark.light
def test_a_stage_says_whether_the_folder_holds_its_result_and_of_which_settings(facts: Callable[..., Facts]) -> None:
    found = facts()
    folder = found.settings.output_dir
    for stage in pipeline.STAGES[:3]:
        record = {"schema_version": SCHEMA_VERSION, "inputs": stage.inputs(found.settings), "result": {"skipped": True}}
        write_sealed(folder / f"{stage.name}.json", record)
    probe = found.settings.probe.model_copy(update={"minutes": 99.0})
    other = replace(found, settings=found.settings.model_copy(update={"probe": probe}))
    ends = [line.partition(" (")[2] for line in stage_lines(other)]
    assert ends == ["done)", "done)", "done with other settings)", "", ""]


@pytest.mark.light
def test_the_commits_of_the_run_in_the_folder_are_shown(facts: Callable[..., Facts]) -> None:
    known = facts()
    known.pins = [Pin(kind="model", name="meta/base", revision="main", commit="c0ffee")]
    assert list(hub_lines(known))[-1] == "  meta/base@main stays at c0ffee"


@pytest.mark.light
def test_the_stages_are_those_of_the_pipeline(facts: Callable[..., Facts], monkeypatch: pytest.MonkeyPatch) -> None:
    extra = replace(pipeline.STAGES[0], name="count", words="count the rows")
    monkeypatch.setattr(pipeline, "STAGES", (*pipeline.STAGES, extra))
    shown = list(stage_lines(facts()))
    assert [line.split()[0] for line in shown] == [stage.name for stage in pipeline.STAGES]
    assert shown[-1] == "  count   count the rows"


@pytest.mark.light
def test_stages_that_are_not_asked_for_are_marked(facts: Callable[..., Facts]) -> None:
    shown = list(stage_lines(facts(STAGES="train,probe")))
    assert [line.endswith("(not in this start)") for line in shown] == [True, False, False, True, True]


@pytest.mark.light
def test_a_plan_says_what_it_knows_whatever_is_wrong_and_ends_with_the_first_problem(
    facts: Callable[..., Facts],
) -> None:
    """The stages come before the base, and both before the rows: so does a run."""
    known = facts(STAGES="cook")
    known.base = Found(problem=AccessDenied("The base model is gated."))
    known.samples = [(known.settings.data.sources[0], Found(problem=DataError("The source holds no rows.")))]
    shown = []
    with pytest.raises(SettingsError, match="there is no stage cook"):
        for line in lines(known):
            shown.append(line)
    parts = "\n".join(shown).split("\n\n")
    assert [part.splitlines()[0] for part in parts] == [section.title.format(facts=known) for section in SECTIONS]
    unknown = "FINETUNE_STAGES: there is no stage cook; the stages are clean,train,probe,export,push"
    assert parts[1].splitlines()[1:] == [f"  unknown: {unknown}"]
    assert parts[-1].splitlines()[1:] == [
        f"  exit code 64: {unknown}",
        "    Change the variables named above; `--help` lists every variable.",
        "  exit code 67: The base model is gated.",
        "    Set HF_TOKEN (or HF_TOKEN_PATH) to a token that has this permission.",
        "  exit code 65: The source holds no rows.",
        "    Check FINETUNE_DATA_SOURCES.",
    ]
    assert "  sizes are unknown, because the base model cannot be judged now: The base model is gated." in shown


@pytest.mark.light
def test_a_plan_without_problems_says_so_and_a_hub_that_does_not_answer_is_none(facts: Callable[..., Facts]) -> None:
    known = with_samples(facts(TRAIN_EPOCHS="10"), sample())
    known.base, known.chat = Found(), None
    assert list(problem_lines(known)) == ["  none that can be known now"]
    known.base = Found(problem=HubUnavailable("The Hub does not answer."))
    assert list(problem_lines(known)) == ["  warning: not looked at: The Hub does not answer."]
    assert list(lines(known))[-1] == "  warning: not looked at: The Hub does not answer."


def test_a_plan_of_the_quickstart(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "out")}
    assert command(variables, "plan", "--env-file", "env/quickstart.env", "--gpu", "l4", "--price", "0.8") == 0
    shown = capsys.readouterr().out
    assert "  FINETUNE_DATA_BRANDS=Leafwise  (env/quickstart.env)" in shown
    assert f"  FINETUNE_OUTPUT_DIR={tmp_path / 'out'}  (environment)" in shown
    assert "  train.json train/adapter/ train/candidates/ train/row_losses/ train/checkpoints/ train/log.jsonl" in shown
    assert "  adapter_model.safetensors: 549,120 bytes: 71,680 float32 LoRA parameters (286,720) and the" in shown
    assert "\n\nBase model\n  4-bit linear " in shown
    assert "  quickstart: 518 rows (JSON lines, UTF-8; columns instruction, input, output), layout " in shown
    assert "    closing: changes " in shown
    assert "\nMemory and time on an NVIDIA L4 (an estimate)\n" in shown
    assert "  price: about 0.0" in shown
    assert shown.endswith("Problems\n  none that can be known now\n")
    assert not (tmp_path / "out").exists()


def test_a_plan_for_several_gpus(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The quickstart's base is so small that one GPU is as fast as four."""
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "out")}
    assert command(variables, "plan", "--env-file", "env/quickstart.env", "--gpu", "T4", "--gpus", "4") == 0
    output = capsys.readouterr().out
    assert "\nMemory and time on 4 NVIDIA T4 in one host (an estimate)\n  memory on each GPU for " in output
    assert "\n  sharing gains too little: one GPU would train, " in output


def test_a_plan_does_not_wait_for_a_hub_that_is_not_there(tmp_path: Path) -> None:
    """Its client alone would try for two minutes. In a process of its own: the client reads its variables at import."""
    hub = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "FINETUNE_DATA_SOURCES": "quickstart"}
    started = time.monotonic()
    found = run_job(hub, "plan")
    assert found.returncode == 0, found.stderr
    assert "sizes are unknown" in found.stdout
    assert "  warning: not looked at: " in found.stdout
    assert "estimated as 4 bytes a token" in found.stdout
    assert time.monotonic() - started < 100
