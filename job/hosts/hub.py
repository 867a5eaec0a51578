"""What a failure of the Hub means for the user: which of our errors, which exit code, which variable to change.

transformers and datasets wrap the Hub client's errors in their own, so the whole chain of causes is searched. `ask` is how the
job calls the Hub: with these errors, and with the patience that the settings allow.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from huggingface_hub import constants
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

from job.errors import AccessDenied, DiskFull, HostUnfit, HubUnavailable, JobError, NotFound, causes
from job.hosts.libraries import SILENT, proxies
from job.hosts.mounts import place_of, remedy
from job.hosts.patience import patiently

T = TypeVar("T")
XET = re.compile(
    r"(Task|Network|Data processing|Internal|Authentication|Data integrity|I/O|IO|Configuration|Client|Server|Runtime) error: "
    r"|Operation cancelled: |Rate limited: |Xet headers |.*\bCAS\b",
    re.IGNORECASE,
)
"""How the messages of hf_xet begin (1.8.0). It raises RuntimeError and ConnectionError as well as classes of its own, and puts
an HTTP status into the text alone."""
XET_STATUS = re.compile(r"\((\d{3}) [A-Z]|status(?: code)?:? (\d{3})")


def ask(call: Callable[[], T], what: str, variable: str, *, token: str) -> T:
    """The value of `call`, which reaches the Hub. `what`: "base model owner/name"; `variable`: the setting that names it.

    Raises NotFound (66), AccessDenied (67), HostUnfit (68) if the cache cannot be written, DiskFull (73), HubUnavailable (76)
    once the patience is at its end, and what else `call` raises.
    """

    def translated() -> T:
        with translate_hub_errors(what, variable, has_token=bool(token)):
            return call()

    return patiently(translated, what)


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
    chain = list(causes(error))
    chain.sort(
        key=lambda cause: isinstance(cause, LocalEntryNotFoundError)
    )  # "not in the cache" says least, and comes first
    for cause in chain:
        ours = (
            _of_the_cache(cause, what)
            or _of_xet(cause, what, token)
            or _of_the_client(cause, what, variable, token)
            or _of_datasets(cause, what, variable, token)
        )
        if ours:
            return ours
    return None


NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)
"""EEXIST, ENOTDIR: a file or a device in place of a folder."""


def _of_the_cache(cause: BaseException, what: str) -> HostUnfit | None:
    if not isinstance(cause, OSError) or not isinstance(cause.filename, str):
        return None
    place = Path(cause.filename).absolute()
    for cache in (Path(constants.HF_HUB_CACHE).absolute(), Path(constants.HF_HOME).absolute()):
        below, above = place.is_relative_to(cache), cache.is_relative_to(place)
        if (cause.errno in NOT_WRITABLE and (below or above)) or (cause.errno == errno.ENOENT and above):
            return cache_unusable(what, f"{cause.strerror} ({place})", place, cause.errno)
    return None


def cache_unusable(what: str, reason: str, place: Path | None = None, number: int | None = None) -> HostUnfit:
    """`place`: what could not be written; `number`: of the error."""
    variable = "HF_HOME" if Path(constants.HF_HUB_CACHE).is_relative_to(constants.HF_HOME) else "HF_HUB_CACHE"
    return HostUnfit(
        f"The {what} has to be downloaded, but the cache {constants.HF_HUB_CACHE} cannot be written: {reason}.",
        remedy=remedy(place_of(Path(constants.HF_HUB_CACHE), place), number, variable),
    )


def _of_the_client(cause: BaseException, what: str, variable: str, token: str) -> JobError | None:
    """The order matters: some of these classes are subclasses of later ones."""
    if isinstance(cause, GatedRepoError):
        return _gated(what, token)
    if isinstance(cause, RevisionNotFoundError):
        return _no_revision(what, variable)
    if isinstance(cause, LocalEntryNotFoundError | OfflineModeIsEnabled):
        return _not_in_the_cache(cause, what)
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
    if isinstance(cause, OSError) and str(cause).startswith("Consistency check failed"):
        return HubUnavailable(
            f"The Hub sent a file of the {what} with another size than announced: {first_line(cause)}"
        )
    if isinstance(cause, ConnectionError | TimeoutError) or _is_transport_error(cause):
        return HubUnavailable(
            f"The Hub cannot be reached for the {what}: {type(cause).__name__} {first_line(cause)}",
            remedy=f"Check {_the_way()}, then start again: finished work is not repeated.",
        )
    return None


def _not_in_the_cache(cause: BaseException, what: str) -> JobError:
    if constants.is_offline_mode() and not SILENT:  # another try would end so too
        return NotFound(
            f"The {what} is not in the cache {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE forbids to ask the Hub.",
            remedy="Unset HF_HUB_OFFLINE, or set HF_HOME to a cache that holds it.",
        )
    return HubUnavailable(
        f"The {what} is not in the local cache, and the Hub cannot be reached: {SILENT[0] if SILENT else first_line(cause)}",
        remedy=f"Check {_the_way()}, then start again.",
    )


def _the_way() -> str:
    """What lies between this machine and the Hub."""
    names = ", ".join(proxies())
    return f"the network, the proxy of {names} and HF_ENDPOINT" if names else "the network and HF_ENDPOINT"


def _of_xet(cause: BaseException, what: str, token: str) -> JobError | None:
    """Xet moves the contents of large files, beside the Hub's own HTTP interface."""
    text = first_line(cause)
    plain = isinstance(cause, RuntimeError | OSError | ValueError) and not isinstance(cause, HfHubHTTPError)
    if not type(cause).__module__.startswith("hf_xet") and not (plain and XET.match(text)):
        return None
    if "No space left on device" in text or "os error 28" in text:
        return DiskFull(f"The disk is full: {text}")
    if "Read-only file system" in text:
        return cache_unusable(what, text, number=errno.EROFS)
    found = XET_STATUS.search(text)
    status = int(found[1] or found[2]) if found else 0
    if status in (401, 403) or type(cause).__name__ == "XetAuthenticationError":
        return AccessDenied(f"The Hub's file store (Xet) refused access to the {what} with {token}: {text}")
    if status == 404 or type(cause).__name__ == "XetObjectNotFoundError":
        lack = "has no such store" if re.search(r"/xet-\w+-token", text) else "lacks a file"
        return NotFound(
            f"The Hub's file store (Xet) is tried for the {what}, but the Hub {lack}: {text}",
            remedy="Start again with HF_HUB_DISABLE_XET=1: the run then moves files without Xet.",
        )
    return HubUnavailable(
        f"The Hub's file store (Xet) failed on the {what}: {text}",
        remedy="Start again: the run does only what is still missing. If it fails again, set HF_HUB_DISABLE_XET=1.",
    )


def _of_datasets(cause: BaseException, what: str, variable: str, token: str) -> JobError | None:
    """Its DatasetNotFoundError wraps 401 and 404 without a cause. Compared by name, since importing datasets takes 1.6 s."""
    if type(cause).__name__ != "DatasetNotFoundError":
        return None
    if str(cause).startswith("Revision "):
        return _no_revision(what, variable)
    return _gated(what, token) if "gated" in str(cause) else _unknown_or_private(what, variable, token)


def _no_revision(what: str, variable: str) -> NotFound:
    return NotFound(
        f"The {what} has no such revision.",
        remedy=f"Check the revision in {variable}. A run keeps to the commits that it began with (pins.json in its folder): if "
        "one of them is gone from the Hub, begin anew in another FINETUNE_OUTPUT_DIR.",
    )


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
