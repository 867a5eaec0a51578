"""The failures that a user can meet, each with its own exit code.

    JobError
    ├── NoBetter         60  trained, but no better than the base model
    ├── FolderError      61  the run folder holds another run
    ├── MemoryExhausted  62  GPU memory ran out
    ├── Diverged         63  the loss became NaN, infinite or exploded
    ├── SettingsError    64  environment variables; ArgumentError: a command line
    ├── DataError        65  rows unreadable, wrong columns, too few left
    ├── NotFound         66  model, data set or revision does not exist, or its files are damaged
    ├── AccessDenied     67  gated, no token, token cannot write, repository public or not empty
    ├── HostUnfit        68  GPU, driver, memory, disk or volume
    ├── Worse            69  trained, and worse than the base model
    ├── FolderInUse      72  another process works in the run folder
    ├── DiskFull         73  no space left while running
    ├── NoProgress       74  nothing moved for too long
    └── HubUnavailable   76  Hub or network failed after all retries

Codes 60-69 are permanent, 70-79 are worth another try: a queue's retry rule is one glob. All stay below 125: docker and
the shell use the codes from there up. `Stopped` (75) is not an error: a signal asked the run to end, and it shut down
cleanly. `remedy` says what to do; a raise site that knows better passes its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from job.results import Funnel


class JobError(Exception):
    """A failure that the user can fix. `str(error)` says what happened, `remedy` what to do."""

    exit_code = 1
    remedy = ""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        if remedy:
            self.remedy = remedy


class NoBetter(JobError):
    """The verdict: everything is kept, nothing published."""

    exit_code = 60
    remedy = (
        "Look at the report: it shows the figures that decided it, and “What to do next” follows from their likely cause "
        "(learning rate, length of the run, rows). Train again in a new FINETUNE_OUTPUT_DIR; FINETUNE_HUB_PUSH_WHEN=always "
        "publishes it all the same, to the repository that is named."
    )


class FolderError(JobError):
    exit_code = 61
    remedy = (
        "Set FINETUNE_OUTPUT_DIR to a new folder, or restore the settings and files that this folder's run began with."
    )


class MemoryExhausted(JobError):
    exit_code = 62
    remedy = "Set FINETUNE_TRAIN_MAX_TOKENS lower, or use a GPU with more memory."


class Diverged(JobError):
    exit_code = 63
    remedy = (
        "Set FINETUNE_TRAIN_LEARNING_RATE lower, or FINETUNE_TRAIN_PRECISION=float32, in a new FINETUNE_OUTPUT_DIR."
    )


class SettingsError(JobError):
    """Holds every problem found, one sentence each."""

    exit_code = 64
    remedy = "Change the variables named above; `--help` lists every variable."
    what = "setting"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = f"1 {self.what} is wrong" if count == 1 else f"{count} {self.what}s are wrong"
        super().__init__("\n  ".join([f"{heading}:", *self.problems]))

    def __reduce__(self) -> tuple[type[SettingsError], tuple[tuple[str, ...]]]:
        """Needed for pickling: the default would pass the message in place of the list of problems."""
        return type(self), (self.problems,)


class ArgumentError(SettingsError):
    """Of a command: what stands behind it, not what describes a run."""

    remedy = "Change the command line; `--help` behind the command says what it takes."
    what = "argument"


class DataError(JobError):
    """`funnel`: what became of the rows, where too few are left."""

    exit_code = 65
    remedy = "Check FINETUNE_DATA_SOURCES."

    def __init__(self, message: str, *, remedy: str = "", funnel: Funnel | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.funnel = funnel


class NotFound(JobError):
    exit_code = 66
    remedy = "Check the name and the revision."


class AccessDenied(JobError):
    exit_code = 67
    remedy = "Set HF_TOKEN (or HF_TOKEN_PATH) to a token that has this permission."


class HostUnfit(JobError):
    exit_code = 68


class Worse(JobError):
    """The verdict: everything is kept, nothing published."""

    exit_code = 69
    remedy = (
        "Look at the report: it shows the answers that decided it, and “What to do next” follows from their likely cause "
        "(learning rate, epochs, rows, answers that were cut). Train again in a new FINETUNE_OUTPUT_DIR; "
        "FINETUNE_HUB_PUSH_WHEN=always publishes it all the same, to the repository that is named."
    )


class FolderInUse(JobError):
    exit_code = 72
    remedy = "Wait for the other process to end, or set FINETUNE_OUTPUT_DIR to another folder."


class DiskFull(JobError):
    exit_code = 73
    remedy = "Free space on the output volume and start again: completed work is intact."


class NoProgress(JobError):
    exit_code = 74
    remedy = (
        "Start again with the same settings: the run continues. If it hangs at the same place, the log shows where every "
        "thread stood; FINETUNE_WATCHDOG_MINUTES sets how long the job waits."
    )


class HubUnavailable(JobError):
    exit_code = 76
    remedy = "Start again with the same settings: the run does only what is still missing."


class Stopped(BaseException):
    """A signal asked the run to stop. Not an Exception, so that no library's `except Exception` swallows it."""

    exit_code = 75
    remedy = "Start again with the same settings: the run continues."


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that led to it, each once: a chain of causes can contain a cycle."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


SUCCESS = 0
BUG = 1

EXIT_CODES: dict[int, tuple[str, str]] = {
    SUCCESS: ("everything is done, and any push is verified", ""),
    BUG: ("a bug (the traceback is kept), or a library ended the process", "limited"),
    60: ("trained, but no better than the base model; everything is kept, nothing published", "no"),
    61: ("the run folder holds another run (the difference is printed)", "no"),
    62: ("GPU memory ran out", "no"),
    63: ("training diverged: NaN, infinite or exploding loss", "no"),
    64: ("settings", "no"),
    65: ("data: unreadable, wrong columns, too few rows left", "no"),
    66: ("model, data set or revision not found, or damaged files", "no"),
    67: ("access: gated, no token, token cannot write, repository public or not empty", "no"),
    68: ("host unfit: no GPU, driver too old, memory or disk too small, volume not writable", "no"),
    69: ("trained, and worse than the base model; everything is kept, nothing published", "no"),
    72: ("another process is working in the run folder", "yes, later"),
    73: ("disk full while running; completed work is intact", "yes, elsewhere"),
    74: ("no progress for too long; the log shows where every thread stood", "yes, continues"),
    75: ("stopped by a signal or before the deadline; what was done is saved", "yes, continues"),
    76: ("Hub or network failed; the adapter is safe in the output folder", "yes, only the rest is done"),
}
"""Exit code -> (meaning, worth another try?), for README's table, `--help` and the retry rules of manifests."""
