"""The command `ask`: a question on the command line, one a line on standard input, or one after the other on a terminal.

Every question stands alone, as in the probe: no model sees an earlier one.
"""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from job.asking.screen import LEAST_WIDTH, Below, Columns, Screen
from job.asking.source import Source, of_run
from job.errors import SUCCESS, ArgumentError, JobError, Stopped
from job.hosts.libraries import do_not_wait_for_the_hub, prepare_libraries, require_way_to_hub, require_working_folder
from job.hosts.lookups import import_transformers
from job.hosts.main_memory import LIBRARIES_BYTES, require_main_memory
from job.pipeline import prepare_hub
from job.runs.endings import end_command, log_failure
from job.runs.logs import LineFormatter
from job.runs.progress import importing
from job.runs.redaction import hide, hide_secrets
from job.runs.signals import StopRequest
from job.settings.env_files import fill_environment
from job.settings.fields import DataSettings, HubSettings, ModelSettings, Settings
from job.settings.files import output_dir, wants_json
from job.settings.loading import is_broken, load_token, require_sound_variables
from job.settings.sources import HUB_ID
from job.trained_base import BASE

if TYPE_CHECKING:
    from job.asking.session import Session

log = logging.getLogger("job.ask")
STAGE = "ask"
MODELS = ("base", "tuned")
PROMPT = "? "
ELSEWHERE = "End other processes, give the container more memory, or ask on a larger machine."


@dataclass(frozen=True)
class Request:
    """The command line. `question`: None where questions come one a line."""

    question: str | None
    folder: Path | None
    adapter: str
    only: str
    as_json: bool

    @property
    def names(self) -> list[str]:
        return [name for name in MODELS if self.only in ("", name)]


def ask(request: Request, env_file: Path | None = None) -> int:
    """Returns the exit code. Raises BrokenPipeError where nobody reads the answers any more."""
    stop = StopRequest()
    LineFormatter.stage = STAGE
    with stop.listening():
        try:
            code = _ask(request, env_file)
            stop.ending()
            return code
        except BrokenPipeError:
            stop.ending()
            raise
        except (Exception, Stopped) as error:
            stop.ending()
            if isinstance(error, Stopped):
                error.remedy = "Nothing was changed; ask again."
            return end_command(error, STAGE)


def _ask(request: Request, env_file: Path | None) -> int:
    require_working_folder()
    fill_environment(env_file)
    hide_secrets(os.environ)
    LineFormatter.as_json = wants_json(os.environ)
    require_sound_variables()
    _require_sense(request)
    token = load_token()
    hide(token)
    lines = None if request.question is not None or sys.stdin.isatty() else _questions()
    base = os.environ.get(BASE, "").strip()
    require_main_memory(LIBRARIES_BYTES, "loading PyTorch", ELSEWHERE)  # the kernel's kill would have no words
    if request.adapter:
        _prepare(ModelSettings.model_construct(base="quickstart"), request.adapter)
        with importing():
            from job.asking.hub import of_hub
        source = of_hub(request.adapter, base, token)
    else:
        source = of_run(request.folder or output_dir(os.environ), base)
        _prepare(source.model, "")
    with _models(source, request.only, token) as session:
        if request.question is not None:
            _answer(session, request.question, request)
            return SUCCESS
        return _talk(session, request) if lines is None else _answer_lines(session, lines, request)


def _require_sense(request: Request) -> None:
    """Before anything is loaded. Raises ArgumentError (64)."""
    problems = []
    if request.question is not None and not request.question.strip():
        problems.append("question: it is empty; leave it out to be asked for one")
    if request.question is not None and is_broken(request.question):
        problems.append("question: it is not UTF-8 text; set the terminal to UTF-8, or pipe the question in")
    if request.adapter and request.folder:
        problems.append("--output, --adapter: name one of them, the folder of a run or a repository on the Hub")
    if request.adapter and not HUB_ID.fullmatch(request.adapter):
        problems.append(f"--adapter: must be OWNER/NAME on the Hub, not '{request.adapter}'; --output names a folder")
    if problems:
        raise ArgumentError(problems)


def _prepare(model: ModelSettings, adapter: str) -> None:
    """Before the libraries are imported. The Hub gets one try: whoever asks waits at the screen."""
    hub = HubSettings.model_construct(repo_id=adapter, dataset_repo_id="", retry_minutes=0)
    settings = Settings.model_construct(data=DataSettings.model_construct(sources=()), model=model, hub=hub)
    require_way_to_hub(settings)
    prepare_libraries(settings)
    if settings.uses_hub:
        do_not_wait_for_the_hub()
    prepare_hub(settings)


@contextmanager
def _models(source: Source, only: str, token: str) -> Iterator[Session]:
    with importing():
        import_transformers()
        from job.asking.session import opened

    with opened(source, only, token) as session:
        yield session


# --- one question, lines, a talk -------------------------------------------------------------------------------------


def _answer(session: Session, question: str, request: Request) -> None:
    """Raises what `Session.answer` does, before anything is printed."""
    if request.as_json:
        found = session.answer(question.strip(), lambda *_: None)
        line: dict[str, Any] = {"question": question.strip()}
        line |= {name: answer.text for name, answer in found.items()}
        line |= {f"{name}_stopped": answer.stopped for name, answer in found.items()}
        _write(json.dumps(line, ensure_ascii=False) + "\n")
        return
    screen = _Late(_screen(request, together=session.stack is not None))
    found = session.answer(question.strip(), screen.show)
    screen.end({name: answer.text for name, answer in found.items()})
    for name, answer in found.items():
        if not answer.stopped:
            print(f"({name}: cut at the {answer.tokens:,} tokens of the run's limit)", file=sys.stderr)


class _Late:
    """Begins the screen with the first token, since a question may be refused before."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.begun = False

    def show(self, name: str, text: str, ended: bool) -> None:
        if not self.begun:
            self.begun = True
            self.screen.begin()
        self.screen.show(name, text, ended)

    def end(self, texts: Mapping[str, str]) -> None:
        self.screen.end(texts)


def _screen(request: Request, *, together: bool) -> Screen:
    width = shutil.get_terminal_size().columns
    drawn = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if together and drawn and width >= LEAST_WIDTH:
        return Columns(request.names, _write, width)
    return Below(request.names, _write)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _questions() -> Iterator[str]:
    """The lines of standard input that hold something. Raises ArgumentError (64) if none does, before anything is loaded."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")
    lines = filter(None, (line.strip() for line in sys.stdin))
    for first in lines:
        return chain([first], lines)
    raise ArgumentError(
        [
            "question: there is none; write it behind `ask`, pipe questions in, one a line, or use a terminal (docker -it)"
        ]
    )


def _answer_lines(session: Session, questions: Iterator[str], request: Request) -> int:
    """The exit code of the last question that could not be answered, if there is one."""
    code = SUCCESS
    for question in questions:
        code = _answer_or_say(session, question, request) or code
    return code


def _talk(session: Session, request: Request) -> int:
    """Until the end of input (Ctrl-D). Ctrl-C stops an answer."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(
            errors="replace"
        )  # no tokenizer takes the halves of characters that Python makes of such bytes
    with suppress(ImportError):
        import readline  # noqa: F401  arrow keys and earlier questions
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    print("Ctrl-C stops an answer, Ctrl-D ends. Every question stands alone.", file=sys.stderr)
    try:
        while True:
            try:
                question = _read_question(request)
                if question.strip():
                    _answer_or_say(session, question, request)
            except KeyboardInterrupt:
                print(file=sys.stderr)
            except EOFError:
                print(file=sys.stderr)
                return SUCCESS
    finally:
        signal.signal(signal.SIGINT, before)


def _read_question(request: Request) -> str:
    """Raises EOFError."""
    if sys.stdout.isatty() and not request.as_json:
        return input(f"\n{PROMPT}")
    print(PROMPT, end="", file=sys.stderr, flush=True)
    return input()


def _answer_or_say(session: Session, question: str, request: Request) -> int:
    """Returns the exit code that a failure stands for; the next question may have an answer."""
    try:
        _answer(session, question, request)
    except JobError as error:
        log_failure(error, STAGE)
        if request.as_json:
            _write(json.dumps({"question": question, "error": str(error)}, ensure_ascii=False) + "\n")
        return error.exit_code
    return SUCCESS
