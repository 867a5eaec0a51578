"""The order of the stages: clean, train, probe, push. The whole program in one function."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from job.results import Cleaned, Probed, Pushed, Trained
from job.runs.folder import RunDir
from job.runs.metrics import MetricsWriter
from job.runs.signals import StopRequest
from job.settings.fields import Settings
from job.settings.files import QUICKSTART, read_text
from job.settings.sources import Source


def run(settings: Settings, token: str, run_dir: RunDir, metrics_writer: MetricsWriter, stop: StopRequest) -> None:
    """Everything that is missing in the run folder; what is there is taken. Raises JobError, Stopped."""
    root = run_dir.root
    metrics_writer.at("check")
    inputs = clean_inputs(settings)
    for stage, section in (("clean", inputs), ("train", train_inputs(settings)), ("probe", probe_inputs(settings))):
        run_dir.refuse_other_run(stage, section, begun=stage == "train" and _training_begun(root))
    refuse_other_push(run_dir, settings)

    from job.hosts import (
        checks as hosts,  # torch and the stages behind it take seconds; a folder of another run must not
    )

    host = hosts.inspect(root)
    metrics_writer.add(host=host)
    unfinished = [stage for stage in ("clean", "train", "probe", "push") if not run_dir.has_result(stage)]
    if unfinished and unfinished != ["push"]:
        hosts.check(settings, token, root, host)

    def step(stage: str, *arguments: Any, **options: Any) -> Any:
        metrics_writer.at(stage)
        result = run_dir.step(stage, *arguments, **options)
        metrics_writer.add(**{stage: result})
        return result

    def run_clean() -> Cleaned:
        from job.cleaning.stage import clean

        train = settings.train
        return clean(
            settings.data,
            settings.model,
            max_tokens=train.max_tokens,
            loss=train.loss_on,
            seed=train.seed,
            token=token,
            root=root,
        )

    def run_train() -> Trained:
        from job.training.stage import train

        return train(
            cleaned,
            settings.model,
            settings.lora,
            settings.train,
            token=token,
            root=root,
            stop=stop,
        )

    def run_probe() -> Probed:
        from job.probing.probe import probe

        return probe(cleaned, trained, settings.model, settings.probe, settings.train.seed, token=token, root=root)

    def run_push() -> Pushed:
        from job.publishing.push import push

        return push(cleaned, trained, probed, settings, token=token, root=root)

    cleaned = step("clean", run_clean, Cleaned, inputs)
    trained = step("train", run_train, Trained, train_inputs(settings), begun=_training_begun(root))
    probed = step("probe", run_probe, Probed, probe_inputs(settings))
    step("push", run_push, Pushed, push_inputs(settings), replaceable=_push_was_skipped(run_dir))


def _training_begun(root: Path) -> bool:
    return any((root / "train" / "checkpoints").glob("checkpoint-*"))


def _push_was_skipped(run_dir: RunDir) -> bool:
    record = run_dir.record("push")
    return bool(record and record["result"] and record["result"]["skipped"])


def refuse_other_push(run_dir: RunDir, settings: Settings) -> None:
    """A push that was skipped or failed takes other hub settings: nothing is trained twice for them."""
    if not _push_was_skipped(run_dir):
        run_dir.refuse_other_run("push", push_inputs(settings), begun=False)


def clean_inputs(settings: Settings) -> dict[str, Any]:
    """All that the cleaned rows depend on."""
    data = settings.data.model_dump(mode="json", exclude={"system_prompt_file", "rules_file", "workers"})
    return {
        "data": {
            **data,
            "system_prompt": read_text(settings.data.system_prompt_file),
            "rules": read_text(settings.data.rules_file),
            "files": {str(source): fingerprint(source) for source in settings.data.sources if source.is_local},
        },
        "model": model_inputs(settings),
        "train": {"max_tokens": settings.train.max_tokens, "loss": settings.train.loss_on, "seed": settings.train.seed},
    }


def model_inputs(settings: Settings) -> dict[str, Any]:
    dump = settings.model.model_dump(mode="json", exclude={"chat_template_file", "save_embedding"})
    return {**dump, "chat_template": read_text(settings.model.chat_template_file)}


def train_inputs(settings: Settings) -> dict[str, Any]:
    """Beyond what the cleaned rows depend on, which the stage before has compared. Logging changes nothing."""
    return {
        "model": {**model_inputs(settings), "save_embedding": settings.model.save_embedding},
        "lora": settings.lora.model_dump(mode="json"),
        "train": settings.train.model_dump(mode="json", exclude={"log_steps"}),
    }


def probe_inputs(settings: Settings) -> dict[str, Any]:
    dump = settings.probe.model_dump(mode="json", exclude={"questions_file"})
    return {"probe": {**dump, "questions": read_text(settings.probe.questions_file)}}


def push_inputs(settings: Settings) -> dict[str, Any]:
    return {"hub": settings.hub.model_dump(mode="json")}


def fingerprint(source: Source) -> str:
    """sha256 over a file, or over all files of a save_to_disk folder in the order of their names."""
    if source.path.is_relative_to(QUICKSTART):
        return "embedded"
    digest = hashlib.sha256()
    for path in sorted(source.path.rglob("*")) if source.path.is_dir() else [source.path]:
        if path.is_file():
            digest.update(str(path.relative_to(source.path)).encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
