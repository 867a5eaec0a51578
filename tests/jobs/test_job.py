"""The whole job as a user meets it: the real command, real NF4 on CPU, signals, a second start, the Hub."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from job import pipeline
from job.pipeline import STAGES, Run, Stage
from job.results import Choice, Cleaned
from job.runs.logs import LineFormatter
from tests.conftest import WRITE_TOKEN, metrics_of, run_job, small_run
from tests.log_lines import ours
from tests.standin_hub import StandInHub

pytestmark = pytest.mark.slow


def test_plan_says_what_a_run_would_do_and_writes_nothing(tmp_path: Path, base: Path, rows_file: Path) -> None:
    result = run_job({**small_run(base, rows_file, tmp_path / "out"), "HF_TOKEN": "hf_" + "p" * 30}, "plan")
    assert result.returncode == 0, result.stderr
    assert "60 rows" in result.stdout
    assert "4 optimizer steps of 16 rows" in result.stdout
    assert "adapter_model.safetensors" in result.stdout
    assert "pppp" not in result.stdout
    assert not (tmp_path / "out").exists()


class Lines(logging.Handler):
    """What the job logs, line by line."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(LineFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += self.format(record).splitlines()


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    handler = Lines()
    logging.getLogger("job").addHandler(handler)
    yield handler.lines
    logging.getLogger("job").removeHandler(handler)


def test_every_log_line_is_an_event_with_its_stage(
    command: Callable[..., int], log_lines: list[str], base: Path, rows_file: Path, tmp_path: Path
) -> None:
    assert command(small_run(base, rows_file, tmp_path / "output")) == 0
    assert any("stage=train step=1 " in line for line in log_lines)
    assert [line for line in log_lines if not ours(line)] == []


def test_a_further_stage_is_one_entry_of_the_tuple(
    command: Callable[..., int],
    finished: Path,
    base: Path,
    rows_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    log_lines: list[str],
) -> None:
    """It runs after the others, which are done, and shows in record, metrics, log and report without another line."""

    def count(run: Run) -> Choice:
        return Choice(value=str(run.result(Cleaned).train_rows), reason="counted")

    further = Stage("count", "count the rows", (), lambda settings: {}, count, Choice)
    monkeypatch.setattr(pipeline, "STAGES", (*STAGES, further))
    assert command(small_run(base, rows_file, finished)) == 0
    metrics = metrics_of(finished)
    assert metrics["count"] == {"value": str(metrics["clean"]["train_rows"]), "reason": "counted"}
    assert list(metrics["stage_seconds"]) == ["clean", "train", "probe", "export", "push", "count"]
    assert metrics["reused"] == ["clean", "train", "probe", "export", "push"]
    assert json.loads((finished / "count.json").read_text("utf-8"))["result"] == metrics["count"]
    assert any("stage=count started=true" in line for line in log_lines)
    assert '<th scope="row">count</th>' in (finished / "report.html").read_text("utf-8")
    assert not any("nothing to do" in line for line in log_lines)


@pytest.fixture(scope="module")
def finished(base: Path, rows_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run that went through."""
    output = tmp_path_factory.mktemp("finished") / "output"
    result = run_job(small_run(base, rows_file, output))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].endswith(f"status=succeeded exit_code=0 metrics={output}/metrics.json")
    return output


def test_a_run_leaves_all_that_was_promised(finished: Path) -> None:
    metrics = metrics_of(finished)
    assert (metrics["status"], metrics["exit_code"]) == ("succeeded", 0)
    clean = metrics["clean"]
    assert clean["rows_in"] == clean["train_rows"] + clean["eval_rows"] + sum(clean["dropped"].values())
    assert metrics["train"]["best_eval_loss"] < metrics["train"]["base_eval_loss"]
    assert metrics["train"]["round_trip"]["max_difference"] <= metrics["train"]["round_trip"]["tolerance"]
    assert (metrics["train"]["adapter_path"], metrics["probe"]["adapter_path"]) == ("train/adapter", "adapter")
    assert metrics["probe"]["eval_rows"] == 2
    assert metrics["push"]["skipped"]
    names = {path.name for path in (finished / "adapter").iterdir()}
    assert names >= {
        "adapter_model.safetensors",
        "adapter_config.json",
        "tokenizer.json",
        "chat_template.jinja",
        "README.md",
    }
    assert {path.name for path in finished.iterdir()} >= {
        *("settings.json", "clean.json", "train.json", "probe.json", "push.json", "metrics.json", "report.html"),
        *("clean", "train", "probe", "adapter"),
    }
    assert not list(finished.rglob("*.partial"))
    assert not list(finished.rglob("training_args.bin"))


def test_a_second_start_does_nothing_and_says_so(finished: Path, base: Path, rows_file: Path) -> None:
    adapter = finished / "adapter" / "adapter_model.safetensors"
    before = (adapter.stat().st_mtime_ns, (finished / "push.json").stat().st_mtime_ns)
    result = run_job(small_run(base, rows_file, finished))
    assert result.returncode == 0
    assert "nothing to do" in result.stdout
    assert metrics_of(finished)["reused"] == ["clean", "train", "probe", "export", "push"]
    assert (adapter.stat().st_mtime_ns, (finished / "push.json").stat().st_mtime_ns) == before


def test_other_settings_stop_with_the_difference(finished: Path, base: Path, rows_file: Path) -> None:
    result = run_job(small_run(base, rows_file, finished, TRAIN_LEARNING_RATE="0.02"))
    assert result.returncode == 61
    assert "train.learning_rate: 0.01 -> 0.02" in result.stderr
    assert json.loads((finished / "refused.json").read_text("utf-8"))["exit_code"] == 61
    assert metrics_of(finished)["status"] == "succeeded"
    again = run_job(small_run(base, rows_file, finished))
    assert again.returncode == 0
    assert not (finished / "refused.json").exists()


def test_push_to_the_hub_and_read_back(
    finished: Path, base: Path, rows_file: Path, tmp_path: Path, hub: StandInHub
) -> None:
    """The finished run gets a push target: nothing is trained again, though what training made for the probe is gone."""
    for name in ("adapter", "candidates", "checkpoints"):
        shutil.rmtree(finished / "train" / name)
    wanted = small_run(base, rows_file, finished, HUB_REPO_ID="alice/adapter", HUB_DATASET_REPO_ID="alice/rows")
    variables = {**wanted, **hub.environment(WRITE_TOKEN), "HF_HOME": str(tmp_path)}
    result = run_job(variables)
    assert result.returncode == 0, result.stderr
    metrics = metrics_of(finished)
    assert metrics["reused"] == ["clean", "train", "probe", "export"]
    assert {(repo["kind"], repo["repo_id"]) for repo in metrics["push"]["repositories"]} == {
        ("model", "alice/adapter"),
        ("dataset", "alice/rows"),
    }
    pushed = hub.files("model", "alice/adapter")
    for path in (finished / "adapter").iterdir():
        assert pushed[path.name] == path.read_bytes(), path.name
    rows = hub.files("dataset", "alice/rows")
    assert rows["train.jsonl"] == (finished / "clean" / "train.jsonl").read_bytes()
    assert hub.repo("model", "alice/adapter").private
    card = pushed["README.md"].decode()
    assert "PeftModel.from_pretrained" in card
    assert WRITE_TOKEN not in "".join(path.read_text("utf-8", errors="replace") for path in finished.rglob("*.json"))
    commits = len(hub.commits("model", "alice/adapter"))
    again = run_job(variables)
    assert "nothing to do" in again.stdout
    assert len(hub.commits("model", "alice/adapter")) == commits


def test_a_loss_that_is_not_a_number_ends_the_run(base: Path, rows_file: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    damaged = Path(shutil.copytree(base, tmp_path / "damaged"))
    weights = load_file(damaged / "model.safetensors")
    weights["model.norm.weight"][:] = float("nan")
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})
    output = tmp_path / "output"
    result = run_job(small_run(damaged, rows_file, output))
    assert result.returncode == 63, result.stderr
    metrics = metrics_of(output)
    assert (metrics["status"], metrics["stage"]) == ("failed", "train")
    assert "FINETUNE_MODEL_BASE" in metrics["error"]["remedy"]
    assert metrics["clean"]["rows_in"] == 60  # what was complete is kept
    assert not (output / "adapter").exists()


def test_a_volume_that_cannot_be_written(base: Path, rows_file: Path) -> None:
    """/proc takes no folder, from root neither."""
    result = run_job(small_run(base, rows_file, Path("/proc/output")))
    assert result.returncode == 68, result.stderr
    assert "--user $(" in result.stderr
    assert "FINETUNE_OUTPUT_DIR" in result.stderr
