"""The command `export`: more forms of the model of a finished run, made from what its folder holds.

It needs no settings of that run: its records say what the base was, and how the probe asked.
"""

from __future__ import annotations

import difflib
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, get_args

from pydantic import ValidationError

from job import pipeline
from job.errors import SUCCESS, ArgumentError, NotFound, SettingsError, Stopped
from job.hosts.libraries import prepare_libraries, require_way_to_hub, require_working_folder
from job.hosts.main_memory import LIBRARIES_BYTES, require_main_memory
from job.pipeline import consumer_of
from job.results import Exported, Metrics, Probed, Result, Trained
from job.runs.claim import require_this_version
from job.runs.endings import end_command
from job.runs.files import write_text
from job.runs.folder import RunDir
from job.runs.logs import LineFormatter
from job.runs.metrics import MetricsFile
from job.runs.redaction import hide, hide_secrets
from job.runs.signals import StopRequest
from job.settings.env_files import fill_environment
from job.settings.fields import (
    EXPORT,
    MERGE_INTO,
    DataSettings,
    ExportForm,
    HubSettings,
    MergeInto,
    ProbeSettings,
    Settings,
)
from job.settings.files import output_dir, wants_json
from job.settings.loading import load_token, require_sound_variables
from job.settings.values import items_of
from job.stages import Run, Stage
from job.trained_base import BASE, base_of

log = logging.getLogger("job")
BEAT_SECONDS = 30
FORMS: tuple[str, ...] = get_args(ExportForm)
ELSEWHERE = (
    "End other processes, give the container more memory, or export a copy of the run folder on a larger machine."
)


def export(words: Sequence[str], output: Path | None, env_file: Path | None) -> int:
    """Make the forms that are missing, and print what there is. Returns the exit code.

    `words`: of the command line, as FINETUNE_EXPORT has them, which counts if there are none.
    """
    stage = next(stage for stage in pipeline.STAGES if stage.result is Exported)
    stop = StopRequest()
    LineFormatter.stage = stage.name
    folder = output
    with stop.listening():
        try:
            require_working_folder()
            fill_environment(env_file)
            hide_secrets(os.environ)
            LineFormatter.as_json = wants_json(os.environ)
            require_sound_variables()
            forms, merge_into = _wanted(words)
            folder = folder or output_dir(os.environ)
            token = load_token()
            hide(token)
            run_dir = RunDir(folder)
            _require_run(run_dir)
            require_main_memory(LIBRARIES_BYTES, "loading PyTorch", ELSEWHERE)  # the kernel's kill would have no words
            with _held(run_dir):
                exported = _export(stage, forms, merge_into, run_dir, token, stop)
                stop.ending()
                _add_card(exported, folder)
                _note(exported, stage.name, folder)
        except (Exception, Stopped) as error:
            stop.ending()
            if isinstance(error, Stopped):
                error.remedy = "The run is what it was; the same command makes what is still missing."
            return end_command(error, stage.name, folder)
    for form in exported.forms:
        said = form.agreement
        print(
            f"{folder / form.name}: {form.bytes:,} bytes, {form.dtype}; of the probe's answers it says {said.same_answers} of "
            f"{said.answers} word for word, {said.same_tokens:,} of {said.tokens:,} tokens"
        )
    return SUCCESS


def _wanted(words: Sequence[str]) -> tuple[list[str], str]:
    """(forms, what merged/ is merged into). Raises SettingsError (64) for what is neither."""
    fields = Settings.model_fields
    forms = items_of(",".join(words)) or items_of(os.environ.get(EXPORT, "")) or fields["export"].default
    merge_into = os.environ.get(MERGE_INTO, "").strip() or str(fields["merge_into"].default)
    if merge_into not in get_args(MergeInto):
        raise SettingsError([f"{MERGE_INTO}: must be one of {', '.join(get_args(MergeInto))}, not '{merge_into}'"])
    unknown = [form for form in forms if form not in FORMS]
    if unknown:
        near = [difflib.get_close_matches(form.lower(), FORMS, 1) for form in unknown]
        meant = [f"; did you mean {found[0]}?" if found else f"; there are {', '.join(FORMS)}" for found in near]
        error = ArgumentError(f"there is no form {form}{more}" for form, more in zip(unknown, meant, strict=True))
        error.remedy = "Name the forms behind `export`, as in `export lora merged`; else FINETUNE_EXPORT names them."
        raise error
    return list(forms), merge_into


def _require_run(run_dir: RunDir) -> None:
    """Before the folder is touched. Raises ArgumentError (64) where it holds no run, or one without a verdict, and FolderError
    (61) where another version wrote it."""
    if not run_dir.holds_a_run():
        raise ArgumentError(
            [f"--output: {run_dir.root.absolute()} holds no run; name the folder of one (FINETUNE_OUTPUT_DIR)"]
        )
    require_this_version(run_dir.root)
    for stage in pipeline.STAGES[: _place(Probed) + 1]:
        if not run_dir.has_result(stage.name):
            raise ArgumentError(
                [
                    f"--output: the run in {run_dir.root.absolute()} is not finished, {stage.name} is not done; start it again"
                ]
            )


def _place(result: type[Result]) -> int:
    return next(place for place, stage in enumerate(pipeline.STAGES) if stage.result is result)


def _export(
    stage: Stage, forms: Sequence[str], merge_into: str, run_dir: RunDir, token: str, stop: StopRequest
) -> Exported:
    """Raises NotFound (66) where a file of the run or the base is gone, and what the stage raises."""
    results = [_stored(one, run_dir) for one in pipeline.STAGES[: _place(Exported)]]
    record = run_dir.record(stage.name)
    before = record["inputs"]["export"]["forms"] if record else []
    # one that was moved away, or that an export was refused, is made where it is asked for alone: it may be gigabytes
    there = [form for form in before if (run_dir.root / form).exists()]
    settings = _settings(run_dir, results, tuple(sorted({*there, *forms, "adapter"})), merge_into)
    require_way_to_hub(settings)
    prepare_libraries(settings)
    pipeline.prepare_hub(settings)
    work = Run(settings, token, run_dir.root, stop, results=results)
    return run_dir.step(
        stage.name,
        partial(_run, stage, work),
        Exported,
        stage.inputs(settings),
        replaceable=True,
        again=True,
        consumer=consumer_of(stage),
    )


def _run(stage: Stage, work: Run) -> Exported:
    result = stage.run(work)
    assert isinstance(result, Exported)
    return result


def _stored(stage: Stage, run_dir: RunDir) -> Result:
    record = run_dir.record(stage.name)
    assert record

    def gone(files: list[str]) -> NoReturn:
        raise NotFound(
            f"{', '.join(files) or 'A file'} of {stage.name} in {run_dir.root.absolute()} is gone or no longer as written.",
            remedy="Start the run again with its own settings: it makes anew what is missing.",
        )

    return run_dir.step(
        stage.name, partial(gone, []), stage.result, record["inputs"], lacking=gone, consumer=consumer_of(stage)
    )


def _settings(run_dir: RunDir, results: Sequence[Result], forms: tuple[str, ...], merge_into: str) -> Settings:
    """What the records say, as far as the stage reads it; the base at the commit that was trained on.

    FINETUNE_MODEL_BASE names a base that lies elsewhere now. Raises what `base_of` does.
    """
    trained = next(result for result in results if isinstance(result, Trained))
    inputs = {one.result: (run_dir.record(one.name) or {})["inputs"] for one in pipeline.STAGES[: _place(Exported)]}
    said, asked = inputs[Trained]["model"], inputs[Probed]["probe"]
    found = base_of(
        said["base"],
        trained.base_revision or said["revision"],
        said.get("files") or {},
        os.environ.get(BASE, "").strip(),
    )
    model = found.model_copy(update={name: said[name] for name in ("pad_token", "save_embedding")})
    facts: dict[str, Any] = {"export": forms, "merge_into": merge_into}
    return Settings.model_construct(
        **facts,
        data=DataSettings.model_construct(sources=()),
        model=model,
        probe=ProbeSettings(max_new_tokens=asked["max_new_tokens"], repetition_penalty=asked["repetition_penalty"]),
        hub=HubSettings(),
    )


@contextmanager
def _held(run_dir: RunDir) -> Iterator[None]:
    """Inside, the folder is this process's alone, and other hosts see that it works. Raises what opening the folder does."""
    run_dir.open()
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_SECONDS):
            with suppress(Exception):  # the next write to the folder will say it
                run_dir.beat()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        run_dir.close()


def _add_card(exported: Exported, folder: Path) -> None:
    """The card that the run's push wrote beside the adapter is that of lora/ as well."""
    card = folder / "adapter" / "README.md"
    for lora in {(folder / file.path).parent for file in exported.lora_files}:
        if card.is_file() and not (lora / card.name).exists():
            write_text(lora / card.name, card.read_text("utf-8"))


def _note(exported: Exported, stage: str, folder: Path) -> None:
    """In metrics.json and the report; a metrics.json that cannot be read stays as it is until the next start."""
    file = MetricsFile(folder)
    try:
        known: dict[str, Any] = Metrics.model_validate_json(file.path.read_bytes()).model_dump()
    except (OSError, ValidationError) as error:
        log.warning("stage=%s metrics=unchanged: %s", stage, type(error).__name__)
        return
    file.take(Metrics.model_validate(known | {stage: exported}))
    file.write_report()
