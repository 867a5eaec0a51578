"""Numbers as people read them, in the report and on the cards: `438`, `< 0.1 %`, `−96 %`, `554.4 kB`, `1 min 12 s`."""

from __future__ import annotations

import math
from datetime import UTC, datetime

NO_BREAK = "\u00a0"
MINUS = "\u2212"


def count(value: float) -> str:
    return f"{value:,.0f}"


def share(value: float) -> str:
    """`12 %`. A few are never shown as none, nor almost all as all."""
    if not math.isfinite(value):
        return "–"
    if 0 < value < 0.0005:
        return f"<{NO_BREAK}0.1{NO_BREAK}%"
    if 0.9995 < value < 1:
        return f">{NO_BREAK}99.9{NO_BREAK}%"
    percent = f"{value * 100:.0f}" if value in (0, 1) or 0.0995 <= value < 0.995 else f"{value * 100:.1f}"
    return f"{percent}{NO_BREAK}%"


def signed(value: float, unit: str = "") -> str:
    """`−38`, `+4`, `±0`, with a real minus sign: a hyphen is easily overlooked."""
    if not math.isfinite(value):
        return "–"
    rounded = round(value)
    sign = "±" if rounded == 0 else "+" if rounded > 0 else MINUS
    return f"{sign}{abs(rounded):,}{NO_BREAK + unit if unit else ''}"


def points(change: float) -> str:
    """A difference of two shares, in percentage points."""
    if abs(change) < 0.0005:
        return f"±0{NO_BREAK}points"
    if abs(change) < 0.0995:
        return f"{'+' if change > 0 else MINUS}{abs(change) * 100:.1f}{NO_BREAK}points"
    return signed(change * 100, "points")


def loss_text(value: float) -> str:
    if not math.isfinite(value):
        return "not a number"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def size(value: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if value < 999.95:
            return f"{value:,.0f}{NO_BREAK}{unit}" if unit == "bytes" else f"{value:.1f}{NO_BREAK}{unit}"
        value /= 1000
    return f"{value:,.2f}{NO_BREAK}GB"


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f}{NO_BREAK}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours:,}{NO_BREAK}h {minutes_left}{NO_BREAK}min"
    return f"{minutes}{NO_BREAK}min {rest}{NO_BREAK}s"


def moment(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return text
