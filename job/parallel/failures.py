"""How a failure goes from one process to another: as its exit code, its message and its remedy."""

from __future__ import annotations

from typing import Any

from job.errors import JobError, SettingsError, causes
from job.runs.deaths import by_last_words
from job.runs.logs import LineFormatter


def error_of(code: int, message: str, remedy: str) -> JobError:
    """The error with that exit code, as another process has told it."""
    kinds = [JobError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((kind for kind in kinds if kind.exit_code == code), JobError)
    if kind is SettingsError:
        return SettingsError([message])
    return kind(message, remedy=remedy)


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
