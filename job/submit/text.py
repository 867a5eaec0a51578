"""YAML, JSON, shell lines and dotenv. A string stays a string for every reader: `1e-4`, `true`, `0.1` and `:` are quoted."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from typing import Any

import yaml

BREAKS = re.compile("[\x85\u2028\u2029]")
"""Line breaks to readers of YAML 1.1, which rewrite or fold them unless they are escaped."""


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
    if not isinstance(value, str):
        return value
    if BREAKS.search(value) or value[:1] in tuple("0123456789+-.") or value.lower() in ("y", "n"):
        return _Quoted(value)
    return _Block(value) if "\n" in value else value


def as_json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def command(groups: Iterable[Iterable[str]]) -> str:
    """One shell command, a group of words per line. Words are quoted, except `Raw` ones, which the shell expands."""
    lines = (" ".join(word if isinstance(word, Raw) else shlex.quote(word) for word in group) for group in groups)
    return " \\\n  ".join(lines) + "\n"


PLAIN = re.compile(r"[\w./:,=@%+-]*", re.ASCII)


def as_dotenv(name: str, value: str) -> str:
    """`name=value` for huggingface_hub's reader of dotenv: ` #` begins a comment there, and quotes are no part of a value."""
    if PLAIN.fullmatch(value):
        return f"{name}={value}"
    if not re.search(r"['\\]", value):
        return f"{name}='{value}'"
    return f'{name}="' + re.sub(r'(["\\$])', r"\\\1", value) + '"'


class Raw(str):
    """A word that the shell expands; it brings its own quotes."""
