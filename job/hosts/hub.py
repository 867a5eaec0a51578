"""What a failure of the Hub means for the user: which class of ours, which exit code, which variable to change.

transformers and datasets wrap the Hub client's errors in their own, so the whole chain of causes is read.
"""

from __future__ import annotations

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


@contextmanager
def translate_hub_errors(what: str, variable: str, *, has_token: bool) -> Iterator[None]:
    """Turn a Hub failure inside into ours. `what`: "base model meta-llama/..."; `variable`: the setting that names it."""
    try:
        yield
    except JobError:
        raise
    except Exception as error:
        ours = explain(error, what, variable, has_token=has_token)
        if ours is None:
            raise
        raise ours from error


def explain(error: Exception, what: str, variable: str, *, has_token: bool) -> JobError | None:
    token = "the token of HF_TOKEN" if has_token else "no token (HF_TOKEN is not set)"
    for cause in causes(error):
        if isinstance(cause, GatedRepoError):
            return AccessDenied(
                f"The {what} is gated and was asked for with {token}.",
                remedy="Accept its terms on its Hub page with your account, and set HF_TOKEN to a token of that account.",
            )
        if isinstance(cause, RevisionNotFoundError):
            return NotFound(f"The {what} has no such revision.", remedy=f"Check the revision in {variable}.")
        if isinstance(cause, LocalEntryNotFoundError | OfflineModeIsEnabled):
            return HubUnavailable(
                f"The {what} is not in the local cache, and the Hub cannot be reached: {first_line(cause)}",
                remedy="Check the network and HF_ENDPOINT (and HF_HUB_OFFLINE), then start again.",
            )
        if isinstance(cause, RepositoryNotFoundError):
            return NotFound(
                f"The {what} does not exist, or is private and was asked for with {token}.",
                remedy=f"Check {variable}; for a private repository set HF_TOKEN.",
            )
        if isinstance(cause, EntryNotFoundError | HFValidationError):
            return NotFound(f"The {what} cannot be read: {first_line(cause)}", remedy=f"Check {variable}.")
        if isinstance(cause, HfHubHTTPError):
            status = cause.response.status_code if cause.response is not None else 0
            if status in (401, 403):
                return AccessDenied(f"The Hub refused the {what} (status {status}) with {token}: {first_line(cause)}")
            return HubUnavailable(f"The Hub failed on the {what} (status {status}): {first_line(cause)}")
        if isinstance(cause, ConnectionError | TimeoutError) or _is_transport_error(cause):
            return HubUnavailable(
                f"The Hub cannot be reached for the {what}: {type(cause).__name__} {first_line(cause)}",
                remedy="Check the network and HF_ENDPOINT, then start again: nothing that is done is done twice.",
            )
        if type(cause).__name__ == "DatasetNotFoundError":  # datasets' own; it wraps 401 and 404 without a cause
            if "gated" in str(cause):
                return AccessDenied(
                    f"The {what} is gated and was asked for with {token}.",
                    remedy="Accept its terms on its Hub page with your account, and set HF_TOKEN to its token.",
                )
            return NotFound(
                f"The {what} does not exist, or is private and was asked for with {token}.",
                remedy=f"Check {variable}; for a private data set set HF_TOKEN.",
            )
    return None


def _is_transport_error(error: BaseException) -> bool:
    """By name: the Hub client speaks through httpx in one version and httpx2 in the next."""
    return any(base.__name__ == "TransportError" for base in type(error).__mro__)


def first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
