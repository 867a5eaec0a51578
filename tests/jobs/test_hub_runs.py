"""Runs of the real command against a Hub: gated, private, unknown, down, failing in the middle of a push."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import READ_TOKEN, WRITE_TOKEN, make_rows, metrics_of, run_job, small_run, write_rows
from tests.standin_hub import StandInHub

pytestmark = pytest.mark.slow


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
    assert metrics_of(output)["reused"] == ["clean", "train", "probe", "export"]
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
    base_commit = hub.add_repo("model", "meta/base", files, gated=True, allowed=("alice",))
    commit = hub.add_repo(
        "dataset", "owner/rows", {"train.jsonl": write_rows(tmp_path / "r", make_rows(60)).read_bytes()}
    )
    wanted = small_run(Path("meta/base"), Path("owner/rows"), tmp_path / "output")
    surroundings = {**hub.environment(WRITE_TOKEN), "HF_HOME": str(tmp_path / "hf")}
    cleaning = run_job({**wanted, **surroundings, "FINETUNE_STAGES": "clean"})
    assert cleaning.returncode == 0, cleaning.stderr
    assert "stage=end left_out=train,probe,export,push" in cleaning.stdout
    hub.add_commit("model", "meta/base", {"config.json": b"{}"})  # upstream moves, and the run stays
    hub.add_commit("dataset", "owner/rows", {"train.jsonl": b"{}"})
    result = run_job({**wanted, **surroundings})
    assert result.returncode == 0, result.stderr
    metrics = metrics_of(tmp_path / "output")
    assert metrics["reused"] == ["clean"]
    assert metrics["clean"]["sources"][0]["revision"] == commit
    assert metrics["train"]["base_revision"] == base_commit
    assert [pin["commit"] for pin in metrics["pins"]] == [base_commit, commit]
    config = json.loads((tmp_path / "output" / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert (config["base_model_name_or_path"], config["revision"]) == ("meta/base", metrics["train"]["base_revision"])

    exported = run_job(surroundings, "export", "lora", "--output", str(tmp_path / "output"))
    assert exported.returncode == 0, exported.stderr
    assert f"{tmp_path / 'output' / 'lora'}: " in exported.stdout
    away = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "h0")}
    nowhere = run_job(away, "export", "merged", "--output", str(tmp_path / "output"))
    assert nowhere.returncode == 76, nowhere.stderr

    without_network = {
        "HF_HUB_OFFLINE": "1",
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "FINETUNE_OUTPUT_DIR": str(tmp_path / "o1"),
    }
    offline = run_job({**wanted, "HF_HOME": str(tmp_path / "hf"), **without_network})
    assert offline.returncode == 0, offline.stderr
    cleaned = [metrics_of(tmp_path / name)["clean"] for name in ("output", "o1")]
    assert cleaned[0]["sha256"] == cleaned[1]["sha256"]
    assert cleaned[1]["sources"][0]["revision"] == commit
    nothing_cached = {"HF_HOME": str(tmp_path / "h1"), "FINETUNE_OUTPUT_DIR": str(tmp_path / "o6")}
    missing = run_job({**wanted, **without_network, **nothing_cached})
    assert missing.returncode == 76, missing.stderr
    assert "HF_HUB_OFFLINE" in missing.stderr

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

    hub.remove_commit("model", "meta/base", base_commit)
    (tmp_path / "o7").mkdir()
    shutil.copy(tmp_path / "output" / "pins.json", tmp_path / "o7")
    begun_before = {"HF_HOME": str(tmp_path / "h3"), "FINETUNE_OUTPUT_DIR": str(tmp_path / "o7")}
    vanished = run_job({**wanted, **surroundings, **begun_before})
    assert vanished.returncode == 66, vanished.stderr
    assert f"base model meta/base at {base_commit} has no such revision" in vanished.stderr
    assert "begin anew in another FINETUNE_OUTPUT_DIR" in vanished.stderr


def test_a_hub_that_is_down_is_worth_another_try(base: Path, rows_file: Path, tmp_path: Path) -> None:
    variables = small_run(Path("meta/base"), rows_file, tmp_path / "output", HUB_RETRY_MINUTES="0")
    result = run_job({**variables, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf")})
    assert result.returncode == 76, result.stderr
    assert metrics_of(tmp_path / "output")["error"]["remedy"]
