"""Keeps secrets out of everything that is written: logs, tracebacks, records, pages.

Knows the secrets of this run by value and Hub tokens by their shape.
"""

from __future__ import annotations

import re

TOKEN = re.compile(r"hf_[A-Za-z0-9]{20,}")
STARS = "**********"
_known: set[str] = set()


def hide(secret: str) -> None:
    """From now on `redact` replaces this value."""
    if len(secret) >= 4:  # shorter ones would star out half of every text
        _known.add(secret)


def redact(text: str) -> str:
    for secret in _known:
        text = text.replace(secret, STARS)
    return TOKEN.sub(STARS, text)
