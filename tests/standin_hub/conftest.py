"""The stand-in Hub with three users, and the real client set up for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.standin_hub import StandInHub
from tests.standin_hub.clients import (
    TOKENS,
)


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with StandInHub(TOKENS) as running:
        yield running


@pytest.fixture(autouse=True)
def plain_transfers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What ``StandInHub.environment`` does for a child process, done for the client inside this one."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
