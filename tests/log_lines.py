"""The form of the job's log lines: `stage=train step=100 loss=2.570`, perhaps with words behind a colon."""

from __future__ import annotations

import re

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")
VALUE = r"""('[^']*'|"[^"]*"|[^\s'"]\S*?)"""
LINE = re.compile(rf"(warning: |error: |critical: )?stage=[a-z]+( [A-Za-z_0-9]+={VALUE})*(: \S.*)?")


BEGINNING = re.compile(STAMP.pattern + r"(warning: |error: |critical: )?stage=[a-z]+ ")


def stands_alone(line: str) -> bool:
    """Whether it begins with time, level and stage, as each line of a longer message does too."""
    return bool(BEGINNING.match(line))


def ours(line: str) -> bool:
    stamp = STAMP.match(line)
    return bool(stamp and LINE.fullmatch(line[stamp.end() :]))
