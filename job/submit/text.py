"""YAML, JSON and shell lines. A string stays a string for every reader: `1e-4`, `true`, `0.1` and `:` are quoted."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any

import yaml


class _Quoted(str):
    """Written in quotes."""


class _Block(str):
    """Written line by line after `|`."""


yaml.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'), yaml.SafeDumper
)
yaml.add_representer(
    _Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"), yaml.SafeDumper
)


def as_yaml(*documents: Any) -> str:
    return str(
        yaml.safe_dump_all(
            [_careful(document) for document in documents], sort_keys=False, width=2**31, allow_unicode=True
        )
    )


def _careful(value: Any) -> Any:
    """Quote strings that PyYAML writes plain and other readers misread: Go's take `1e-4` for a number and `y` for true."""
    if isinstance(value, dict):
        return {key: _careful(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_careful(item) for item in value]
    if isinstance(value, str) and "\n" in value:
        return _Block(value)
    if isinstance(value, str) and (value[:1] in tuple("0123456789+-.") or value.lower() in ("y", "n")):
        return _Quoted(value)
    return value


def as_json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def command(groups: Iterable[Iterable[str]]) -> str:
    """One shell command, a group of words per line. Words are quoted, except `Raw` ones, which the shell expands."""
    lines = (" ".join(word if isinstance(word, Raw) else shlex.quote(word) for word in group) for group in groups)
    return " \\\n  ".join(lines) + "\n"


class Raw(str):
    """A word that the shell expands; it brings its own quotes."""
