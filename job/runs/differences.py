"""How the inputs of two starts differ, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def difference(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """`train.learning_rate: 0.0002 -> 0.001`, one sentence per field that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from difference(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif old != new:
        yield f"{name}: {_short(old)} -> {_short(new)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
