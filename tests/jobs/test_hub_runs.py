"""Runs of the whole job against a Hub: gated, private, unknown, down, failing in the middle of a push.

Most are in this process. What a process of its own takes from its environment is in the last two, in test_job.py's push and in
tests/faults/hub.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.conftest import READ_TOKEN, WRITE_TOKEN, make_rows, metrics_of, run_job, small_run, write_rows
from tests.standin_hub import StandInHub

pytestmark = pytest.mark.slow
in_this_process = pytest.mark.usefixtures("client", "round_trip_here")
Ended = tuple[int, str, str]
"""Exit code, standard output, standard error."""


@pytest.fixture
def ended(command: Callable[..., int], capfd: pytest.CaptureFixture[str]) -> Callable[[dict[str, str]], Ended]:
    """A run in this process, whose log is shown where a test fails."""

    def run(variables: dict[str, str]) -> Ended:
        capfd.readouterr()
        code = command(variables)
        return code, *capfd.readouterr()

    return run


@in_this_process
def test_a_failed_push_keeps_the_adapter_and_takes_corrected_settings(
    ended: Callable[..., Ended], base: Path, rows_file: Path, tmp_path: Path, hub: StandInHub
) -> None:
    """The Hub dies after the first check; the next start, with another target, only pushes."""
    output, surroundings = tmp_path / "output", hub.environment(WRITE_TOKEN)
    hub.fail("preupload", status=403, times=10**6)
    code, _, errors = ended({**small_run(base, rows_file, output, HUB_REPO_ID="alice/first"), **surroundings})
    assert code == 67, errors
    assert metrics_of(output)["stage"] == "push"
    assert (output / "adapter" / "adapter_model.safetensors").exists()
    hub.forgive()
    code, _, errors = ended({**small_run(base, rows_file, output, HUB_REPO_ID="alice/second"), **surroundings})
    assert code == 0, errors
    assert metrics_of(output)["reused"] == ["clean", "train", "probe", "export"]
    assert "adapter_model.safetensors" in hub.files("model", "alice/second")


@in_this_process
def test_a_token_that_cannot_write_is_found_before_training(
    ended: Callable[..., Ended], base: Path, rows_file: Path, tmp_path: Path, hub: StandInHub
) -> None:
    output = tmp_path / "output"
    wanted = small_run(base, rows_file, output, HUB_REPO_ID="alice/x")
    code, _, errors = ended({**wanted, **hub.environment(READ_TOKEN)})
    assert code == 67, errors
    metrics = metrics_of(output)
    assert (metrics["stage"], metrics["clean"]) == ("check", None)
    assert "HF_TOKEN" in metrics["error"]["remedy"]
    assert READ_TOKEN not in errors


def offer(hub: StandInHub, base: Path, folder: Path) -> tuple[str, str]:
    """A gated base that alice may read, and rows: the commits of both."""
    files = {path.name: path.read_bytes() for path in base.iterdir()}
    rows = {"train.jsonl": write_rows(folder / "r", make_rows(60)).read_bytes()}
    base_commit = hub.add_repo("model", "meta/base", files, gated=True, allowed=("alice",))
    return base_commit, hub.add_repo("dataset", "owner/rows", rows)


@in_this_process
def test_base_and_rows_from_the_hub(
    ended: Callable[..., Ended], base: Path, tmp_path: Path, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gated base with a token that may read it, a data set at its revision, and then everything once more offline."""
    base_commit, commit = offer(hub, base, tmp_path)
    output, surroundings = tmp_path / "output", hub.environment(WRITE_TOKEN)
    wanted = small_run(Path("meta/base"), Path("owner/rows"), output)
    code, log, errors = ended({**wanted, **surroundings, "FINETUNE_STAGES": "clean"})
    assert code == 0, errors
    assert "stage=end left_out=train,probe,export,push" in log
    hub.add_commit("model", "meta/base", {"config.json": b"{}"})  # upstream moves, and the run stays
    hub.add_commit("dataset", "owner/rows", {"train.jsonl": b"{}"})
    code, _, errors = ended({**wanted, **surroundings})
    assert code == 0, errors
    metrics = metrics_of(output)
    assert metrics["reused"] == ["clean"]
    assert metrics["clean"]["sources"][0]["revision"] == commit
    assert metrics["train"]["base_revision"] == base_commit
    assert [pin["commit"] for pin in metrics["pins"]] == [base_commit, commit]
    config = json.loads((output / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert (config["base_model_name_or_path"], config["revision"]) == ("meta/base", metrics["train"]["base_revision"])

    exporting = {**surroundings, "HF_HUB_CACHE": constants.HF_HUB_CACHE}
    exported = run_job(exporting, "export", "lora", "--output", str(output))
    assert exported.returncode == 0, exported.stderr
    assert f"{output / 'lora'}: " in exported.stdout
    away = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "h0")}
    nowhere = run_job(away, "export", "merged", "--output", str(output))
    assert nowhere.returncode == 66, nowhere.stderr

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    offline = tmp_path / "offline"
    code, _, errors = ended({**small_run(Path("meta/base"), Path("owner/rows"), offline), "HF_HUB_OFFLINE": "1"})
    assert code == 0, errors
    cleaned = [metrics_of(folder)["clean"] for folder in (output, offline)]
    assert cleaned[0]["sha256"] == cleaned[1]["sha256"]
    assert cleaned[1]["sources"][0]["revision"] == commit


@in_this_process
def test_what_the_hub_does_not_give_is_named(
    ended: Callable[..., Ended], base: Path, tmp_path: Path, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gated base without a token, what does not exist, and a commit that a run was pinned to and that is gone."""
    base_commit, _ = offer(hub, base, tmp_path)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    surroundings, rows = hub.environment(WRITE_TOKEN), Path("owner/rows")

    def wanted(name: str, **changes: str) -> dict[str, str]:
        return small_run(Path("meta/base"), rows, tmp_path / name, **changes)

    code, _, errors = ended({**wanted("refused"), **hub.environment(None)})
    assert code == 67, errors
    assert "gated" in errors
    for name, changes, says in (
        ("no base", {"MODEL_BASE": "meta/none"}, "meta/none"),
        ("no rows", {"DATA_SOURCES": "owner/none"}, "owner/none"),
        ("no revision", {"MODEL_REVISION": "v9"}, "FINETUNE_MODEL_REVISION"),
    ):
        code, _, errors = ended({**wanted(name, **changes), **surroundings})
        assert code == 66, errors
        assert says in errors

    code, _, errors = ended({**wanted("begun", STAGES="clean"), **surroundings})
    assert code == 0, errors
    (tmp_path / "vanished").mkdir()
    shutil.copy(tmp_path / "begun" / "pins.json", tmp_path / "vanished")
    hub.add_commit("model", "meta/base", {"config.json": b"{}"})
    hub.remove_commit("model", "meta/base", base_commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    code, _, errors = ended({**wanted("vanished"), **surroundings})
    assert code == 66, errors
    assert f"base model meta/base at {base_commit} has no such revision" in errors
    assert "begin anew in another FINETUNE_OUTPUT_DIR" in errors


def test_an_offline_run_without_a_cache_says_so(rows_file: Path, tmp_path: Path) -> None:
    variables = small_run(Path("meta/base"), rows_file, tmp_path / "output")
    result = run_job({**variables, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")})
    assert result.returncode == 66, result.stderr
    assert "HF_HUB_OFFLINE forbids to ask the Hub" in result.stderr


def test_a_hub_that_is_down_is_worth_another_try(rows_file: Path, tmp_path: Path) -> None:
    variables = small_run(Path("meta/base"), rows_file, tmp_path / "output", HUB_RETRY_MINUTES="0")
    result = run_job({**variables, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf")})
    assert result.returncode == 76, result.stderr
    assert metrics_of(tmp_path / "output")["error"]["remedy"]
