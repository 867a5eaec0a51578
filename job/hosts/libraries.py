"""What libraries are told through their own variables, before any of them is imported."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from urllib.parse import urlsplit

from job.settings.fields import Settings


def prepare_libraries(settings: Settings, *, terminal: bool) -> None:
    """Tell the libraries through their own variables what the settings imply; before any of them is imported."""
    environ = os.environ
    environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # No process is forked here that would have to fear its threads.
    environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    prepare_cuda(environ)
    if not terminal:
        environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not settings.uses_hub:
        environ.setdefault("HF_HUB_OFFLINE", "1")
    if environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/") != "https://huggingface.co":
        # Uploads go through Xet first and do not fall back: another endpoint that has no Xet route fails.
        environ.setdefault("HF_HUB_DISABLE_XET", "1")


def do_not_wait_for_the_hub() -> None:
    """Where its address does not answer within two seconds, work from the cache: its client would try for two minutes.

    For `plan`, which can do without. A proxy is not asked.
    """
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    if any(
        os.environ.get(name)
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    ):
        return
    try:
        socket.create_connection((endpoint.hostname or "", port), timeout=2).close()
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"


def prepare_cuda(environ: MutableMapping[str, str]) -> None:
    """Both are read once, when torch is imported.

    One GPU: with two visible and no launcher TRL refuses to start (1.16.0). Growing segments: micro-batches of ever other
    sizes otherwise leave a third of the reserved memory in pieces (57 GiB reserved for 37 in use, 64 rows on an H200).
    """
    environ["CUDA_VISIBLE_DEVICES"] = environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")


def gpu_wanted() -> bool:
    """False where CUDA_VISIBLE_DEVICES is set and empty: the usual way to stay on the CPU of a machine with a GPU."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") != ""


def usable_cpus() -> int:
    """CPUs that this process may use; a container may have fewer than the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
