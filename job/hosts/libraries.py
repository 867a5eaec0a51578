"""Libraries' own variables, set before any of them is imported; and what this process may use of the machine."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Mapping, MutableMapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from job.errors import HostUnfit, SettingsError
from job.hosts.cards import CARDS, visible_cards
from job.settings.connection import proxy_variables
from job.settings.fields import Settings
from job.settings.files import irregular

CERTIFICATES = "SSL_CERT_FILE"


LAUNCHED = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK"),
    *(
        "PMI_SIZE",
        "PMI_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_RANK",
        "MV2_COMM_WORLD_SIZE",
        "MV2_COMM_WORLD_RANK",
    ),
)
"""By these accelerate joins a group of its own (1.15), with a trainer in each process."""


def prepare_libraries(settings: Settings) -> None:
    """Set the libraries' variables as the settings imply."""
    environ = os.environ
    for name in LAUNCHED:
        environ.pop(name, None)
    environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # safe: no process forks after its first use
    environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    # Nothing here is compiled, yet bitsandbytes 0.50.2 calls torch.compile as it is imported, which loads Inductor: 1.3 of the
    # 7.6 CPU seconds that peft takes to import.
    environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    prepare_cuda(environ, settings.train.devices)
    environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # bytes count as progress, of which there is one bar
    if not settings.uses_hub:
        environ.setdefault("HF_HUB_OFFLINE", "1")
    if environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/") != "https://huggingface.co":
        # Uploads try Xet first and do not fall back: an endpoint without a Xet route would fail.
        environ.setdefault("HF_HUB_DISABLE_XET", "1")


def require_working_folder() -> None:
    """Raises HostUnfit (68) if it was removed: torch's libraries end a process there without a word, whatever the paths are."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise HostUnfit(
            "The folder that this command was started in does not exist any more.",
            remedy="Change into a folder that exists (`cd`), then start again.",
        ) from None


def require_way_to_hub(settings: Settings) -> None:
    """What the variables of the way to the Hub name must be on this machine, if the run uses the Hub: its client fails without.

    Raises SettingsError (64) with all problems.
    """
    problems = [*_socks_without_its_package(), *_certificates_that_cannot_be_read()] if settings.uses_hub else []
    if problems:
        raise SettingsError(problems)


def _socks_without_its_package() -> Iterator[str]:
    for name in proxies():
        if os.environ[name].lower().startswith("socks") and find_spec("socksio") is None:
            yield f"{name}: a SOCKS proxy needs the package socksio (`pip install socksio`); or name an http:// proxy"


def _certificates_that_cannot_be_read() -> Iterator[str]:
    """Of SSL_CERT_FILE: the Hub's client reads neither REQUESTS_CA_BUNDLE nor CURL_CA_BUNDLE (huggingface_hub 2.4)."""
    path = os.environ.get(CERTIFICATES)
    if not path:
        return
    try:
        if kind := irregular(Path(path)):
            raise OSError(f"it is {kind}")
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        yield f"{CERTIFICATES}: no certificates can be read from {path} ({reason})"


SILENT: list[str] = []
"""Why the Hub is not asked, though the user does not forbid it."""


def is_offline(environ: Mapping[str, str]) -> bool:
    """Whether the Hub must not be asked, by the words of its client."""
    return environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def do_not_wait_for_the_hub() -> None:
    """Work from the cache if the Hub does not answer within two seconds: its client would try for two minutes.

    For `plan`, which can do without the Hub, and `ask`, where somebody waits. Behind a proxy it tries no connection.
    """
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    if proxies() or is_offline(os.environ):
        return
    try:
        socket.create_connection((endpoint.hostname or "", port), timeout=2).close()
    except OSError as error:
        os.environ["HF_HUB_OFFLINE"] = "1"
        SILENT.append(f"{endpoint.hostname}, port {port}: {error.strerror or error}")


def proxies() -> list[str]:
    """The names of the variables that set one."""
    return proxy_variables(os.environ)


def prepare_cuda(environ: MutableMapping[str, str], devices: int | str = "auto") -> None:
    """Set both variables that torch reads once, at its import. `devices`: the setting.

    This process sees all cards of the job, its own as the first, and works on that one: only a base that it does not hold is
    spread over all (job/modeling/spread.py), and which base that is, is known long after CUDA has read this variable. Training
    says n_gpu=1, or transformers would wrap the model in DataParallel, which TRL refuses (1.16.0). Workers see their own
    card alone (job/parallel/children.py), and fresh processes too where it holds the model (job/modeling/fresh.py).

    Expandable segments: micro-batches of changing sizes otherwise leave a third of the reserved memory fragmented (57 GiB
    reserved for 37 in use, 64 rows on an H200).
    """
    CARDS[:] = visible_cards(environ)
    seen = CARDS if devices == "auto" else CARDS[: int(devices)]
    environ["CUDA_VISIBLE_DEVICES"] = ",".join(seen) or environ.get("CUDA_VISIBLE_DEVICES", "0")
    environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")


def gpu_wanted() -> bool:
    """False if CUDA_VISIBLE_DEVICES is set but empty: the usual way to stay on the CPU of a machine with a GPU."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") != ""


QUOTAS = (Path("/sys/fs/cgroup/cpu.max"), Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"))
"""Of this container's control group, version 2 and 1: microseconds of CPU time in each period, which stands beside it."""


def usable_cpus() -> int:
    """CPUs that this process may use: those of its affinity, and no more than the container's limit (`docker --cpus`, a limit
    of Kubernetes), which shows nowhere else."""
    known = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(known, _quota() or known)


def _quota() -> int:
    """Rounded up; 0 without one."""
    for path in QUOTAS:
        try:
            period = path.with_name("cpu.cfs_period_us")
            texts = f"{path.read_text()} {period.read_text() if period.exists() else ''}".split()
            quota, every = (int(text) if text.lstrip("-").isdecimal() else 0 for text in texts[:2])
        except (OSError, ValueError):
            continue
        if quota > 0 and every > 0:
            return -(-quota // every)
    return 0
