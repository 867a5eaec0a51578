"""A Hub that fails, hangs, trickles or refuses, and the time that the job gives it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from job.errors import HubUnavailable, NotFound, Stopped
from job.hosts import patience
from job.hosts.hub import ask
from job.hosts.patience import Limits, Movement, patiently, set_limits
from job.runs.progress import counts
from job.runs.signals import StopRequest
from tests.conftest import READ_TOKEN
from tests.standin_hub import StandInHub

WHAT = "base model meta/base"


@pytest.fixture(autouse=True)
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second for everything, and less without a byte."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    set_limits(Limits(retry_seconds=1.2, still_seconds=0.8, waits_seconds=(0.05,)))
    yield
    set_limits(Limits())


def failing(times: int) -> Callable[[], int]:
    """The number of the first try that succeeds."""
    tries = []

    def call() -> int:
        tries.append(1)
        if len(tries) <= times:
            raise HubUnavailable("The Hub failed.")
        return len(tries)

    return call


def test_a_hub_that_fails_twice_answers_the_third_try(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "job.hub"):
        assert patiently(failing(2), WHAT) == 3
    assert "hub=failed try=2" in caplog.text
    assert f"what='{WHAT}': The Hub failed." in caplog.text


def test_a_hub_that_keeps_failing_is_given_up_after_the_minutes_of_the_settings() -> None:
    started = time.monotonic()
    with pytest.raises(
        HubUnavailable, match=r"Given up after 0.02 minutes and \d+ tries \(FINETUNE_HUB_RETRY_MINUTES\)"
    ):
        patiently(failing(10**6), WHAT)
    assert 1 < time.monotonic() - started < 30


def test_a_call_within_a_call_is_watched_and_repeated_with_it() -> None:
    inner, outer = [], []

    def part() -> None:
        inner.append(1)
        raise HubUnavailable("The Hub failed.")

    def whole() -> None:
        outer.append(1)
        if len(outer) < 3:
            patiently(part, "a part")

    patiently(whole, WHAT)
    assert (len(outer), len(inner)) == (3, 2)


def test_zero_minutes_are_one_try() -> None:
    set_limits(Limits(retry_seconds=0))
    with pytest.raises(HubUnavailable, match=r"^The Hub failed\.$"):
        patiently(failing(1), WHAT)


def test_work_from_the_cache_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnavailable, match=r"^The Hub failed\.$"):
        patiently(failing(1), WHAT)


@pytest.mark.parametrize("error", [NotFound("no such model"), ValueError("a bug")])
def test_what_waiting_cannot_heal_rises_from_the_first_try(error: Exception) -> None:
    tries = []

    def call() -> None:
        tries.append(1)
        raise error

    with pytest.raises(type(error)) as caught:
        patiently(call, WHAT)
    assert caught.value is error
    assert len(tries) == 1


def test_permanent_answers_are_asked_for_once(hub: StandInHub) -> None:
    with pytest.raises(NotFound):
        ask(lambda: HfApi(endpoint=hub.url, token=READ_TOKEN).model_info("meta/none"), WHAT, "X", token=READ_TOKEN)
    assert len(hub.requests) == 1


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accepts connections, and treats each one in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def hang(connection: socket.socket) -> None:
    """Reads and never answers."""
    with connection:
        while connection.recv(65536):
            pass


def trickle(connection: socket.socket) -> None:
    """An answer of a million bytes, one each tenth of a second: no read of the client waits long."""
    with connection:
        connection.recv(65536)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            for _ in range(150):  # for fifteen seconds at most
                connection.sendall(b" ")
                time.sleep(0.1)
        except OSError:
            return


@pytest.mark.parametrize("answer", [hang, trickle])
def test_a_hub_that_hangs_or_trickles_is_left(
    answer: Callable[[socket.socket], None], caplog: pytest.LogCaptureFixture
) -> None:
    """The Hub client alone would wait for ever."""
    set_limits(Limits(retry_seconds=1.2, still_seconds=0.8, waits_seconds=(0.05,), line_seconds=0.4))
    started = time.monotonic()
    with (
        server(answer) as url,
        caplog.at_level(logging.INFO, "job.hub"),
        pytest.raises(
            HubUnavailable,
            match=r"stands still: [\d,]+ bytes .* in \d+ seconds \(base model meta/base\)\. Given up after .* 2 tries",
        ),
    ):
        ask(lambda: HfApi(endpoint=url, token=False).model_info("meta/base"), WHAT, "X", token="")
    assert time.monotonic() - started < 45
    assert "hub=waiting seconds=0 bytes=" in caplog.text
    assert not [thread for thread in threading.enumerate() if thread.name == "hub"]


def test_xet_that_hangs_is_left() -> None:
    """Written in Rust: it listens to no signal, and its uploads report no progress."""
    import hf_xet
    from huggingface_hub.utils._xet import get_xet_session

    def download(url: str) -> None:
        access = {"endpoint": url, "token": "t", "token_expiry_unix_secs": int(time.time()) + 9999}
        with get_xet_session().new_file_download_group(**access) as group:
            group.start_download_file(hf_xet.XetFileInfo("ab" * 32, 300_000), "/dev/null")

    set_limits(Limits(still_seconds=0.5))
    with server(hang) as url, pytest.raises(HubUnavailable, match="stands still: "):
        patiently(lambda: download(url), WHAT)
    assert not [thread for thread in threading.enumerate() if thread.name == "hub"]


def test_a_signal_ends_a_hanging_call_at_once() -> None:
    """In the thread of the run, which waits in no library; nothing of the call is left behind."""
    set_limits(Limits(still_seconds=60))
    stop = StopRequest()
    with server(hang) as url, stop.listening(), pytest.raises(Stopped):
        threading.Timer(0.5, signal.raise_signal, [signal.SIGTERM]).start()
        started = time.monotonic()
        ask(lambda: HfApi(endpoint=url, token=False).model_info("meta/base"), WHAT, "X", token="")
    assert time.monotonic() - started < 30
    assert not [thread for thread in threading.enumerate() if thread.name == "hub"]


def test_a_try_that_was_given_up_sends_nothing_more(hub: StandInHub) -> None:
    """Else a forgotten upload could end in a commit after the run has ended."""
    asleep, result = threading.Event(), []

    def call() -> None:
        asleep.wait(0.8)
        try:
            HfApi(endpoint=hub.url, token=READ_TOKEN).whoami()
        except HubUnavailable as error:
            result.append(str(error))
        asleep.set()

    set_limits(Limits(still_seconds=0.4))
    with pytest.raises(HubUnavailable, match="stands still: "):
        patiently(call, WHAT)
    assert result == ["The request came from a try that had been given up."]
    assert not hub.requests
    assert patiently(lambda: HfApi(endpoint=hub.url, token=READ_TOKEN).whoami(), WHAT)["name"] == "bob"


def test_bytes_count_as_progress_of_the_run(hub: StandInHub, tmp_path: Path) -> None:
    hub.add_repo("model", "meta/base", {"weights.bin": b"\0" * 3_000_000})
    before = counts().get("bytes", 0)
    api = HfApi(endpoint=hub.url, token=READ_TOKEN)
    patiently(lambda: api.hf_hub_download("meta/base", "weights.bin", cache_dir=tmp_path), WHAT)
    assert counts()["bytes"] - before >= 3_000_000


def test_work_without_the_hub_is_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows become Arrow files for minutes while nothing is downloaded. Watching is no work."""
    monkeypatch.setattr(patience, "LEAST_CPU_SECONDS", 0.02)
    set_limits(Limits(still_seconds=0.6))

    def work() -> str:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            sum(range(10**4))
        return "done"

    assert patiently(work, WHAT) == "done"
    moved = Movement()
    sum(range(10**7))
    moved.last -= 100
    assert moved.look() > 50


def test_a_file_that_another_process_downloads_into_the_same_cache_is_progress(tmp_path: Path) -> None:
    """It holds the lock of the file that this process waits for."""
    blobs = tmp_path / "cache" / "models--meta--base" / "blobs"
    blobs.mkdir(parents=True)
    moved = Movement()
    moved.last -= 100
    assert not moved.elsewhere()
    (blobs / "abc.incomplete").write_bytes(b"x")
    made_at = time.time() - 60
    os.utime(blobs / "abc.incomplete", (made_at, made_at))
    assert not moved.elsewhere()  # perhaps this process's own, which hangs
    (blobs / "abc.incomplete").write_bytes(b"xy")
    assert moved.elsewhere()
    assert moved.look() < 1


def test_a_wait_for_another_process_goes_on_as_long_as_it_downloads(tmp_path: Path) -> None:
    blobs = tmp_path / "cache" / "models--meta--base" / "blobs"
    blobs.mkdir(parents=True)
    released = threading.Event()

    def download() -> None:
        for _ in range(8):
            time.sleep(0.2)
            with (blobs / "abc.incomplete").open("ab") as file:
                file.write(b"x")
        released.set()

    set_limits(Limits(still_seconds=0.6))
    threading.Thread(target=download, daemon=True).start()
    assert patiently(lambda: released.wait(10), WHAT)
