"""One start of a run: what may refuse it, then the run in a process of its own, then its ending.

Knows nothing of the command line, nor of what the stages do.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from job import __version__, pipeline, stages
from job.errors import SUCCESS, FolderInUse, JobError, SettingsError, Stopped
from job.hosts import platforms
from job.hosts.cards import require_rows
from job.hosts.folders import require_folders
from job.hosts.libraries import prepare_libraries, require_way_to_hub, require_working_folder
from job.hosts.places import Place, left_out, place_of
from job.hosts.ray_cluster import require_ray
from job.hosts.trackers import require_tracker
from job.results import Metrics, Result
from job.runs.bar import BAR
from job.runs.claim import require_own
from job.runs.endings import REFUSED, conclude, ended_by, refused, unrecorded
from job.runs.files import remove, write_json
from job.runs.folder import SETTINGS, RunDir
from job.runs.lock import FolderGone
from job.runs.logs import LineFormatter
from job.runs.metrics import MetricsFile, MetricsWriter
from job.runs.redaction import STARS, hide, hide_secrets
from job.runs.signals import StopRequest
from job.runs.supervisor import supervise
from job.settings.fields import OUTPUT_DIR, PREFIX, Settings
from job.settings.files import output_dir, wants_json
from job.settings.loading import load_settings, load_token

if TYPE_CHECKING:
    from job.parallel.others import Others

log = logging.getLogger("job")
LATE_SECONDS = 120.0
"""How long the end of a run waits for processes that have not come yet: a container may start that much later."""
TELL_SECONDS = 60.0
"""How long processes that start later than this one are waited for, to hear that there is no run."""


def start(env_file: Path | None, first_steps: str) -> int:
    """Everything that may refuse this start, then the run itself. Returns the exit code.

    `first_steps`: what to say where nothing is set.
    """
    stop = StopRequest()
    with stop.listening():
        try:
            place = place_of(os.environ)
        except SettingsError as error:  # nobody knows who leads, and so who writes
            return unrecorded(error, "settings")
        if place and place.rank:
            return _follow(env_file, stop, place)
        return _start(env_file, first_steps, stop, place)


def _follow(env_file: Path | None, stop: StopRequest, place: Place) -> int:
    """Every rank but 0: it holds no folder, and no file of a run is its own."""
    hide_secrets(os.environ)
    try:
        require_working_folder()
        settings = load_settings(env_file)
        LineFormatter.as_json, LineFormatter.stage = settings.log_format == "json", "hosts"
        require_way_to_hub(settings)
        require_folders(settings, os.environ)
        require_rows(settings.train, place)
        token = load_token()
        hide(token)
    except (Exception, Stopped) as error:
        stop.ending()
        hide_secrets(os.environ)
        code = unrecorded(error, LineFormatter.stage)
        _tell(place, code, str(error), soon=isinstance(error, Stopped))
        return code
    prepare_libraries(settings)
    pipeline.prepare_hub(settings)
    try:
        return stages.follow(place, settings, token)
    except (Exception, Stopped) as error:
        stop.ending()
        return unrecorded(error, LineFormatter.stage)


def _start(env_file: Path | None, first_steps: str, stop: StopRequest, place: Place | None) -> int:
    folder = output_dir(os.environ)
    stage: str = "settings"
    held: RunDir | None = None
    hide_secrets(os.environ)
    try:
        require_working_folder()
        settings = load_settings(env_file)
        hide_secrets(os.environ)
        LineFormatter.as_json = settings.log_format == "json"
        if missing := left_out(os.environ):
            log.warning("stage=start processes=1: %s: this run trains alone, whatever other hosts do", missing)
        folder, stage = settings.output_dir, "start"
        require_way_to_hub(settings)
        require_tracker(settings)
        require_ray(settings.data)
        require_folders(settings, os.environ)
        require_rows(settings.train, place)
        require_own(settings)
        run_dir = RunDir(folder)
        run_dir.open()
        held = run_dir
        pipeline.refuse_other_run(settings, run_dir)
        pipeline.require_earlier(settings, run_dir)
        token = load_token()
    except (Exception, Stopped) as error:
        stop.ending()
        hide_secrets(os.environ)  # the message quotes values of the env file too
        LineFormatter.as_json = wants_json(os.environ)
        if stage == "settings":  # and it may name the folder
            folder = output_dir(os.environ)
        if isinstance(error, FolderInUse) and place:
            error.remedy = f"{error.remedy} {place.other_leader}"
        if isinstance(error, SettingsError) and env_file is None and nothing_is_set():
            error.remedy = first_steps
        code = refused(error, folder, stage, held=held is not None)
        if held:
            held.close()
        if place:
            _tell(place, code, str(error), soon=isinstance(error, Stopped))
        return code
    hide_secrets(os.environ)
    hide(token)
    remove(folder / REFUSED)
    prepare_libraries(settings)
    BAR.start(terminal=sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not LineFormatter.as_json)
    file = MetricsFile(folder)
    known = recorded(settings, run_dir)
    file.metrics = MetricsWriter(run_dir, settings.model_dump(mode="json"), file.take, known).metrics()
    for halved in (False, True):
        try:
            death = supervise(
                partial(work, settings, token, run_dir, stop, known, halved, place=place),
                file,
                watchdog_seconds=settings.watchdog_minutes * 60,
                beat=run_dir.beat,
            )
            run_dir.require_here()
        except (FolderInUse, FolderGone) as lost:
            code = refused(lost, folder, LineFormatter.stage, held=True)
            if place:
                _tell(place, code, str(lost))
            return code
        if death.signal or place or not (death.memory_killed and pipeline.smaller_steps_help(file.metrics)):
            break
        if not halved:
            log.warning("stage=%s memory=killed: once more, with micro-batches of half the size", LineFormatter.stage)
    stop.ending()
    is_told = file.metrics is not None and file.metrics.status != "running"
    code = conclude(death, file, settings.model_dump(mode="json"))
    run_dir.close()
    if place and not is_told:
        ending = file.metrics.error if file.metrics else None
        _tell(place, code, ending.message if ending else "", soon=bool(death.signal))
    return code


def _tell(place: Place, code: int, message: str, *, soon: bool = False) -> None:
    """The others, how a start ended that did not tell it itself. `soon`: a signal leaves no time to wait for them."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:  # which may be why: torch asks for one as it is imported, and writes nothing there
        tempfile.tempdir = os.sep
    try:
        stages.tell(place, code, message, late=0 if soon else TELL_SECONDS)
    except Exception as error:
        log.warning("stage=hosts told=false: the other processes do not hear of this end: %s", error)


def recorded(settings: Settings, run_dir: RunDir) -> dict[str, Result]:
    """The results that the folder's records hold, by the names of their stages, with their seconds. A result of other settings,
    which this start replaces, and what came of it must not stand beside these."""
    found: dict[str, Result] = {}
    for stage in pipeline.STAGES:
        record = run_dir.record(stage.name)
        if record and record["result"] is not None:
            if not pipeline.is_done(stage, settings, run_dir):
                break
            with suppress(ValidationError):  # the stage itself says that it is of another version
                found[stage.name] = stage.result.model_validate(record["result"])
                run_dir.stage_seconds[stage.name] = record["seconds"]
    return found


def nothing_is_set() -> bool:
    return not any(name.startswith(PREFIX) and name != OUTPUT_DIR for name in os.environ)


def work(
    settings: Settings,
    token: str,
    run_dir: RunDir,
    stop: StopRequest,
    known: dict[str, Result],
    halved: bool,
    take: Callable[[Metrics], None],
    *,
    place: Place | None = None,
) -> int:
    """The run itself, in the process that is watched. `known`: results of earlier starts. `take`: gets all figures at each
    change. Returns the exit code."""
    metrics_writer = MetricsWriter(run_dir, settings.model_dump(mode="json"), take, known)
    stop.watched_by = os.getppid()
    others = None
    with stop.listening():
        try:
            if place:
                others = stages.lead(place, settings, run_dir.root, stop)
            write_json(run_dir.root / SETTINGS, metrics_writer.metrics().settings | {"hf_token": _stars(token)})
            log.info("stage=start version=%s output=%s", __version__, run_dir.root.absolute())
            if platforms.platform_job():
                log.info("stage=start %s", platforms.platform_job())
            pipeline.run(settings, token, run_dir, metrics_writer, stop, halved=halved, others=others)
        except BaseException as error:
            stop.ending()
            return _ended(error, metrics_writer, stop, others)
        stop.ending()
        if len(run_dir.reused) == len(pipeline.STAGES):
            log.info("stage=end reused=all: nothing to do, every stage of this run is done")
        metrics_writer.end("succeeded", SUCCESS)
        if others:
            others.end(SUCCESS, late=LATE_SECONDS)
    return SUCCESS


def _ended(error: BaseException, metrics_writer: MetricsWriter, stop: StopRequest, others: Others | None) -> int:
    if others and others.error:
        error = others.error
    elif stop.requested and not isinstance(error, JobError):
        error = _stopped(error, stop.reason)
    code = ended_by(error, metrics_writer)
    if others:
        others.end(code, str(error), late=0 if isinstance(error, Stopped) else LATE_SECONDS)
    return code


def _stopped(error: BaseException, reason: str) -> Stopped:
    """What a stop was answered with, behind what asked for it. An import that was broken off fails with anything."""
    sentence = str(error) if isinstance(error, Stopped) else f"Stopped while {type(error).__name__} came of it."
    return Stopped(sentence if reason in sentence else f"{reason} {sentence}")


def _stars(token: str) -> str:
    return STARS if token else ""
