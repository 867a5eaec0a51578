"""Env files, read by docker's own rules."""

from __future__ import annotations

import os
import re
from pathlib import Path

from job.errors import SettingsError
from job.settings.files import find_file, read_file


def read_env_file(path: Path) -> dict[str, str]:
    """`NAME=value` verbatim, `#` only at the start of a line, a bare NAME copies the caller's value.

    A relative path is also looked up in the project's own folder: the shipped files lie there in the image too.
    Raises SettingsError (64) with every wrong line, such as one that gives a name another value than a line above.
    """
    try:
        text = read_file(find_file(str(path)), "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"--env-file {path}: cannot be read ({error})"]) from error
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    problems = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r").lstrip(" \t")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name or re.search(r"[\s\0]", name):
            # nothing is quoted: any word of it may be a secret
            problems.append(
                f"{path} line {number}: no name stands alone before '='; a line is NAME=value, without spaces"
            )
        elif "\0" in value:
            problems.append(f"{path} line {number}: the value holds a zero byte, which no variable can")
        elif equals and values.get(name, value) != value:  # docker takes the last, kubectl none
            problems.append(f"{path} line {number}: line {lines[name]} gives it another value; keep one of them")
        elif equals:
            values[name] = value
            lines[name] = number
        elif name in os.environ:
            values[name] = os.environ[name]
    if problems:
        raise SettingsError(problems)
    return values


def fill_environment(path: Path | None) -> None:
    """With the file's values, where it sets nothing itself, as with docker, where -e wins over --env-file. Raises SettingsError
    (64)."""
    for name, value in (read_env_file(path) if path else {}).items():
        os.environ.setdefault(name, value)
