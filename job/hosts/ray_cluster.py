"""Ray, where it is asked for: its package, the address of its cluster, its variables, the connection. Ray itself is imported
when a run connects.

What runs there is no matter of this module.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from job.errors import HostUnfit, HubUnavailable, SettingsError, Stopped
from job.runs.redaction import hide
from job.settings.fields import DataSettings

log = logging.getLogger("job.clean")
PACKAGE = "ray[data]>=2.50,<2.64"
"""As pip takes it, and pyproject.toml has it."""
ADDRESS = "RAY_ADDRESS"
THIS_MACHINE, ITS_CLUSTER = "local", "auto"
"""What Ray takes in place of `host:port`: a cluster that begins and ends with the run, and the one that this machine is in."""
REACH_SECONDS = 10.0
MOST_SAID = 400
"""Characters of what Ray says: of versions that differ it speaks in several lines."""


def require_ray(data: DataSettings) -> None:
    """Before any work. Raises SettingsError (64) if it is asked for, and its package is missing or the address is none."""
    if data.engine != "ray":
        return
    if find_spec("ray") is None:
        raise SettingsError(
            [f"FINETUNE_DATA_ENGINE: ray is not installed; install it (pip install '{PACKAGE}') or write processes"]
        )
    address = cluster_address()
    if address not in (THIS_MACHINE, ITS_CLUSTER) and not _host_and_port(address):
        raise SettingsError(
            [
                f"{ADDRESS}: '{address}' is not the host:port of a cluster's head, nor auto or local; Ray Client (ray://) "
                "does not do: start the run on a node of the cluster"
            ]
        )


def cluster_address() -> str:
    """As Ray reads it; but a cluster that somebody else has begun on this machine is taken for `auto` alone."""
    return os.environ.get(ADDRESS, "").strip() or THIS_MACHINE


def _host_and_port(address: str) -> tuple[str, int] | None:
    host, _, port = address.rpartition(":")
    right = host and "/" not in host and port.isdecimal() and int(port) < 2**16
    return (host.strip("[]"), int(port)) if right else None


@contextmanager
def connected(cpus: int) -> Iterator[Any]:
    """The module `ray`, connected to the cluster; where none is named, to one on this machine with so many CPUs.

    Raises HubUnavailable (76) if the cluster does not answer, HostUnfit (68) if Ray does not begin.
    """
    address = cluster_address()
    _require_answer(address)
    _prepare(address)
    import ray
    import ray.data

    logging.getLogger("ray").setLevel(logging.ERROR)  # it logs each of its steps
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # and each failure that it raises, with three tracebacks
    with ExitStack() as cleanup:
        local = {}
        if address == THIS_MACHINE:
            folder = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
            local = {"num_cpus": cpus, "num_gpus": 0, "_temp_dir": cleanup.enter_context(folder)}
        cleanup.callback(ray.shutdown)
        _connect(ray, address, local)
        yield ray


def _require_answer(address: str) -> None:
    """Ray itself asks for two minutes or more, and hears no signal meanwhile (2.60)."""
    if found := _host_and_port(address):
        try:
            socket.create_connection(found, timeout=REACH_SECONDS).close()
        except (OSError, UnicodeError) as error:  # a name that is none
            raise _unreachable(address, getattr(error, "strerror", "") or str(error)) from error


def _unreachable(address: str, why: str) -> HubUnavailable:
    return HubUnavailable(
        f"The Ray cluster at {address} cannot be reached: {why}.",
        remedy=f"Start it, or correct {ADDRESS}, then start again; one that wants a token needs RAY_AUTH_MODE=token and "
        "RAY_AUTH_TOKEN. FINETUNE_DATA_ENGINE=processes cleans on this machine.",
    )


def _prepare(address: str) -> None:
    """Ray's variables, before it is imported; what the user has set stays."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing about a run is sent anywhere
    if address != THIS_MACHINE:  # 41 s each where something listens and says nothing; Ray would try 20 times (2.60)
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "3")
    elif "RAY_AUTH_MODE" not in os.environ:
        # Without a token whoever reaches its ports runs code as this user; Ray (2.60) would write one into the home folder,
        # which may be read-only.
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    hide(os.environ.get("RAY_AUTH_TOKEN", ""))


def _connect(ray: Any, address: str, local: dict[str, Any]) -> None:
    """The cluster gets the job's package, so that every node runs the same code, and nothing else of this machine."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            runtime_env={"py_modules": [str(Path(__file__).parents[1])]},
            **local,
        )
    except ConnectionError as error:
        raise _unreachable(address, _said(error)) from error
    except Exception as error:  # a node that does not begin in time is no more than that
        raise HostUnfit(
            f"Ray does not begin: {_said(error)}.",
            remedy="Look at the variables that begin with RAY_, and at TMPDIR, whose path must be short. "
            "FINETUNE_DATA_ENGINE=processes cleans without Ray.",
        ) from error
    except SystemExit as end:  # of Ray's handler, which it puts in the place of the job's
        raise Stopped("SIGTERM arrived.") from end
    finally:
        signal.signal(signal.SIGTERM, handler)


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:MOST_SAID].rstrip(".") or type(error).__name__
