"""Faults: requests that go wrong on purpose."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass
class Fault:
    match: re.Pattern[str]
    status: int | None
    times: int
    after: bool
    drop: bool
    sleep: float
    body: bytes | None = None
    """A lie: the answer with status 200, whatever was asked for."""
    pace: float = 0
    """Bytes a second of the answer; 0 sends it as fast as it goes."""


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.met = 0
        """Requests that have met a fault."""

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, line: str) -> Fault | None:
        """The fault for a request "METHOD /path", if one is left; it counts as used."""
        for fault in self._faults:
            if fault.times > 0 and fault.match.search(line):
                fault.times -= 1
                self.met += 1
                return fault
        return None
