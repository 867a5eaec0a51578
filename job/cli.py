"""Verbs, logging, signals; and the one place where an exception becomes an exit code and metrics.json."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import NoReturn

from job import __version__
from job.errors import (
    BUG,
    EXIT_CODES,
    SUCCESS,
    DiskFull,
    FolderError,
    HostUnfit,
    JobError,
    MemoryExhausted,
    SettingsError,
    Stopped,
    causes,
)
from job.hosts import platforms
from job.hosts.libraries import do_not_wait_for_the_hub, prepare_libraries
from job.hosts.platforms import platform_job
from job.runs.folder import RunDir, write_json
from job.runs.metrics import MetricsWriter, failure
from job.runs.redaction import RedactingFormatter, hide, redact
from job.runs.signals import StopRequest
from job.settings.fields import OUTPUT_DIR, PREFIX
from job.settings.files import collected_dir
from job.settings.loading import load_settings, load_token
from job.settings.reference import variables

log = logging.getLogger("job")

FIRST_STEPS = """Nothing is set: variables or an env file describe a run.
  first run, no GPU, no token:  docker run --rm -v "$PWD/output:/output" IMAGE --env-file env/quickstart.env
  a run of your own:            docker run --rm --gpus all --env-file my.env -e HF_TOKEN -v "$PWD/output:/output" IMAGE
  all variables, exit codes:    docker run --rm IMAGE --help
Without an image, write `python entrypoint.py` for all before --env-file or --help."""


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    arguments = _without_platform_words(arguments)
    if arguments[:1] == ["manifest"]:
        return _manifest(arguments[1:])
    parser = _parser()
    asked = parser.parse_args(arguments)
    start_logging()
    if asked.verb == "plan":
        return _plan(asked.env_file)
    stop = StopRequest()
    with stop.listening():
        return _run(asked.env_file, stop)


def _without_platform_words(arguments: list[str]) -> list[str]:
    """SageMaker puts `train` behind our entrypoint; where a command is required, ours may come a second time."""
    for position, word in enumerate(arguments[:2]):
        if Path(word).name == "entrypoint.py":
            arguments = arguments[position + 1 :]
            break
    return arguments[1:] if arguments[:1] == ["train"] else arguments


# --- run -------------------------------------------------------------------------------------------------------------


def _run(env_file: Path | None, stop: StopRequest) -> int:
    try:
        settings = load_settings(env_file)
    except SettingsError as error:
        if env_file is None and not any(name.startswith(PREFIX) and name != OUTPUT_DIR for name in os.environ):
            error.remedy = FIRST_STEPS
        return _refused(error)
    run_dir = RunDir(settings.output_dir)
    metrics_writer = MetricsWriter(run_dir, settings.model_dump(mode="json"))
    try:
        run_dir.open()
    except JobError as error:
        return _end_without_folder(error, run_dir)
    try:
        token = load_token()
        hide(token)
        prepare_libraries(settings, terminal=sys.stderr.isatty())
        write_json(run_dir.root / "settings.json", metrics_writer.metrics().settings | {"hf_token": _stars(token)})
        log.info("version=%s output=%s", __version__, run_dir.root.absolute())
        if platform_job():
            log.info("platform: %s", platform_job())
        from job.pipeline import run

        run(settings, token, run_dir, metrics_writer, stop)
    except BaseException as error:
        return _ended_by(error, metrics_writer)
    if set(run_dir.reused) == {"clean", "train", "probe", "push"}:
        log.info("nothing to do: every stage of this run is done")
    metrics_writer.end("succeeded", SUCCESS)
    metrics_writer.write_report()
    return _last_line(metrics_writer, "succeeded", SUCCESS)


def _ended_by(error: BaseException, metrics_writer: MetricsWriter) -> int:
    """Classify, record, report. What was complete stays as it is."""
    if isinstance(error, Stopped):
        metrics_writer.end("stopped", Stopped.exit_code, failure(error, Stopped.remedy))
        metrics_writer.write_report()
        log.warning("%s %s", error, Stopped.remedy)
        platforms.write_termination_message(str(error), Stopped.remedy)
        return _last_line(metrics_writer, "stopped", Stopped.exit_code)
    if _is_disk_full(error):
        error = DiskFull(f"The disk is full: {error}")
    if not isinstance(error, JobError) and any(type(cause).__name__ == "OutOfMemoryError" for cause in causes(error)):
        error = MemoryExhausted(
            f"GPU memory ran out in the stage {metrics_writer.stage}: {error}"
        )  # torch's, not imported here
    try:
        if isinstance(error, JobError):
            log.error("%s\n%s", error, error.remedy)
            platforms.write_termination_message(str(error), error.remedy)
            metrics_writer.end("failed", error.exit_code, failure(error, error.remedy))
            code = error.exit_code
        else:
            text = "".join(traceback.format_exception(error))
            log.error("unexpected: %s", text)
            fault = failure(error, "This is a fault of the program: please report it with this file.")
            platforms.write_termination_message(
                f"unexpected {fault.kind}: {fault.message}", "See metrics.json in the output folder."
            )
            metrics_writer.end("failed", BUG, fault.model_copy(update={"message": redact(text[-8000:])}))
            code = BUG
    except OSError as full:
        log.error("metrics.json could not be written: %s", full)
        return error.exit_code if isinstance(error, JobError) else BUG
    if not isinstance(error, FolderError):  # report.html there is that of the run that owns the folder
        metrics_writer.write_report()
    return _last_line(metrics_writer, "failed", code)


def _is_disk_full(error: BaseException) -> bool:
    """ENOSPC anywhere in the causes, or torch's writer, which says only "unexpected pos"."""
    return any(
        (isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT))
        or (isinstance(cause, RuntimeError) and "unexpected pos" in str(cause))
        for cause in causes(error)
    )


def _refused(error: SettingsError) -> int:
    """Settings are wrong: said on stderr, and in metrics.json where the output folder can be told and written."""
    log.error("%s\n%s", error, error.remedy)
    platforms.write_termination_message(str(error), error.remedy)
    run_dir = RunDir(Path(os.environ.get(OUTPUT_DIR) or collected_dir(os.environ) or "output"))
    try:
        run_dir.open()
    except JobError as closed:
        return _end_without_folder(error, run_dir) if isinstance(closed, HostUnfit) else error.exit_code
    metrics_writer = MetricsWriter(run_dir, {})
    metrics_writer.end("failed", error.exit_code, failure(error, error.remedy))
    return _last_line(metrics_writer, "failed", error.exit_code)


def _end_without_folder(error: JobError, run_dir: RunDir) -> int:
    """No metrics.json: the folder cannot be written, or belongs to a process that is at work in it."""
    log.error("%s\n%s", error, error.remedy)
    platforms.write_termination_message(str(error), error.remedy)
    log.error("status=failed exit_code=%d metrics=none (%s is not ours to write)", error.exit_code, run_dir.root)
    return error.exit_code


def _last_line(metrics_writer: MetricsWriter, status: str, code: int) -> int:
    log.info("status=%s exit_code=%d metrics=%s", status, code, metrics_writer.path.absolute())
    return code


def _stars(token: str) -> str:
    return "**********" if token else ""


# --- manifest --------------------------------------------------------------------------------------------------------


def _manifest(arguments: list[str]) -> int:
    """What the queue takes goes to standard output; what is still to be done goes to standard error."""
    from job.submit import TARGETS
    from job.submit.placeholders import notes
    from job.submit.submission import describe, external_files

    parser = _Parser(
        prog="python entrypoint.py manifest",
        description="Write to standard output what a queue takes to run the settings of an env file.",
        epilog="targets:\n" + "\n".join(f"  {target.name:<12} {target.sentence}" for target in TARGETS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [target.name for target in TARGETS]
    parser.add_argument("target", choices=names, metavar="TARGET", help="one of the targets below")
    parser.add_argument("--env-file", type=Path, metavar="FILE", required=True, help="the run, by docker's rules")
    parser.add_argument("--image", metavar="IMAGE", required=True, help="the image, as the queue pulls it")
    asked = parser.parse_args(arguments)
    start_logging()
    try:
        job = describe(asked.env_file, asked.image)
    except SettingsError as error:
        log.error("%s\n%s", error, error.remedy)
        return error.exit_code
    target = next(target for target in TARGETS if target.name == asked.target)
    text = target.write(job)
    print(text, end="")
    for line in [*external_files(job), *notes(text), f"{target.name}: {target.sentence}"]:
        print(line, file=sys.stderr)
    return SUCCESS


# --- plan and help ---------------------------------------------------------------------------------------------------


def _plan(env_file: Path | None) -> int:
    from job.plan import lines

    before = {name for name in os.environ if name.startswith(PREFIX)}
    try:
        settings = load_settings(env_file)
        token = load_token()
        hide(token)
        prepare_libraries(settings, terminal=False)
        if settings.uses_hub:
            do_not_wait_for_the_hub()
        now = {name for name in os.environ if name.startswith(PREFIX) and os.environ[name]}
        origin = {name: "environment" if name in before else f"{env_file}" for name in now}
        for line in lines(settings, token, origin=origin):
            print(redact(line))
    except JobError as error:
        log.error("%s\n%s", error, error.remedy)
        return error.exit_code
    return SUCCESS


VERBS = "plan: say what a run would do; manifest: write what a queue takes (see manifest --help)"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A wrong command line is a wrong setting: exit 64, which no queue tries again."""
        self.exit(SettingsError.exit_code, f"{self.prog}: {message}; see --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python entrypoint.py",
        description="Clean rows, train a LoRA adapter on a 4-bit base model, probe it before and after, push it to the Hub.",
        epilog=reference(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", nargs="?", choices=("run", "plan", "manifest"), default="run", help=VERBS)
    parser.add_argument(
        "--env-file", type=Path, metavar="FILE", help="variables, by docker's rules; the environment wins"
    )
    parser.add_argument("--version", action="version", version=f"lora-job {__version__}")
    return parser


def reference() -> str:
    """Every variable and exit code, for --help."""
    lines = ["variables:"]
    for variable in variables():
        limits = f" ({variable.bounds})" if variable.bounds else ""
        default = "required" if variable.required else f"default {variable.default or 'empty'}"
        lines += [f"  {variable.name}", f"      {variable.kind}{limits}, {default}. {variable.sentence}"]
    lines += [
        "  HF_TOKEN, HF_TOKEN_PATH",
        "      Hub token, or the file that holds it; needed for gated or private repositories and for a push.",
        "",
        "exit codes:",
    ]
    for code, (meaning, again) in EXIT_CODES.items():
        lines.append(f"  {code:<3} {meaning}" + (f" [another try: {again}]" if again else ""))
    return "\n".join(lines)


# --- logging ---------------------------------------------------------------------------------------------------------


class _Lines(RedactingFormatter):
    """`2026-01-31T12:00:00Z stage=train step=100 ...`; other levels than info are named."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(level)s%(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        record.level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return super().format(record)


def start_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for name in (
        "bitsandbytes",
        "transformers.integrations.bitsandbytes",
    ):  # advice to install what the job does not need,
        logging.getLogger(name).setLevel(logging.ERROR)  # and a word on eetq where nothing can be held in 4 bits
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", FutureWarning)
    sys.excepthook = lambda kind, error, trace: log.critical(
        "unexpected: %s", "".join(traceback.format_exception(kind, error, trace))
    )
