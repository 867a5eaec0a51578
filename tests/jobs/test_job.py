"""The whole job as a user meets it: the real command, real NF4 on CPU, signals, a second start, the Hub."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from job import pipeline
from job.results import Choice, Cleaned
from job.stages import STAGES, Run, Stage
from tests.conftest import WRITE_TOKEN, metrics_of, run_job, small_run
from tests.log_lines import ours
from tests.standin_hub import StandInHub

pytestmark = pytest.mark.slow


def test_plan_says_what_a_run_would_do_and_writes_nothing(
    command: Callable[..., int], tmp_path: Path, base: Path, rows_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = command({**small_run(base, rows_file, tmp_path / "out"), "HF_TOKEN": "hf_" + "p" * 30}, "plan")
    said, errors = capfd.readouterr()
    assert code == 0, errors
    assert "60 rows" in said
    assert "4 optimizer steps of 16 rows" in said
    assert "adapter_model.safetensors" in said
    assert "pppp" not in said + errors
    assert not (tmp_path / "out").exists()


@dataclass(frozen=True)
class Finished:
    folder: Path
    log: str
    """Without lines that a library has written itself."""


@pytest.fixture(scope="module")
def finished(base: Path, rows_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run that went through, in processes of its own."""
    output = tmp_path_factory.mktemp("finished") / "output"
    result = run_job(small_run(base, rows_file, output))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].endswith(f"status=succeeded exit_code=0 metrics={output}/metrics.json")
    return Finished(output, result.stdout + re.sub(r"(?m)^\[transformers\] .*\n", "", result.stderr))


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Path:
    """Its folder, to be started again."""
    return Path(shutil.copytree(finished.folder, tmp_path / "output"))


def test_every_log_line_is_an_event_with_its_stage(finished: Finished) -> None:
    assert "stage=train step=1 " in finished.log
    assert [line for line in finished.log.splitlines() if not ours(line)] == []


def test_a_further_stage_is_one_entry_of_the_tuple(
    command: Callable[..., int],
    copied: Path,
    base: Path,
    rows_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It runs after the others, which are done, and shows in record, metrics, log and report without another line."""

    def count(run: Run) -> Choice:
        return Choice(value=str(run.result(Cleaned).train_rows), reason="counted")

    further = Stage("count", "count the rows", (), lambda settings: {}, count, Choice)
    monkeypatch.setattr(pipeline, "STAGES", (*STAGES, further))
    assert command(small_run(base, rows_file, copied)) == 0
    metrics = metrics_of(copied)
    assert metrics["count"] == {"value": str(metrics["clean"]["train_rows"]), "reason": "counted"}
    assert list(metrics["stage_seconds"]) == ["clean", "train", "probe", "export", "push", "count"]
    assert metrics["reused"] == ["clean", "train", "probe", "export", "push"]
    assert json.loads((copied / "count.json").read_text("utf-8"))["result"] == metrics["count"]
    log = capfd.readouterr().out
    assert "stage=count started=true" in log
    assert '<th scope="row">count</th>' in (copied / "report.html").read_text("utf-8")
    assert "nothing to do" not in log


def test_a_run_leaves_all_that_was_promised(finished: Finished) -> None:
    root = finished.folder
    metrics = metrics_of(root)
    assert (metrics["status"], metrics["exit_code"]) == ("succeeded", 0)
    clean = metrics["clean"]
    assert clean["rows_in"] == clean["train_rows"] + clean["eval_rows"] + sum(clean["dropped"].values())
    assert metrics["train"]["best_eval_loss"] < metrics["train"]["base_eval_loss"]
    assert metrics["train"]["round_trip"]["max_difference"] <= metrics["train"]["round_trip"]["tolerance"]
    assert (metrics["train"]["adapter_path"], metrics["probe"]["adapter_path"]) == ("train/adapter", "adapter")
    assert metrics["probe"]["eval_rows"] == 2
    assert metrics["push"]["skipped"]
    names = {path.name for path in (root / "adapter").iterdir()}
    assert names >= {
        "adapter_model.safetensors",
        "adapter_config.json",
        "tokenizer.json",
        "chat_template.jinja",
        "README.md",
    }
    assert {path.name for path in root.iterdir()} >= {
        *("settings.json", "clean.json", "train.json", "probe.json", "push.json", "metrics.json", "report.html"),
        *("clean", "train", "probe", "adapter"),
    }
    assert not list(root.rglob("*.partial"))
    assert not list(root.rglob("training_args.bin"))


def test_a_second_start_does_nothing_and_says_so(
    command: Callable[..., int], copied: Path, base: Path, rows_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    adapter = copied / "adapter" / "adapter_model.safetensors"
    before = (adapter.stat().st_mtime_ns, (copied / "push.json").stat().st_mtime_ns)
    assert command(small_run(base, rows_file, copied)) == 0
    assert "nothing to do" in capfd.readouterr().out
    assert metrics_of(copied)["reused"] == ["clean", "train", "probe", "export", "push"]
    assert (adapter.stat().st_mtime_ns, (copied / "push.json").stat().st_mtime_ns) == before


def test_other_settings_stop_with_the_difference(
    command: Callable[..., int], copied: Path, base: Path, rows_file: Path
) -> None:
    result = run_job(small_run(base, rows_file, copied, TRAIN_LEARNING_RATE="0.02"))
    assert result.returncode == 61
    assert "train.learning_rate: 0.01 -> 0.02" in result.stderr
    assert json.loads((copied / "refused.json").read_text("utf-8"))["exit_code"] == 61
    assert metrics_of(copied)["status"] == "succeeded"
    assert command(small_run(base, rows_file, copied)) == 0
    assert not (copied / "refused.json").exists()


def test_push_to_the_hub_and_read_back(
    command: Callable[..., int],
    client: None,
    copied: Path,
    base: Path,
    rows_file: Path,
    tmp_path: Path,
    hub: StandInHub,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The finished run gets a push target: nothing is trained again, though what training made for the probe is gone. The first
    push is a process of its own, with what it finds in its environment."""
    for name in ("adapter", "candidates", "checkpoints"):
        shutil.rmtree(copied / "train" / name)
    wanted = small_run(base, rows_file, copied, HUB_REPO_ID="alice/adapter", HUB_DATASET_REPO_ID="alice/rows")
    variables = {**wanted, **hub.environment(WRITE_TOKEN), "HF_HOME": str(tmp_path / "hf")}
    result = run_job(variables)
    assert result.returncode == 0, result.stderr
    metrics = metrics_of(copied)
    assert metrics["reused"] == ["clean", "train", "probe", "export"]
    assert {(repo["kind"], repo["repo_id"]) for repo in metrics["push"]["repositories"]} == {
        ("model", "alice/adapter"),
        ("dataset", "alice/rows"),
    }
    pushed = hub.files("model", "alice/adapter")
    for path in (copied / "adapter").iterdir():
        assert pushed[path.name] == path.read_bytes(), path.name
    rows = hub.files("dataset", "alice/rows")
    assert rows["train.jsonl"] == (copied / "clean" / "train.jsonl").read_bytes()
    assert hub.repo("model", "alice/adapter").private
    card = pushed["README.md"].decode()
    assert "PeftModel.from_pretrained" in card
    assert WRITE_TOKEN not in "".join(path.read_text("utf-8", errors="replace") for path in copied.rglob("*.json"))
    commits = len(hub.commits("model", "alice/adapter"))
    assert command(variables) == 0
    assert "nothing to do" in capfd.readouterr().out
    assert len(hub.commits("model", "alice/adapter")) == commits


def test_a_loss_that_is_not_a_number_ends_the_run(
    command: Callable[..., int], base: Path, rows_file: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    damaged = Path(shutil.copytree(base, tmp_path / "damaged"))
    weights = load_file(damaged / "model.safetensors")
    weights["model.norm.weight"][:] = float("nan")
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})
    output = tmp_path / "output"
    assert command(small_run(damaged, rows_file, output)) == 63
    metrics = metrics_of(output)
    assert (metrics["status"], metrics["stage"]) == ("failed", "train")
    assert "FINETUNE_MODEL_BASE" in metrics["error"]["remedy"]
    assert metrics["clean"]["rows_in"] == 60  # what was complete is kept
    assert not (output / "adapter").exists()


def test_a_volume_that_cannot_be_written(base: Path, rows_file: Path) -> None:
    """/proc takes no folder, from root neither."""
    result = run_job(small_run(base, rows_file, Path("/proc/output")))
    assert result.returncode == 68, result.stderr
    assert "FINETUNE_OUTPUT_DIR" in result.stderr
