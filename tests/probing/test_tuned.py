"""One base in memory is all the models that are asked."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from job.probing import tuned as module
from job.probing.tuned import Tuned


def test_an_adapter_is_read_when_another_one_was_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(module, "load_lora_tensors", lambda _, path: read.append(path.name))
    model: Any = SimpleNamespace(disable_adapter=nullcontext)
    tuned = Tuned(model)
    models = tuned.models({"10": Path("a"), "20": Path("b")})
    assert list(models) == ["base", "10", "20"]
    for name in ("10", "10", "base", "10", "20", "10"):
        with models[name]():
            pass
    assert read == ["a", "b", "a"]
