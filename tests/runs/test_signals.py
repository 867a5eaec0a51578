"""Signals: at once where nothing can be lost, at the next look where a step is under way."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from job.errors import Stopped
from job.runs import signals
from job.runs.signals import SIGNALS, StopRequest

pytestmark = pytest.mark.light


@pytest.mark.parametrize("number", [one for one in SIGNALS if one is not signal.SIGHUP])
def test_a_signal_stops_the_run_where_it_arrives(number: signal.Signals) -> None:
    stop = StopRequest()
    with stop.listening(), pytest.raises(Stopped, match=f"{number.name} arrived"):
        signal.raise_signal(number)
    assert stop.requested


def test_code_that_polls_is_not_interrupted_until_the_second_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = StopRequest()
    with stop.listening(), stop.polled():
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested
        assert "signal=SIGTERM: stopping" in caplog.text
        signal.raise_signal(
            signal.SIGTERM
        )  # at once: a queue signals every process of the job, and the parent passes it on
        monkeypatch.setattr(signals, "AGAIN_SECONDS", 0)
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGTERM)


def test_a_stop_that_another_process_asked_for_names_it_and_no_signal(caplog: pytest.LogCaptureFixture) -> None:
    stop = StopRequest()
    with stop.listening(), stop.polled():
        stop.ask("SIGTERM arrived on host a.")
    assert stop.requested
    assert "asked='SIGTERM arrived on host a.': stopping between two micro-batches" in caplog.text
    assert "signal=" not in caplog.text


def test_the_kernels_repetition_of_a_cpu_limit_is_no_second_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "AGAIN_SECONDS", 0)
    stop = StopRequest()
    with stop.listening(), stop.polled():
        for _ in range(3):
            signal.raise_signal(signal.SIGXCPU)
    assert stop.requested


def test_a_signal_after_the_watching_process_is_gone_says_so() -> None:
    stop = StopRequest()
    stop.watched_by = os.getpid()  # which is not the parent of this process
    with stop.listening(), pytest.raises(Stopped, match="The process that watched this run is gone"):
        signal.raise_signal(signal.SIGTERM)


def test_after_polling_a_signal_stops_at_once_again() -> None:
    stop = StopRequest()
    with stop.listening():
        with stop.polled():
            pass
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGINT)


def test_the_handlers_of_before_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    stop = StopRequest()
    with stop.listening():
        assert signal.getsignal(signal.SIGTERM) == stop.arrive
    assert signal.getsignal(signal.SIGTERM) == before


def test_while_the_ending_is_written_signals_change_nothing() -> None:
    """A queue sends SIGTERM twice, a person presses Ctrl-C twice: metrics.json and the exit code must come out whole."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    stop = StopRequest()
    with stop.listening():
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGTERM)
        stop.ending()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN, "until the process is gone"
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_thread_may_ask_for_a_stop_and_say_why() -> None:
    stop = StopRequest()
    with stop.listening(), pytest.raises(Stopped, match=r"^Another host is gone\.$"):
        asking = threading.Thread(target=stop.ask, args=("Another host is gone.",))
        asking.start()
        asking.join()
        time.sleep(5)  # broken off by the signal
    assert stop.reason == "Another host is gone."
