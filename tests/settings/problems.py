"""What is wrong with some settings, as the tests of this room ask for it."""

from __future__ import annotations

import pytest

from job.errors import SettingsError
from job.settings.loading import load_settings


def problems(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[str]:
    for name, value in values.items():
        monkeypatch.setenv(f"FINETUNE_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return list(caught.value.problems)
