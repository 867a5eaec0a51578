"""What is begun beside the imports reads real files, and leaves every failure to whoever needs the card or the file."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace

import pytest

from job.hosts import ahead

pytestmark = pytest.mark.light


def test_files_are_read_to_their_end_whatever_is_missing_between_them(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.safetensors", "gone", "b.safetensors")]
    for path in (paths[0], paths[2]):
        path.write_bytes(b"0" * (ahead.PIECE_BYTES + 1))
    assert ahead.read_ahead(paths) is None, "the sum of their sizes is not known"
    thread = ahead.read_ahead([paths[0], paths[2]])
    paths[2].unlink()
    assert thread
    thread.join(10)
    assert not thread.is_alive()


def test_files_that_would_not_stay_in_memory_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"0")
    monkeypatch.setattr(ahead, "LARGEST_SHARE", 0)
    assert ahead.read_ahead([tmp_path / "a.safetensors"]) is None


def test_no_card_is_opened_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert ahead.open_card() is None


@pytest.mark.parametrize(("initialized", "asked"), [(0, [0]), (100, [])])
def test_a_driver_that_does_not_start_is_asked_for_nothing_more(
    initialized: int, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No machine of the tests has one: its two functions stand in."""
    contexts: list[int] = []
    driver = SimpleNamespace(
        cuInit=lambda _: initialized, cuDevicePrimaryCtxRetain=lambda _, device: contexts.append(device)
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)
    thread = ahead.open_card()
    assert thread
    thread.join(10)
    assert contexts == asked


def test_without_a_driver_nothing_is_said(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def missing(_: str) -> None:
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", missing)
    thread = ahead.open_card()
    assert thread
    thread.join(10)
    assert capfd.readouterr() == ("", "")
