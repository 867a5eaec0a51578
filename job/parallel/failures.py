"""How a failure goes from one process to another: as its exit code, its message and its remedy."""

from __future__ import annotations

from typing import Any

from job.errors import JobError, SettingsError, causes
from job.runs.deaths import by_last_words
from job.runs.logs import LineFormatter


def error_of(name: str, told: dict[str, Any]) -> JobError:
    """The error with that exit code, as the process of that name has told it."""
    code, message = told["code"], told["message"]
    kinds = [JobError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((kind for kind in kinds if kind.exit_code == code), JobError)
    if kind is SettingsError:
        problems = message.split("\n  ")[1:] or [message]  # its heading counts them, and is made again
        return SettingsError([f"{name}: {problem}" for problem in problems])
    return kind(f"{name}: {message}", remedy=told["remedy"])


BROKEN = ("Connection reset by peer", "Connection closed by peer", "Broken pipe", "NCCL communicator was aborted")
"""What a worker hears where another one, or the leader, is gone."""


def is_broken(error: BaseException) -> bool:
    """Whether that is what led to an error, whatever a check in whose pass it happened made of it."""
    return any(words in str(cause) for cause in causes(error) for words in BROKEN)


def told_of(error: BaseException) -> dict[str, Any]:
    """What a worker tells of its end."""
    broken = is_broken(error)
    if not isinstance(error, JobError):
        text = "\n".join(f"{type(cause).__name__}: {cause}" for cause in causes(error))
        error = by_last_words(text, LineFormatter.stage) or JobError(text)
    return {"code": error.exit_code, "message": str(error), "remedy": error.remedy, "broken": broken}
