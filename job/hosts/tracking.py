"""The course of a training, and what came of it, to a tracker: through transformers' own callback of that tracker.

It gets figures, and the settings as settings.json has them, with secrets starred; nothing of the rows, the model or the code.
A tracker that fails is left out from then on: it ends no run.

In a TrainJob of Kubeflow, transformers' trainer itself adds the callback that tells progress, time left and losses to the
controller, wherever KUBEFLOW_TRAINER_SERVER_URL is set.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import KubeflowCallback, is_kubeflow_available
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from job.errors import Stopped
from job.hosts.trackers import Tracker, prepare_tracker, tracker_of
from job.results import Verdict
from job.settings.fields import Settings
from job.settings.run_files import TRACKING, fields_of

if TYPE_CHECKING:
    from transformers import Trainer

log = logging.getLogger("job.train")
LONGEST_VALUE = 500
"""Characters; MLflow takes no more of a parameter."""


@contextmanager
def tracked(trainer: Trainer, report_to: str, root: Path) -> Iterator[None]:
    """Inside, the trainer's losses go to this tracker."""
    KubeflowCallback._MIN_UPDATE_INTERVAL = 30.0  # a server that never answers takes 5 s each time
    tracker = tracker_of(report_to)
    if tracker is None:
        yield
        return
    callback = Tracked(tracker, root)
    trainer.add_callback(callback)
    try:
        yield
    except Stopped:  # there are seconds left, and the next start goes on with the same run
        raise
    except BaseException:
        callback.close(trainer.args, trainer.state, trainer.control)
        raise
    callback.close(trainer.args, trainer.state, trainer.control)


def track(settings: Settings, root: Path, figures: Mapping[str, float], word: str, step: int = 0) -> None:
    """Figures of the probe and the verdict's word, beside the losses of the training. `step`: of the chosen adapter."""
    if is_kubeflow_available():
        metrics = {f"verdict_{name}": value for name, value in figures.items()}
        KubeflowCallback()._update_status(progress_percent=100, estimated_time_remaining=0, metrics=metrics, force=True)
    tracker = tracker_of(settings.train.report_to)
    if tracker is None:
        return
    arguments = TrainingArguments(output_dir=str(root / TRACKING), report_to="none", use_cpu=True)
    state, control = TrainerState(global_step=step), TrainerControl()
    callback = Tracked(tracker, root)
    callback.on_log(arguments, state, control, logs={f"eval_verdict_{name}": value for name, value in figures.items()})
    callback.say(word)
    callback.close(arguments, state, control)


def figures_of(verdict: Verdict) -> dict[str, float]:
    """What `track` sends of it: each difference, tuned - base, by its name, and the interval of the loss."""
    found = {guardrail.name: guardrail.difference for guardrail in verdict.guardrails}
    if verdict.gain:
        gain = verdict.gain
        found |= {gain.name: gain.difference, f"{gain.name}_low": gain.low, f"{gain.name}_high": gain.high}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _to_tensorboard(inner: Any, word: str) -> None:
    inner.tb_writer.add_text("verdict", word)


def _to_mlflow(inner: Any, word: str) -> None:
    import mlflow

    mlflow.set_tag("verdict", word)


def _to_wandb(inner: Any, word: str) -> None:
    import wandb

    if wandb.run is not None:
        wandb.run.summary["verdict"] = word


WORDS: dict[str, Callable[[Any, str], None]] = {
    "tensorboard": _to_tensorboard,
    "mlflow": _to_mlflow,
    "wandb": _to_wandb,
}
"""Tracker -> where the verdict's word goes: a text, a tag, the summary. Trackio has figures alone."""


class Arguments:
    """transformers' arguments, with the settings of the run in place of their own values where they are shown."""

    project = "lora-job"

    def __init__(self, arguments: TrainingArguments, shown: dict[str, Any], run_name: str) -> None:
        self._arguments = arguments
        self._shown = shown
        self.run_name = run_name

    def to_dict(self) -> dict[str, Any]:
        return dict(self._shown)

    def to_json_string(self) -> str:
        return json.dumps(self._shown, indent=2)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._arguments, name)


class Tracked(TrainerCallback):  # type: ignore[misc]
    """Hands the events of a training on to transformers' callback of the tracker."""

    def __init__(self, tracker: Tracker, root: Path) -> None:
        self.tracker = tracker
        self.root = root
        self.name_file = root / TRACKING / f"{tracker.name}-run"
        self.run = self.name_file.read_text("utf-8").strip() if self.name_file.exists() else ""
        self.shown = {} if self.run else settings_of(root)  # a run that goes on has them: MLflow takes no others
        self.inner: Any = None
        self.off = False
        with self._mishaps():
            self.name_file.parent.mkdir(exist_ok=True)
            if not self.run and tracker.keeps_name:
                self.run = secrets.token_hex(4)
                self.name_file.write_text(self.run, "utf-8")
            prepare_tracker(tracker, self.name_file.parent, self.run)
            self.inner = INTEGRATION_TO_CALLBACK[tracker.name]()

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._pass("on_train_begin", args, state, control)

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        self._pass("on_log", args, state, control, logs=dict(logs or {}))

    def say(self, word: str) -> None:
        """The verdict, where the tracker has a place for words beside its figures."""
        tell = WORDS.get(self.tracker.name)
        if tell and not self.off:
            with self._mishaps():
                tell(self.inner, word)

    def close(self, args: Any, state: TrainerState, control: TrainerControl) -> None:
        """Once nothing more comes. The end of the training is not that: an evaluation may follow."""
        self._pass("on_train_end", args, state, control)
        if not self.off:
            with self._mishaps():
                self._flush()
        self.inner, self.off = None, True  # MLflow's ends whatever run is active by the time it is collected

    def _flush(self) -> None:
        """This process ends without the exit handlers of libraries."""
        if self.tracker.name == "mlflow":
            import mlflow

            mlflow.flush_async_logging()
        if self.tracker.name == "wandb":
            import wandb

            wandb.finish()

    def _pass(self, event: str, args: Any, state: TrainerState, control: TrainerControl, **also: Any) -> None:
        if self.off:
            return
        with self._mishaps():
            arguments = Arguments(args, self.shown, self.root.absolute().name)
            getattr(self.inner, event)(arguments, state, control, **also)
            if not self.run and self.tracker.name == "mlflow":
                import mlflow

                if active := mlflow.active_run():
                    self.run = active.info.run_id
                    self.name_file.write_text(self.run, "utf-8")

    @contextmanager
    def _mishaps(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.off = True
            log.warning(
                "stage=train tracker=%s off=true: the run goes on without it: %s: %s",
                self.tracker.name,
                type(error).__name__,
                error,
            )


def settings_of(root: Path) -> dict[str, Any]:
    """Those in settings.json, one level deep: `train.epochs`."""
    found: dict[str, Any] = {}
    for name, value in fields_of(root / "settings.json").items():
        for key, one in value.items() if isinstance(value, dict) else [("", value)]:
            shown = one if isinstance(one, int | float) else str(one)[:LONGEST_VALUE]
            found[f"{name}.{key}" if key else name] = shown
    return found
