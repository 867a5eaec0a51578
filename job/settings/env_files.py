"""Env files, read by docker's own rules."""

from __future__ import annotations

import os
import re
from pathlib import Path

from job.errors import SettingsError
from job.settings.files import find_file, read_file

YAML_OR_SHELL = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)\s*[:=]")
"""`NAME: value`, `NAME = value` or `export NAME=value`."""


def read_env_file(path: Path) -> dict[str, str]:
    """`NAME=value` verbatim, `#` only at the start of a line, a bare NAME copies the caller's value.

    A relative path is also looked up in the project's own folder: the shipped files lie there in the image too.
    Raises SettingsError (64) with every wrong line.
    """
    try:
        text = read_file(find_file(str(path)), "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"--env-file {path}: cannot be read ({error})"]) from error
    values, problems = {}, []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r").lstrip(" \t")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name or re.search(r"[\s\0]", name):
            named = YAML_OR_SHELL.match(line)  # nothing else is quoted: it may be a secret
            wrong = f"{named[1]} does not stand alone before '='" if named else "no variable name stands before '='"
            problems.append(f"{path} line {number}: {wrong}; a line is NAME=value, without spaces")
        elif "\0" in value:
            problems.append(f"{path} line {number}: the value holds a zero byte, which no variable can")
        elif equals:
            values[name] = value
        elif name in os.environ:
            values[name] = os.environ[name]
    if problems:
        raise SettingsError(problems)
    return values
