"""The stage itself: a float32 adapter from construction to file, the embedding layer in it, what a stop leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from job.cleaning.stage import clean
from job.errors import Stopped
from job.modeling import row_losses
from job.modeling.adapter_file import WEIGHTS
from job.modeling.architecture import Architecture
from job.modeling.sizes import sizes
from job.results import LogEntry, Trained
from job.runs.deadline import Deadline
from job.runs.files import read_lines
from job.runs.progress import is_saving
from job.runs.signals import StopRequest
from job.settings.fields import DataSettings, LoraSettings, ModelSettings, Settings, TrainSettings
from job.settings.sources import Source
from job.training import checkpoints, stage
from job.training.callbacks import Watch
from job.training.candidates import Candidates
from job.training.stage import _resume, train
from job.training.trainer import Float32AdapterTrainer
from tests.conftest import differing_tensors, make_rows, write_rows
from tests.training.building import forward_of

pytestmark = pytest.mark.usefixtures("round_trip_here")
TRAIN = TrainSettings(max_tokens=256, warmup_steps=1, eval_steps=2, log_steps=1, learning_rate=0.01)


def trained(
    root: Path,
    base: Path,
    *,
    model: dict[str, Any] | None = None,
    train_settings: TrainSettings = TRAIN,
    stop: StopRequest | None = None,
    deadline: Deadline | None = None,
) -> Trained:
    """A real training of four steps on real NF4."""
    rows = write_rows(root / "rows.jsonl", make_rows(60))
    data = DataSettings(sources=(Source.parse(str(rows)),), min_answer_words=5, min_rows=2)
    model_settings = ModelSettings(base=str(base), **(model or {}))
    cleaned = clean(data, model_settings, max_tokens=256, loss="answers", seed=42, token="", root=root)
    return train(
        cleaned,
        model_settings,
        LoraSettings(),
        train_settings,
        token="",
        root=root,
        stop=stop or StopRequest(),
        deadline=deadline,
        candidates=2,
    )


@pytest.fixture
def dtypes_seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[torch.dtype]]]:
    """The dtypes of all trainable parameters after construction and when training ends."""
    seen: dict[str, set[torch.dtype]] = {}

    def note(when: str, trainer: Any) -> None:
        seen[when] = {p.dtype for p in trainer.model.parameters() if p.requires_grad}

    real_init, real_train = Float32AdapterTrainer.__init__, Float32AdapterTrainer.train

    def init(self: Any, *arguments: Any, **options: Any) -> None:
        real_init(self, *arguments, **options)
        note("after construction", self)

    def run(self: Any, *arguments: Any, **options: Any) -> Any:
        output = real_train(self, *arguments, **options)
        note("after resume" if options.get("resume_from_checkpoint") else "after training", self)
        return output

    monkeypatch.setattr(Float32AdapterTrainer, "__init__", init)
    monkeypatch.setattr(Float32AdapterTrainer, "train", run)
    yield seen


@pytest.mark.slow
def test_the_adapter_is_float32_from_construction_to_file(
    base: Path, tmp_path: Path, dtypes_seen: dict[str, set[torch.dtype]]
) -> None:
    """TRL casts it to bfloat16, which ends float16 training on a T4."""
    trained(tmp_path, base)
    (tmp_path / "train" / "adapter").rename(tmp_path / "first")
    trained(tmp_path, base, train_settings=TRAIN)  # the same folder: resumes from the last checkpoint
    assert dtypes_seen == {
        "after construction": {torch.float32},
        "after training": {torch.float32},
        "after resume": {torch.float32},
    }
    lora = {name: t for name, t in load_file(tmp_path / "train" / "adapter" / WEIGHTS).items() if "lora_" in name}
    assert {tensor.dtype for tensor in lora.values()} == {torch.float32}
    assert not differing_tensors(tmp_path / "first" / WEIGHTS, tmp_path / "train" / "adapter" / WEIGHTS)


@pytest.mark.slow
def test_while_training_saves_something_a_signal_leaves_it_more_time(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, bool] = {}

    def watch(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            said[name] = is_saving()
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    for owner, name in ((checkpoints, "seal"), (Candidates, "keep"), (stage.adapters, "save")):
        watch(owner, name)
    result = trained(tmp_path, base)
    assert said == {"seal": True, "keep": True, "save": True}
    assert not is_saving()
    assert 0 < result.checkpoint_seconds < result.train_seconds


@pytest.mark.slow
@pytest.mark.parametrize("cause", ["no gradient", "no step"])
def test_an_adapter_that_learned_nothing_is_flagged(
    cause: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No gradient: in all steps exactly zero. No step: the learning rate is 0 in the first one of a warm-up."""
    real = Float32AdapterTrainer._gradients

    def without_gradient(self: Float32AdapterTrainer, rows: Any, learned: int) -> torch.Tensor:
        loss = real(self, rows, learned)
        self.model.zero_grad(set_to_none=False)
        return loss

    settings = TRAIN
    if cause == "no gradient":
        monkeypatch.setattr(Float32AdapterTrainer, "_gradients", without_gradient)
    else:
        settings = TRAIN.model_copy(update={"epochs": 0.25})
    result = trained(tmp_path, base, train_settings=settings)
    assert result.zero_gradients
    assert result.best_eval_loss == result.base_eval_loss
    assert result.warnings[0].startswith(f"{result.steps} optimizer steps hardly teach anything")
    said = {
        "no gradient": "every gradient of the adapter was exactly zero",
        "no step": "no step changed what the model computes",
    }
    assert result.warnings[-1].startswith(said[cause])
    assert len(result.warnings) == {"no gradient": 2, "no step": 3}[cause]
    for warning in result.warnings:
        assert warning in caplog.text


EMBEDDINGS = {
    "full": ["base_model.model.model.embed_tokens.weight"],
    "rows": ["base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"],
    "none": [],
}


@pytest.mark.slow
@pytest.mark.parametrize("how", EMBEDDINGS)
def test_the_embedding_layer_is_saved_once_in_the_base_models_dtype(how: str, base: Path, tmp_path: Path) -> None:
    """And the model card's lines load it: `train` raises where its logits differ."""
    result = trained(tmp_path, base, model={"save_embedding": how})
    with safe_open(tmp_path / "train" / "adapter" / WEIGHTS, "pt") as file:
        extra = {name: file.get_tensor(name) for name in file.keys() if "lora_" not in name}  # noqa: SIM118
    assert list(extra) == EMBEDDINGS[how]
    assert all(tensor.dtype == torch.float16 for tensor in extra.values())  # as the base was published
    assert result.adapter_parts_bytes.get("embedding", 0) == sum(t.nbytes for t in extra.values())
    settings = Settings.model_construct(
        model=ModelSettings(base=str(base), save_embedding=how),
        lora=LoraSettings(),  # type: ignore[arg-type]
    )
    predicted = sizes(Architecture.read(base, "base"), settings)
    assert predicted.adapter_bytes == sum(result.adapter_parts_bytes.values())
    assert not any(
        "embed" in name for name in load_file(next((tmp_path / "train" / "candidates").glob("*.safetensors")))
    )


@pytest.mark.slow
def test_an_untied_head_is_saved_too(untied_base: Path, tmp_path: Path) -> None:
    trained(tmp_path, untied_base)
    names = set(load_file(tmp_path / "train" / "adapter" / WEIGHTS))
    assert {name for name in names if "lora_" not in name} == {
        "base_model.model.model.embed_tokens.weight",
        "base_model.model.lm_head.weight",
    }


@pytest.mark.slow
def test_a_reserved_pad_token_changes_no_vocabulary_and_the_log_has_what_a_plot_needs(
    base: Path, tmp_path: Path
) -> None:
    result = trained(tmp_path, base, model={"pad_token": "reserved"})
    assert result.pad_token == "<|finetune_right_pad_id|>"
    assert (result.zero_gradients, len(result.warnings), result.warmup_steps) == (False, 1, 1)
    assert list(result.adapter_parts_bytes) == ["lora"]
    assert result.vocabulary_rows == json.loads((base / "config.json").read_text("utf-8"))["vocab_size"]
    entries = read_lines(tmp_path / "train" / "log.jsonl", LogEntry)
    assert [entry.step for entry in entries if entry.loss is not None] == [1, 2, 3, 4]
    assert [entry.step for entry in entries if entry.eval_loss is not None] == [0, 2, 4]
    assert entries[0].eval_loss == result.base_eval_loss
    assert all(entry.tokens_per_second for entry in entries if entry.loss is not None)
    assert Candidates(tmp_path / "train" / "candidates").best() == (result.best_eval_loss, result.best_step)
    assert [one.step for one in result.candidates] == [2, 4]
    for one in result.candidates:
        assert (tmp_path / one.path).is_file()


@pytest.mark.slow
def test_an_evaluation_that_a_stop_cut_off_is_made_up_for(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the adapter of that step could never be the best one, and the run would end in another adapter."""
    stop = StopRequest()
    real = Float32AdapterTrainer._eval_sums

    def stopped_at_step_2(self: Float32AdapterTrainer) -> list[float]:
        stop.requested = stop.requested or self.state.global_step == 2
        return real(self)

    with monkeypatch.context() as patched:
        patched.setattr(Float32AdapterTrainer, "_eval_sums", stopped_at_step_2)
        with pytest.raises(Stopped):
            trained(tmp_path, base, stop=stop)
    assert [entry.step for entry in read_lines(tmp_path / "train/log.jsonl", LogEntry) if entry.eval_loss] == [0]
    result = trained(tmp_path, base)
    assert result.resumed_from_step == 2
    assert [entry.step for entry in read_lines(tmp_path / "train/log.jsonl", LogEntry) if entry.eval_loss] == [0, 2, 4]
    rows = len((tmp_path / "clean/eval.jsonl").read_text("utf-8").splitlines())
    steps = [0, *(one.step for one in result.candidates)]
    assert row_losses.read(tmp_path / "train" / row_losses.FOLDER, steps, rows), "the probe finds them all"
    assert len(list((tmp_path / "train" / row_losses.FOLDER).iterdir())) == len(steps)


@pytest.fixture
def interrupted(base: Path, tmp_path: Path) -> Watch:
    """train/ of a run that was killed: an evaluation and the best adapter at step 2, a checkpoint at steps 2 and 4."""
    watch = Watch(tmp_path / "train", worst_loss=100, stop=StopRequest())
    model = forward_of(base).model
    for step, loss in ((0, 3.0), (2, 2.0), (4, 2.5)):
        watch.log.append(LogEntry(step=step, eval_loss=loss, seconds=1))
        if step:
            watch.candidates.keep(model, loss, step)
            checkpoint = tmp_path / "train" / "checkpoints" / f"checkpoint-{step}"
            model.save_pretrained(checkpoint, save_embedding_layers=False)
            checkpoints.seal(checkpoint)
    return watch


def resumed_from(watch: Watch) -> tuple[str, list[int], int]:
    """Where training begins, the evaluations that count, the step of the best adapter."""
    again = Watch(watch.log.path.parent, worst_loss=100, stop=StopRequest())
    resume = _resume(again, watch.log.path.parent / "checkpoints")
    again.restore(checkpoints.step_of(resume) if resume else 0)
    return resume.name if resume else "", [entry.step for entry in again.log.entries], again.candidates.best()[1]


def test_a_run_goes_on_with_log_and_best_adapter_as_the_checkpoint_has_them(interrupted: Watch) -> None:
    log = interrupted.log.path
    log.write_text(log.read_text("utf-8").replace("3.0", "1.0"), "utf-8")
    assert resumed_from(interrupted) == ("checkpoint-4", [0, 2, 4], 2)
    assert '"eval_loss":3.0' in log.read_text("utf-8")


def test_a_run_whose_best_adapter_is_lost_begins_anew(interrupted: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """Its step's checkpoint would do, but that is broken too."""
    folder = interrupted.log.path.parent
    interrupted.candidates.path(2).write_bytes(b"")
    (folder / "checkpoints" / "checkpoint-2" / "manifest.json").write_bytes(b"")
    assert resumed_from(interrupted) == ("", [], 0)
    assert "stage=train candidates=lost" in caplog.text
    assert not list((folder / "checkpoints").glob("checkpoint-*"))


def test_without_a_whole_checkpoint_nothing_of_an_earlier_start_counts(interrupted: Watch) -> None:
    for manifest in interrupted.log.path.parent.glob("checkpoints/*/manifest.json"):
        manifest.unlink()
    assert resumed_from(interrupted) == ("", [], 0)
