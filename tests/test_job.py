"""The whole job as a user meets it: the real command, real NF4 on CPU, signals, a second start, the Hub."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import READ_TOKEN, WRITE_TOKEN, make_rows, metrics_of, run_job, small_run, start_job, write_rows
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


@pytest.fixture(scope="module")
def finished(base: Path, rows_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run that went through."""
    output = tmp_path_factory.mktemp("finished") / "output"
    result = run_job(small_run(base, rows_file, output))
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1].endswith(f"status=succeeded exit_code=0 metrics={output}/metrics.json")
    return output


def test_a_run_leaves_all_that_was_promised(finished: Path) -> None:
    metrics = metrics_of(finished)
    assert (metrics["status"], metrics["exit_code"]) == ("succeeded", 0)
    clean = metrics["clean"]
    assert clean["rows_in"] == clean["train_rows"] + clean["eval_rows"] + sum(clean["dropped"].values())
    assert metrics["train"]["best_eval_loss"] < metrics["train"]["base_eval_loss"]
    assert metrics["train"]["readback_max_difference"] <= metrics["train"]["readback_tolerance"]
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
    assert "nothing to do" in result.stderr
    assert metrics_of(finished)["reused"] == ["clean", "train", "probe", "push"]
    assert (adapter.stat().st_mtime_ns, (finished / "push.json").stat().st_mtime_ns) == before


def test_other_settings_stop_with_the_difference(finished: Path, base: Path, rows_file: Path) -> None:
    result = run_job(small_run(base, rows_file, finished, TRAIN_LEARNING_RATE="0.02"))
    assert result.returncode == 61
    assert "train.learning_rate: 0.01 -> 0.02" in result.stderr
    assert metrics_of(finished)["exit_code"] == 61
    again = run_job(small_run(base, rows_file, finished))
    assert again.returncode == 0
    assert metrics_of(finished)["status"] == "succeeded"


def wait_for(found: Callable[[], bool], child: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert child.poll() is None, child.stderr.read()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def long_run(base: Path, rows_file: Path, output: Path) -> dict[str, str]:
    """Some 80 steps: long enough to be hit in the middle."""
    return small_run(base, rows_file, output, TRAIN_EPOCHS="20", TRAIN_EVAL_STEPS="5", TRAIN_LEARNING_RATE="0.001")


@pytest.fixture(scope="module")
def uninterrupted(base: Path, rows_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("uninterrupted") / "output"
    assert run_job(long_run(base, rows_file, output)).returncode == 0
    return output


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 75)], ids=["killed", "asked to stop"]
)
def test_an_interrupted_training_goes_on_and_ends_in_the_same_adapter(
    number: int, code: int, uninterrupted: Path, base: Path, rows_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    child = start_job(long_run(base, rows_file, output))
    wait_for(lambda: (output / "train" / "checkpoints" / "checkpoint-15" / "manifest.json").exists(), child)
    child.send_signal(number)
    child.communicate(timeout=60)
    assert child.returncode == code
    assert not (output / "adapter").exists()
    if number == signal.SIGTERM:
        assert metrics_of(output)["status"] == "stopped"
    result = run_job(long_run(base, rows_file, output))
    assert result.returncode == 0, result.stderr
    assert "resume_from_step=" in result.stderr
    assert metrics_of(output)["train"]["resumed_from_step"] >= 15
    weights = "adapter/adapter_model.safetensors"
    assert (output / weights).read_bytes() == (uninterrupted / weights).read_bytes()


def test_a_signal_before_training_ends_at_once_and_leaves_metrics(base: Path, rows_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    child = start_job(small_run(base, rows_file, output))
    wait_for(lambda: (output / "metrics.json").exists(), child)
    child.terminate()
    child.communicate(timeout=60)
    assert child.returncode == 75
    assert metrics_of(output)["status"] == "stopped"


def test_push_to_the_hub_and_read_back(
    finished: Path, base: Path, rows_file: Path, tmp_path: Path, hub: StandInHub
) -> None:
    """The finished run gets a push target: nothing is trained again."""
    wanted = small_run(base, rows_file, finished, HUB_REPO_ID="alice/adapter", HUB_DATASET_REPO_ID="alice/rows")
    variables = {**wanted, **hub.environment(WRITE_TOKEN), "HF_HOME": str(tmp_path)}
    result = run_job(variables)
    assert result.returncode == 0, result.stderr
    metrics = metrics_of(finished)
    assert metrics["reused"] == ["clean", "train", "probe"]
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
    assert "nothing to do" in again.stderr
    assert len(hub.commits("model", "alice/adapter")) == commits


def test_a_failed_push_keeps_the_adapter_and_takes_corrected_settings(
    base: Path, rows_file: Path, tmp_path: Path, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub dies after the first check; the next start, with another target, only pushes."""
    output = tmp_path / "output"
    surroundings = {**hub.environment(WRITE_TOKEN), "HF_HOME": str(tmp_path / "hf")}
    hub.fail("preupload", status=403, times=10**6)
    first = run_job({**small_run(base, rows_file, output, HUB_REPO_ID="alice/first"), **surroundings})
    assert first.returncode == 67, first.stderr
    assert metrics_of(output)["stage"] == "push"
    assert (output / "adapter" / "adapter_model.safetensors").exists()
    hub.forgive()
    second = run_job({**small_run(base, rows_file, output, HUB_REPO_ID="alice/second"), **surroundings})
    assert second.returncode == 0, second.stderr
    assert metrics_of(output)["reused"] == ["clean", "train", "probe"]
    assert "adapter_model.safetensors" in hub.files("model", "alice/second")


def test_a_token_that_cannot_write_is_found_before_training(
    base: Path, rows_file: Path, tmp_path: Path, hub: StandInHub
) -> None:
    output = tmp_path / "output"
    variables = {**small_run(base, rows_file, output, HUB_REPO_ID="alice/x"), **hub.environment(READ_TOKEN)}
    result = run_job({**variables, "HF_HOME": str(tmp_path / "hf")})
    assert result.returncode == 67, result.stderr
    metrics = metrics_of(output)
    assert (metrics["stage"], metrics["clean"]) == ("check", None)
    assert "HF_TOKEN" in metrics["error"]["remedy"]
    assert READ_TOKEN not in result.stderr


def test_base_and_rows_from_the_hub(base: Path, tmp_path: Path, hub: StandInHub) -> None:
    """A gated base with a token that may read it, a data set at its revision, and what is said without the token."""
    files = {path.name: path.read_bytes() for path in base.iterdir()}
    hub.add_repo("model", "meta/base", files, gated=True, allowed=("alice",))
    commit = hub.add_repo(
        "dataset", "owner/rows", {"train.jsonl": write_rows(tmp_path / "r", make_rows(60)).read_bytes()}
    )
    wanted = small_run(Path("meta/base"), Path("owner/rows"), tmp_path / "output")
    surroundings = {**hub.environment(WRITE_TOKEN), "HF_HOME": str(tmp_path / "hf")}
    result = run_job({**wanted, **surroundings})
    assert result.returncode == 0, result.stderr
    metrics = metrics_of(tmp_path / "output")
    assert metrics["clean"]["sources"][0]["revision"] == commit
    assert metrics["train"]["base_revision"]
    config = json.loads((tmp_path / "output" / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert (config["base_model_name_or_path"], config["revision"]) == ("meta/base", metrics["train"]["base_revision"])

    refused = run_job(
        {
            **wanted,
            **hub.environment(None),
            "HF_HOME": str(tmp_path / "h2"),
            "FINETUNE_OUTPUT_DIR": str(tmp_path / "o2"),
        }
    )
    assert refused.returncode == 67, refused.stderr
    assert "gated" in refused.stderr
    unknown = run_job(
        {**wanted, **surroundings, "FINETUNE_MODEL_BASE": "meta/none", "FINETUNE_OUTPUT_DIR": str(tmp_path / "o3")}
    )
    assert unknown.returncode == 66, unknown.stderr
    no_rows = run_job(
        {**wanted, **surroundings, "FINETUNE_DATA_SOURCES": "owner/none", "FINETUNE_OUTPUT_DIR": str(tmp_path / "o4")}
    )
    assert no_rows.returncode == 66, no_rows.stderr
    revision = run_job(
        {**wanted, **surroundings, "FINETUNE_MODEL_REVISION": "v9", "FINETUNE_OUTPUT_DIR": str(tmp_path / "o5")}
    )
    assert revision.returncode == 66, revision.stderr
    assert "FINETUNE_MODEL_REVISION" in revision.stderr


def test_a_hub_that_is_down_is_worth_another_try(base: Path, rows_file: Path, tmp_path: Path) -> None:
    variables = small_run(Path("meta/base"), rows_file, tmp_path / "output")
    result = run_job({**variables, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf")})
    assert result.returncode == 76, result.stderr
    assert metrics_of(tmp_path / "output")["error"]["remedy"]


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
    assert "--user $(id -u):$(id -g)" in result.stderr
    assert "FINETUNE_OUTPUT_DIR" in result.stderr
