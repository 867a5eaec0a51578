"""The stages in their order, one tuple, and how each is called.

A stage is one entry of `STAGES`. Its stored record, its log lines, its part of metrics.json and its lines in `plan` all follow
from that entry; its name appears nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from job.hosts.places import Place
from job.inputs import NO_RESULT, clean_inputs, export_inputs, probe_inputs, push_inputs, train_inputs
from job.results import Cleaned, Exported, Probed, Pushed, Result, Trained
from job.runs.deadline import Deadline
from job.runs.parts import PARTS
from job.runs.progress import importing
from job.runs.signals import StopRequest
from job.settings.fields import Settings

if TYPE_CHECKING:
    from job.parallel.others import Others

R = TypeVar("R", bound=Result)


@dataclass
class Run:
    """What every stage gets, and the results of the stages before it."""

    settings: Settings
    """With the commits that the run keeps to in place of revisions."""
    token: str
    root: Path
    stop: StopRequest
    deadline: Deadline = field(default_factory=Deadline)
    halved: bool = False
    """Whether training cuts its steps into micro-batches of half the size: main memory ran out before."""
    others: Others | None = None
    """The other processes of a run that a launcher started several times."""
    results: list[Result] = field(default_factory=list)

    def result(self, kind: type[R]) -> R:
        """The result of the earlier stage that returns this type."""
        return next(result for result in self.results if isinstance(result, kind))


# --- how each stage is called: the only late imports, since these modules take seconds to import ----------------------


def run_clean(run: Run) -> Cleaned:
    with importing():
        from job.cleaning.stage import clean

    train = run.settings.train
    with PARTS.of("cleaning"):
        return clean(
            run.settings.data,
            run.settings.model,
            max_tokens=train.max_tokens,
            loss=train.loss_on,
            seed=train.seed,
            token=run.token,
            root=run.root,
        )


def run_train(run: Run) -> Trained:
    with importing():
        from job.modeling.sizes import require_questions_behind
        from job.training.stage import train

    settings, cleaned = run.settings, run.result(Cleaned)
    require_questions_behind(cleaned.system_prompt, settings, run.token)
    return train(
        cleaned,
        settings.model,
        settings.lora,
        settings.train,
        token=run.token,
        root=run.root,
        stop=run.stop,
        halved=run.halved,
        deadline=run.deadline,
        candidates=settings.probe.checkpoints,
        others=run.others,
    )


def run_probe(run: Run) -> Probed:
    with importing():
        from job.hosts.tracking import figures_of, track
        from job.probing.stage import probe

    settings = run.settings
    probed = probe(
        run.result(Cleaned),
        run.result(Trained),
        settings.model,
        settings.probe,
        settings.train,
        token=run.token,
        root=run.root,
        stop=run.stop,
        deadline=run.deadline,
    )
    track(settings, run.root, figures_of(probed.verdict), probed.verdict.value, probed.step)
    return probed


def run_export(run: Run) -> Exported:
    with importing():
        from job.exporting.stage import export

    settings = run.settings
    return export(
        run.result(Cleaned),
        run.result(Trained),
        run.result(Probed),
        settings.model,
        settings.probe,
        settings.export,
        settings.merge_into,
        token=run.token,
        root=run.root,
        stop=run.stop,
        deadline=run.deadline,
    )


def run_push(run: Run) -> Pushed:
    with importing():
        from job.publishing.stage import push

    return push(
        run.result(Cleaned),
        run.result(Trained),
        run.result(Probed),
        run.result(Exported),
        run.settings,
        token=run.token,
        root=run.root,
    )


def check_push(run: Run) -> None:
    from job.hosts.patience import patiently
    from job.publishing.access import check_write_access

    patiently(partial(check_write_access, run.settings.hub, run.token, run.root), "repositories of the push")


# --- several processes of one run ------------------------------------------------------------------------------------


def lead(place: Place, settings: Settings, root: Path, stop: StopRequest) -> Others:
    """For rank 0, at the start of its run: the others may come while it cleans. Raises HostUnfit (68)."""
    with importing():
        from job.parallel.others import Others

    return Others(place, seconds=60 * settings.watchdog_minutes, settings=shared(settings), root=root, stop=stop)


def follow(place: Place, settings: Settings, token: str) -> int:
    """For every other rank, in place of a run. Returns the exit code."""
    with importing():
        from job.parallel.following import follow

    return follow(place, settings, shared(settings), token)


def tell(place: Place, code: int, message: str, *, late: float) -> None:
    """The other processes, where this one's run did not begin or ended without a word. Raises HostUnfit (68)."""
    if place.rank:
        from job.parallel.following import refuse

        refuse(place, code, message, seconds=late)
    else:
        from job.parallel.others import Others

        Others(place, seconds=late).end(code, message, late=late)


def shared(settings: Settings) -> dict[str, Any]:
    """The settings that all processes must have: what comes of the training depends on them."""
    dump = settings.model_dump(mode="json", include={"data", "model", "lora", "train"})
    return dump | {"train": {name: value for name, value in dump["train"].items() if name not in NO_RESULT}}


# --- the stages ------------------------------------------------------------------------------------------------------


def _has_checkpoint(root: Path) -> bool:
    return any((root / "train" / "checkpoints").glob("checkpoint-*"))


@dataclass(frozen=True)
class Stage:
    name: str
    """Names its record, its log lines and its result in metrics.json."""
    words: str
    """What it does, for `plan`."""
    files: tuple[str, ...]
    """What it leaves beside its record, for `plan`."""
    inputs: Callable[[Settings], dict[str, Any]]
    """Everything that its result depends on beyond earlier results, as JSON values."""
    run: Callable[[Run], Result]
    result: type[Result]
    begun: Callable[[Path], bool] = lambda root: False
    """Whether an earlier attempt left something that the next one continues, so that the inputs must agree."""
    replaceable: Callable[[dict[str, Any]], bool] = lambda result: False
    """Whether a stored result may be replaced by one with other inputs, as long as no later stage has published it."""
    published: Callable[[dict[str, Any]], bool] = lambda result: False
    """Whether others may have what a stored result names."""
    only_adds: bool = False
    """Whether other settings add files beside those that a later stage has published, and change none of them."""
    again: Callable[[dict[str, Any]], bool] = lambda result: False
    """Whether a stored result is made again by the same command: what stood in its way may be mended."""
    check: Callable[[Run], None] = lambda run: None
    """Checks what can be checked before the first stage starts."""
    takes_steps: bool = False
    """Whether it computes optimizer steps, whose activations are most of the main memory on a CPU."""
    long_work: bool = True
    """Whether the checks are worth their seconds if this stage has yet to run."""
    reads_files: bool = False
    """Whether it reads files that others may change meanwhile, so that its inputs are compared again."""
    computes: bool = False
    """Whether it needs the GPU, the memory and the disk that the settings ask for."""


STAGES: tuple[Stage, ...] = (
    Stage(
        name="clean",
        words="read, clean and split the rows",
        files=("clean/train.jsonl", "clean/eval.jsonl", "clean/dropped.jsonl"),
        inputs=clean_inputs,
        run=run_clean,
        result=Cleaned,
        reads_files=True,
    ),
    Stage(
        name="train",
        words="train a LoRA adapter on the 4-bit base model, and load it again to check it",
        files=("train/adapter/", "train/candidates/", "train/row_losses/", "train/checkpoints/", "train/log.jsonl"),
        inputs=train_inputs,
        run=run_train,
        result=Trained,
        computes=True,
        begun=_has_checkpoint,
        takes_steps=True,
    ),
    Stage(
        name="probe",
        words="ask base and tuned model the same questions",
        files=("adapter/", "probe/samples.jsonl", "probe/losses.jsonl", "probe/tokens.jsonl"),
        inputs=probe_inputs,
        run=run_probe,
        result=Probed,
        replaceable=lambda result: True,  # of the candidates that training keeps
        computes=True,
    ),
    Stage(
        name="export",
        words="write the tuned model in the forms that other tools take, and load each to check it",
        files=("lora/", "merged/"),
        inputs=export_inputs,
        run=run_export,
        result=Exported,
        replaceable=lambda result: True,
        only_adds=True,
    ),
    Stage(
        name="push",
        words="write the model card, and publish what the hub settings name",
        files=("adapter/README.md",),
        inputs=push_inputs,
        run=run_push,
        result=Pushed,
        replaceable=lambda result: bool(result["skipped"] or result.get("held_private")),
        published=lambda result: not result["skipped"],
        again=lambda result: bool(result.get("is_public")),
        check=check_push,
        long_work=False,  # if only the push is left, it finds problems by itself
    ),
)
