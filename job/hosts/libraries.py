"""Libraries' own variables, set before any of them is imported; and what this process may use of the machine."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from urllib.parse import urlsplit

from job.settings.fields import Settings


def prepare_libraries(settings: Settings, *, terminal: bool) -> None:
    """Set the libraries' variables as the settings imply. `terminal`: a person watches, so progress bars make sense."""
    environ = os.environ
    environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # safe: no process forks after its first use
    environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    prepare_cuda(environ)
    if not terminal:
        environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not settings.uses_hub:
        environ.setdefault("HF_HUB_OFFLINE", "1")
    if environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/") != "https://huggingface.co":
        # Uploads try Xet first and do not fall back: an endpoint without a Xet route would fail.
        environ.setdefault("HF_HUB_DISABLE_XET", "1")


def do_not_wait_for_the_hub() -> None:
    """Work from the cache if the Hub does not answer within two seconds: its client would try for two minutes.

    For `plan`, which can do without the Hub. Behind a proxy it tries no connection.
    """
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    if proxy_variables():
        return
    try:
        socket.create_connection((endpoint.hostname or "", port), timeout=2).close()
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"


PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def proxy_variables() -> list[str]:
    """Those that are set. Their values may hold passwords."""
    return [name for name in PROXIES if os.environ.get(name)]


def prepare_cuda(environ: MutableMapping[str, str]) -> None:
    """Set both variables that torch reads once, at its import.

    One GPU: with two visible and no launcher TRL refuses to start (1.16.0). Expandable segments: micro-batches of changing
    sizes otherwise leave a third of the reserved memory fragmented (57 GiB reserved for 37 in use, 64 rows on an H200).
    """
    environ["CUDA_VISIBLE_DEVICES"] = environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")


def gpu_wanted() -> bool:
    """False if CUDA_VISIBLE_DEVICES is set but empty: the usual way to stay on the CPU of a machine with a GPU."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") != ""


def usable_cpus() -> int:
    """CPUs that this process may use; a container may have fewer than the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
