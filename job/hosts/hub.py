"""What a failure of the Hub means for the user: which of our errors, which exit code, which variable to change.

transformers and datasets wrap the Hub client's errors in their own, so the whole chain of causes is searched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from job.errors import AccessDenied, HubUnavailable, JobError, NotFound, causes

logging.getLogger("huggingface_hub").handlers.clear()  # its own handler writes each line a second time, without a stage


@contextmanager
def translate_hub_errors(what: str, variable: str, *, has_token: bool) -> Iterator[None]:
    """Raise our error if the Hub fails inside. `what`: "base model owner/name"; `variable`: the setting that names it."""
    try:
        yield
    except JobError:
        raise
    except Exception as error:
        ours = translate(error, what, variable, has_token=has_token)
        if ours is None:
            raise
        raise ours from error


def translate(error: Exception, what: str, variable: str, *, has_token: bool) -> JobError | None:
    """None if the error has nothing to do with the Hub."""
    token = "the token of HF_TOKEN" if has_token else "no token (HF_TOKEN is not set)"
    for cause in causes(error):
        ours = _of_the_client(cause, what, variable, token) or _of_datasets(cause, what, variable, token)
        if ours:
            return ours
    return None


def _of_the_client(cause: BaseException, what: str, variable: str, token: str) -> JobError | None:
    """The order matters: some of these classes are subclasses of later ones."""
    if isinstance(cause, GatedRepoError):
        return _gated(what, token)
    if isinstance(cause, RevisionNotFoundError):
        return NotFound(f"The {what} has no such revision.", remedy=f"Check the revision in {variable}.")
    if isinstance(cause, LocalEntryNotFoundError | OfflineModeIsEnabled):
        return HubUnavailable(
            f"The {what} is not in the local cache, and the Hub cannot be reached: {first_line(cause)}",
            remedy="Check the network and HF_ENDPOINT (and HF_HUB_OFFLINE), then start again.",
        )
    if isinstance(cause, RepositoryNotFoundError):
        return _unknown_or_private(what, variable, token)
    if isinstance(cause, EntryNotFoundError | HFValidationError):
        return NotFound(f"The {what} cannot be read: {first_line(cause)}", remedy=f"Check {variable}.")
    if isinstance(cause, HfHubHTTPError):
        status = cause.response.status_code if cause.response is not None else 0
        if status in (401, 403):
            return AccessDenied(
                f"The Hub refused access to the {what} (status {status}) with {token}: {first_line(cause)}"
            )
        return HubUnavailable(f"The Hub failed on the {what} (status {status}): {first_line(cause)}")
    if isinstance(cause, ConnectionError | TimeoutError) or _is_transport_error(cause):
        return HubUnavailable(
            f"The Hub cannot be reached for the {what}: {type(cause).__name__} {first_line(cause)}",
            remedy="Check the network and HF_ENDPOINT, then start again: finished work is not repeated.",
        )
    return None


def _of_datasets(cause: BaseException, what: str, variable: str, token: str) -> JobError | None:
    """Its DatasetNotFoundError wraps 401 and 404 without a cause. Compared by name, since importing datasets takes 1.6 s."""
    if type(cause).__name__ != "DatasetNotFoundError":
        return None
    return _gated(what, token) if "gated" in str(cause) else _unknown_or_private(what, variable, token)


def _gated(what: str, token: str) -> AccessDenied:
    return AccessDenied(
        f"The {what} is gated, and was requested with {token}.",
        remedy="Accept its terms on its Hub page with your account, and set HF_TOKEN to a token of that account.",
    )


def _unknown_or_private(what: str, variable: str, token: str) -> NotFound:
    return NotFound(
        f"The {what} does not exist, or is private and was requested with {token}.",
        remedy=f"Check {variable}; if it is private, set HF_TOKEN.",
    )


def _is_transport_error(error: BaseException) -> bool:
    """Compares names, since the Hub client uses httpx in one version and httpx2 in the next."""
    return any(base.__name__ == "TransportError" for base in type(error).__mro__)


def first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
