"""The one progress bar, on a terminal: drawn by the process that watches, which also writes every line that appears there.

Libraries draw none: their bars know nothing of each other, nor of the log's lines.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time

from job.runs import progress

CELLS = 24
CLEAR = "\r\x1b[K"


class Bar:
    """Stands on the last line of the terminal while it is shown."""

    def __init__(self) -> None:
        self.on = False
        self.at_line_start = True
        """Whether the last text on the terminal ended its line."""
        self._shown = ""
        self._stage = ""
        self._began = 0.0
        self._counts = progress.counts()
        self._unit: progress.Unit | None = None
        self._goal: tuple[float, int] | None = None
        """When the steps were first seen, and how many were done by then."""

    def start(self, *, terminal: bool) -> None:
        self.on = terminal

    def hide(self) -> None:
        if self._shown:
            self._shown = ""
            self._write(CLEAR)

    def show(self, stage: str) -> None:
        if not self.on or not self.at_line_start:
            return
        text = self.text(stage, time.monotonic())[: shutil.get_terminal_size().columns - 1]
        if text != self._shown:
            self._write(CLEAR + text)
            self._shown = text

    def text(self, stage: str, now: float) -> str:
        """`now`: in seconds, as the clock of this process has it."""
        counts = progress.counts()
        if stage != self._stage:
            self._stage, self._began, self._unit, self._goal, self._counts = stage, now, None, None, counts
        moved = [unit for unit in progress.UNITS if counts[unit] != self._counts[unit]]
        done, total = progress.goal()
        if total:
            return f"{stage}  {self._steps(done, total, now)}"
        self._unit = self._unit if self._unit in moved else next(iter(moved), None)
        amount = f"  {_amount(self._unit, counts[self._unit] - self._counts[self._unit])}" if self._unit else ""
        return f"{stage}{amount}  {_clock(now - self._began)}"

    def _steps(self, done: int, total: int, now: float) -> str:
        self._goal = self._goal or (now, done)
        since, before = self._goal
        left = f"  {_clock((now - since) / (done - before) * (total - done))} left" if done > before else ""
        filled = CELLS * done // total
        return f"[{'#' * filled}{'.' * (CELLS - filled)}]  step {done:,} of {total:,}, {done / total:.0%}{left}"

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(2, text.encode())


def _amount(unit: progress.Unit, count: int) -> str:
    if unit == "bytes":
        return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
    return f"{count:,} {unit}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


BAR = Bar()
"""There is one terminal."""
