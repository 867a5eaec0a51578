"""The function that walks the stages in their order: the whole program."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from job import outcome
from job.errors import SettingsError
from job.hosts.ahead import open_card
from job.hosts.lookups import import_transformers
from job.inputs import absent_as_recorded, hash_ahead, require_unchanged
from job.results import Cleaned, Metrics, Pin, Probed, Pushed, Result, Trained
from job.runs import pins
from job.runs.deadline import Deadline
from job.runs.folder import Consumer, FileChanged, RunDir
from job.runs.metrics import MetricsWriter
from job.runs.parts import PARTS
from job.runs.progress import importing
from job.runs.signals import StopRequest
from job.settings.fields import Settings
from job.stages import STAGES as STAGES  # the modules that look at the stages take them from here
from job.stages import Run, Stage

if TYPE_CHECKING:
    from job.parallel.others import Others

log = logging.getLogger("job")


def run(
    settings: Settings,
    token: str,
    run_dir: RunDir,
    metrics_writer: MetricsWriter,
    stop: StopRequest,
    *,
    halved: bool = False,
    others: Others | None = None,
) -> None:
    """Run the chosen stages that are missing in the run folder, and reuse the others' results. Raises JobError, Stopped."""
    metrics_writer.at("check")
    wanted = chosen(settings)
    prepare_hub(settings)
    if any(stage.computes and not run_dir.has_result(stage.name) for stage in wanted):
        open_card()
        hash_ahead(settings)
    with PARTS.of("checks"):
        pinned = pin(settings, token, wanted, run_dir, metrics_writer)
    names = [stage.name for stage in wanted]
    later = {"probes": "probe" in names, "exports": "export" in names, "pushes": "push" in names}
    deadline = Deadline.of(settings, **later)
    work = Run(pinned, token, run_dir.root, stop, deadline, halved, others)
    with PARTS.of("checks"):
        check_host(work, settings, wanted, run_dir, metrics_writer)
    try:
        _walk(work, settings, wanted, run_dir, metrics_writer)
    except FileChanged as changed:
        log.warning("stage=%s changed=true: %s It is made again.", metrics_writer.stage, changed)
        work.results.clear()
        run_dir.forget()
        _walk(work, settings, wanted, run_dir, metrics_writer)
    if left_out := [stage.name for stage in STAGES[STAGES.index(wanted[-1]) + 1 :]]:
        log.info("stage=end left_out=%s: FINETUNE_STAGES does not name them", ",".join(left_out))
    pushed = next((result for result in work.results if isinstance(result, Pushed)), None)
    outcome.say_unpublished(pushed, settings.hub)
    fresh = [stage for stage in wanted if stage.name not in run_dir.reused]
    if any(stage.only_adds for stage in fresh) and all(stage.result is not Pushed for stage in fresh):
        outcome.say_kept(pushed)
    probe = next((stage for stage in STAGES if stage.result is Probed), None)
    if probe and is_done(probe, settings, run_dir):
        outcome.require_gain(probe.name, run_dir, settings.hub)


def _walk(
    work: Run, settings: Settings, wanted: tuple[Stage, ...], run_dir: RunDir, metrics_writer: MetricsWriter
) -> None:
    """`settings`: as the user wrote them, for the records; those of `work` name commits in place of branches."""
    for stage in STAGES[: STAGES.index(wanted[-1]) + 1]:
        metrics_writer.at(stage.name)
        work.deadline.stop_if_passed(f"stage {stage.name} is left to the next start.")
        inputs, absent = _inputs(stage, settings, run_dir)
        if absent:
            log.info("stage=%s absent=%s: not on this machine; the recorded hash counts", stage.name, ",".join(absent))
        result = run_dir.step(
            stage.name,
            partial(_run, stage, work, partial(stage.inputs, settings), inputs, metrics_writer),
            stage.result,
            inputs,
            begun=stage.begun(run_dir.root),
            replaceable=_bound(stage, run_dir) is None,
            again=stage in wanted and _is_tried_again(stage, run_dir),
            later=[] if stage.only_adds else [one.name for one in _later(stage)],
            lacking=None if stage in wanted else partial(_lacks, [stage], wanted, run_dir),
            consumer=_consumer(stage, settings, run_dir),
        )
        work.results.append(result)
        metrics_writer.add(**{stage.name: result})


def _later(stage: Stage) -> tuple[Stage, ...]:
    return STAGES[STAGES.index(stage) + 1 :]


def consumer_of(stage: Stage, inputs: Callable[[Stage], dict[str, Any] | None] = lambda later: None) -> Consumer | None:
    """The stage after it, if some files are made for that alone. `inputs`: those that its result must have; any without it."""
    if not stage.result.handed_on or not (later := _later(stage)):
        return None
    return Consumer(later[0].name, later[0].result, inputs(later[0]))


def _consumer(stage: Stage, settings: Settings, run_dir: RunDir) -> Consumer | None:
    return consumer_of(stage, lambda later: _inputs(later, settings, run_dir)[0])


def _run(
    stage: Stage, work: Run, again: Callable[[], dict[str, Any]], inputs: dict[str, Any], metrics_writer: MetricsWriter
) -> Result:
    """`again`: gives the inputs as they are by now. Raises what the stage raises."""
    metrics_writer.forget(
        stage.name, *(one.name for one in _later(stage) if not metrics_writer.run_dir.has_result(one.name))
    )
    result = stage.run(work)
    if stage.reads_files:
        require_unchanged(inputs, again())
    return result


def smaller_steps_help(metrics: Metrics | None) -> bool:
    """Where the kernel killed the run because main memory ran out."""
    stepping = metrics is not None and any(stage.takes_steps and stage.name == metrics.stage for stage in STAGES)
    return bool(stepping and metrics and metrics.host and metrics.host.device == "cpu")


def chosen(settings: Settings) -> tuple[Stage, ...]:
    """The stages of FINETUNE_STAGES; all of them where it is empty. Raises SettingsError (64)."""
    known = [stage.name for stage in STAGES]
    if unknown := sorted(set(settings.stages) - set(known)):
        raise SettingsError(
            [f"FINETUNE_STAGES: there is no stage {', '.join(unknown)}; the stages are {','.join(known)}"]
        )
    found = tuple(stage for stage in STAGES if not settings.stages or stage.name in settings.stages)
    row = STAGES[STAGES.index(found[0]) : STAGES.index(found[-1]) + 1]
    if found != row:
        gap = ",".join(stage.name for stage in row)
        raise SettingsError([f"FINETUNE_STAGES: stages between the first and the last are left out; write {gap}"])
    return found


def require_earlier(settings: Settings, run_dir: RunDir) -> None:
    """Raises SettingsError (64) if a stage before the chosen ones has no result of these settings in the folder, or not the
    files of one."""
    wanted = chosen(settings)
    earlier = STAGES[: STAGES.index(wanted[0])]
    if missing := [stage for stage in earlier if not is_done(stage, settings, run_dir)]:
        _lacks(missing, wanted, run_dir)
    for stage in earlier:
        if files := run_dir.not_as_recorded(stage.name, stage.result, _consumer(stage, settings, run_dir)):
            _lacks([stage], wanted, run_dir, files)


def _lacks(missing: list[Stage], wanted: tuple[Stage, ...], run_dir: RunDir, files: Sequence[str] = ()) -> NoReturn:
    """`files`: those of the result that are gone, or not as they were written."""
    names = ", ".join(stage.name for stage in missing)
    what = (
        f"{', '.join(files)} of {names}, gone or no longer as written"
        if files
        else f"the result of {names} with these settings, which is not"
    )
    raise SettingsError(
        [
            f"FINETUNE_STAGES: {wanted[0].name} needs {what} in {run_dir.root.absolute()}; name that stage too, or set "
            "FINETUNE_OUTPUT_DIR to the folder of the run that is to go on"
        ]
    )


def prepare_hub(settings: Settings) -> None:
    """From now on calls of the Hub have time limits, and are tried again as long as the settings allow."""
    if settings.uses_hub:
        from job.hosts.patience import Limits, set_limits

        set_limits(Limits(retry_seconds=60 * settings.hub.retry_minutes))


def pin(
    settings: Settings, token: str, wanted: tuple[Stage, ...], run_dir: RunDir, metrics_writer: MetricsWriter
) -> Settings:
    """The settings with the commits that this run keeps to. What has none yet gets the one that its revision names now, unless
    every stage is done. Raises NotFound (66), AccessDenied (67), HubUnavailable (76)."""
    before = pins.read(run_dir.root)
    known = {(one.kind, one.name, one.revision): one for one in (*before, *_used(settings, run_dir))}
    found = []
    for one in pins.unpinned(settings):
        kept = known.get((one.kind, one.name, one.revision))
        if kept is None and all(run_dir.has_result(stage.name) for stage in wanted):
            continue
        if kept is None:
            from job.hosts.revisions import commit_of

            kept = one.model_copy(update={"commit": commit_of(one, token)})
        log.info(
            "stage=check pinned=%s name=%s revision=%s commit=%s", kept.kind, kept.name, kept.revision, kept.commit
        )
        found.append(kept)
    if found != before:
        pins.write(run_dir.root, found)
    metrics_writer.add(pins=found)
    return pins.pinned(settings, found)


def _used(settings: Settings, run_dir: RunDir) -> Iterator[Pin]:
    """The commits that finished stages have used, whatever became of pins.json."""
    records = {stage.result: run_dir.record(stage.name) for stage in STAGES}
    results = {kind: record["result"] for kind, record in records.items() if record and record["result"]}
    return pins.used(settings, results.get(Trained, {}), results.get(Cleaned, {}))


def refuse_other_run(settings: Settings, run_dir: RunDir) -> None:
    """Before anything is touched. Raises FolderError (61) if the folder holds stages of another run.

    A probe of which nothing was published accepts other probe settings, and a push that was skipped or went private other hub
    settings, so nothing is trained twice.
    """
    for stage in STAGES:
        if run_dir.record(stage.name) is None and not stage.reads_files:
            continue  # nothing to compare, and hashing a base takes seconds, which the run spends beside its imports
        if (why := _bound(stage, run_dir)) is not None:
            inputs, _ = _inputs(stage, settings, run_dir)
            run_dir.refuse_other_run(stage.name, inputs, begun=stage.begun(run_dir.root), why=why)


def is_done(stage: Stage, settings: Settings, run_dir: RunDir) -> bool:
    """Whether the folder holds its result with these settings."""
    return run_dir.has_result(stage.name) and run_dir.has_result_of(stage.name, _inputs(stage, settings, run_dir)[0])


def _inputs(stage: Stage, settings: Settings, run_dir: RunDir) -> tuple[dict[str, Any], list[str]]:
    """A machine that does not read the rows need not have them: the stage's inputs, and the absent sources' names."""
    record = run_dir.record(stage.name)
    return absent_as_recorded(stage.inputs(settings), record["inputs"] if record else {})


def _bound(stage: Stage, run_dir: RunDir) -> str | None:
    """None where its stored result may be replaced by one with other inputs; else a sentence that says why not, empty where it
    is never replaced or not there."""
    result = _recorded(stage, run_dir)
    if not result or not stage.replaceable(result):
        return ""
    for later in () if stage.only_adds else _later(stage):
        if (found := _recorded(later, run_dir)) and later.published(found):
            return f"The stage {later.name} has published what came of {stage.name}, so that is not made again."
    for before in STAGES[: STAGES.index(stage)][-1:]:
        spent = run_dir.not_as_recorded(before.name, before.result) if before.result.handed_on else []
        if spent and not run_dir.not_as_recorded(before.name, before.result, Consumer(stage.name, stage.result)):
            return (
                f"{', '.join(spent)}, which {before.name} left for {stage.name} alone, is gone or not as recorded, so that "
                f"cannot be made again without {before.name}."
            )
    return None


def _is_tried_again(stage: Stage, run_dir: RunDir) -> bool:
    result = _recorded(stage, run_dir)
    return bool(result and stage.again(result))


def _recorded(stage: Stage, run_dir: RunDir) -> dict[str, Any] | None:
    record = run_dir.record(stage.name)
    return record["result"] if record else None


def check_host(
    run: Run, settings: Settings, wanted: tuple[Stage, ...], run_dir: RunDir, metrics_writer: MetricsWriter
) -> None:
    """Describe the machine. If there is long work to do, also check it and what the stages need. `settings`: as in `_walk`.

    Called after other runs are refused: importing torch takes seconds.
    """
    with importing():
        import_transformers()
        from job.hosts import checks

    host = checks.inspect(run.root)
    metrics_writer.add(host=host)
    missing = [stage for stage in wanted if not is_done(stage, settings, run_dir)]
    if any(stage.long_work for stage in missing):
        checks.check(
            run.settings,
            run.token,
            run.root,
            host,
            computes=any(stage.computes for stage in missing),
            trains=any(stage.takes_steps for stage in missing),
            place=run.others.place if run.others else None,
        )
        for stage in wanted:
            stage.check(run)
