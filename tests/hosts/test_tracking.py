"""What trackers get, and that none of them ends a run."""

from __future__ import annotations

import json
import logging
import math
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from job.errors import Diverged, Stopped
from job.hosts import tracking
from job.hosts.trackers import TRACKERS
from job.hosts.tracking import figures_of, settings_of, track, tracked
from job.results import Estimate
from job.settings.fields import Settings, TrainSettings
from tests.sample_results import estimate, guardrail, run_settings, verdict
from tests.training.building import forward_of, random_rows, trainer_of

ROWS = random_rows(24)
"""Three steps."""
SECRET = "hf_" + "t" * 30


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A run's folder; the variables of trackers are put back."""
    before = dict(os.environ)
    (tmp_path / "settings.json").write_text(
        json.dumps({"train": {"epochs": 2.0, "precision": "auto"}, "hf_token": "**********", "stages": []}), "utf-8"
    )
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


def reporting_to(name: str) -> Settings:
    settings = run_settings()
    return settings.model_copy(update={"train": settings.train.model_copy(update={"report_to": name})})


def require(package: str) -> None:
    """Without its import, which reads its variables."""
    if find_spec(package) is None:
        pytest.skip(f"pip install '.[{package}]' for this one")


def trained(base: Path, root: Path, name: str) -> None:
    """As the stage does it: an evaluation before the training, and one after it where that ends between two of them."""
    trainer = trainer_of(forward_of(base), ROWS, root / "train")
    with tracked(trainer, name, root):
        trainer.evaluate()
        trainer.train()
        trainer.evaluate()
    track(reporting_to(name), root, {"gain": 0.25, "kl": 0.1}, "no better", step=2)


class Callback:
    """In place of transformers' own."""

    said: ClassVar[list[tuple[str, Any]]] = []
    fails_at = ""
    tb_writer = SimpleNamespace(add_text=lambda name, text: None)

    def on_log(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        self._take("on_log", also)

    def on_train_begin(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        self._take("on_train_begin", also)
        self.said.append(("args", (args.run_name, json.loads(args.to_json_string()), args.eval_steps)))

    def on_train_end(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        self._take("on_train_end", also)

    def _take(self, event: str, also: dict[str, Any]) -> None:
        if event == self.fails_at:
            raise ConnectionError("no route to the server")
        self.said.append((event, sorted(also.get("logs", also))))


@pytest.fixture
def callback(monkeypatch: pytest.MonkeyPatch) -> type[Callback]:
    monkeypatch.setattr(Callback, "said", [])
    monkeypatch.setitem(tracking.INTEGRATION_TO_CALLBACK, "tensorboard", Callback)
    return Callback


def test_a_tracker_gets_figures_and_the_settings_as_the_run_folder_has_them(
    base: Path, root: Path, callback: type[Callback]
) -> None:
    trained(base, root, "tensorboard")
    events = [event for event, _ in callback.said]
    assert (events[0], events[1], events[-3], events[-1]) == (
        "on_log",
        "on_train_begin",
        "on_train_end",
        "on_train_end",
    )
    assert events.count("on_train_end") == 2, "of the training and of the probe, after all that it logs"
    shown = {"train.epochs": 2.0, "train.precision": "auto", "hf_token": "**********", "stages": "[]"}
    assert dict(callback.said)["args"] == (root.name, shown, 2)
    logged = [names for event, names in callback.said if event == "on_log"]
    assert logged[0] == ["epoch", "eval_loss"]
    assert {"loss", "learning_rate", "grad_norm"} <= set(logged[1])
    assert logged[-1] == ["eval_verdict_gain", "eval_verdict_kl"]


@pytest.mark.parametrize("event", ["on_log", "on_train_begin", "on_train_end"])
def test_a_tracker_that_fails_is_left_out_and_the_run_goes_on(
    event: str, base: Path, root: Path, callback: type[Callback], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(callback, "fails_at", event)
    trainer = trainer_of(forward_of(base), ROWS, root / "train")
    with tracked(trainer, "tensorboard", root):
        trainer.evaluate()
        trainer.train()
    assert trainer.state.global_step == 3
    assert [record.getMessage() for record in caplog.records if "tracker=" in record.getMessage()] == [
        "stage=train tracker=tensorboard off=true: the run goes on without it: ConnectionError: no route to the server"
    ]


def test_a_run_that_is_stopped_does_not_wait_for_its_tracker(base: Path, root: Path, callback: type[Callback]) -> None:
    trainer = trainer_of(forward_of(base), ROWS, root / "train")
    with pytest.raises(Stopped), tracked(trainer, "tensorboard", root):
        raise Stopped("now")
    assert callback.said == []
    with pytest.raises(Diverged), tracked(trainer, "tensorboard", root):
        raise Diverged("the loss is NaN")
    assert callback.said == [("on_train_end", [])]


def test_without_a_tracker_nothing_is_written(base: Path, root: Path) -> None:
    trainer = trainer_of(forward_of(base), ROWS, root / "train")
    with tracked(trainer, "none", root):
        pass
    track(reporting_to("none"), root, {"gain": 0.25}, "better")
    assert not (root / "tracking").exists()


def test_what_is_sent_of_a_verdict() -> None:
    gain = Estimate(**estimate(difference=-0.4, low=-0.5, high=-0.3))
    broken = guardrail("repetition_share", difference=0.02)
    assert figures_of(verdict(gain=gain, guardrails=[broken, guardrail("kl", difference=math.inf)])) == {
        "loss": -0.4,
        "loss_low": -0.5,
        "loss_high": -0.3,
        "repetition_share": 0.02,
    }
    assert figures_of(verdict(gain=None, guardrails=[])) == {}


def test_long_settings_are_cut_and_missing_ones_are_none(tmp_path: Path) -> None:
    assert settings_of(tmp_path) == {}
    (tmp_path / "settings.json").write_text(json.dumps({"data": {"sources": ["x" * 600]}}), "utf-8")
    assert len(settings_of(tmp_path)["data.sources"]) == 500


def test_tensorboard_gets_a_whole_run(base: Path, root: Path) -> None:
    require("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained(base, root, "tensorboard")
    found = EventAccumulator(str(root / "tracking" / "tensorboard"))
    found.Reload()
    assert [event.step for event in found.Scalars("train/loss")] == [1, 2, 3]
    assert [event.step for event in found.Scalars("eval/loss")] == [0, 2, 3, 3]
    assert [(event.step, round(event.value, 6)) for event in found.Scalars("eval/verdict_gain")] == [(2, 0.25)]
    assert "verdict/text_summary" in found.Tags()["tensors"]
    written = b"".join(path.read_bytes() for path in root.rglob("events.*"))
    assert b"train.epochs" in written and b"no better" in written and b"hidden_size" not in written


def test_mlflow_keeps_one_run_over_all_starts(base: Path, root: Path) -> None:
    require("mlflow")
    from mlflow.tracking import MlflowClient

    trained(base, root, "mlflow")
    trained(base, root, "mlflow")  # as a second start
    client = MlflowClient(f"file://{root}/tracking/mlruns")
    (run,) = client.search_runs([client.get_experiment_by_name("lora-job").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["train.epochs"] == "2.0"
    assert run.data.metrics["eval_verdict_gain"] == 0.25
    assert run.data.tags["verdict"] == "no better"
    assert {metric.step for metric in client.get_metric_history(run.info.run_id, "loss")} == {1, 2, 3}
    assert (root / "tracking" / "mlflow-run").read_text("utf-8") == run.info.run_id


def test_wandb_writes_its_run_without_a_network(base: Path, root: Path) -> None:
    require("wandb")
    os.environ["WANDB_MODE"] = "offline"
    trained(base, root, "wandb")
    name = (root / "tracking" / "wandb-run").read_text("utf-8")
    training, probe = sorted((root / "tracking").rglob(f"run-{name}.wandb"), key=lambda path: path.stat().st_mtime)
    assert b"no better" in probe.read_bytes() and b"no better" not in training.read_bytes()


def test_trackio_writes_its_database(base: Path, root: Path) -> None:
    require("trackio")
    trained(base, root, "trackio")
    assert list((root / "tracking" / "trackio").glob("lora-job*.db"))


# --- Kubeflow --------------------------------------------------------------------------------------------------------


@pytest.fixture
def controller(root: Path) -> Iterator[list[dict[str, Any]]]:
    """What the controller of Kubeflow Trainer is told."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.append({"token": self.headers["Authorization"], **body["trainerStatus"]})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (root / "token").write_text("projected\n", "utf-8")
    os.environ["KUBEFLOW_TRAINER_SERVER_URL"] = f"http://127.0.0.1:{server.server_port}/status"
    os.environ["KUBEFLOW_TRAINER_SERVER_TOKEN"] = str(root / "token")
    yield told
    server.shutdown()
    server.server_close()


def test_kubeflow_is_told_progress_losses_and_the_verdict(
    base: Path, root: Path, controller: list[dict[str, Any]]
) -> None:
    trained(base, root, "none")
    first, *_, last, verdict = controller
    assert (first["progressPercentage"], first["token"]) == (0, "Bearer projected")
    assert (last["progressPercentage"], last["estimatedRemainingSeconds"]) == (100, 0)
    assert {"loss", "eval_loss"} <= {metric["name"] for metric in last["metrics"]}
    assert verdict["metrics"] == [
        {"name": "verdict_gain", "value": "0.25"},
        {"name": "verdict_kl", "value": "0.1"},
    ]


def test_nothing_is_told_where_kubeflow_is_not(base: Path, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "transformers")
    trained(base, root, "none")
    assert not [record for record in caplog.records if "Kubeflow" in record.getMessage()]


def test_every_tracker_is_one_of_transformers(root: Path) -> None:
    assert {tracker.name for tracker in TRACKERS} <= tracking.INTEGRATION_TO_CALLBACK.keys()
    assert TrainSettings().report_to == "none"
