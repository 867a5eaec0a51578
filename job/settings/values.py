"""Kinds of values that are more than a word or a number: lists, sources, text files, rule files, names on the Hub.

A file is checked here, since a wrong path should end a run before it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer
from pydantic_settings import NoDecode

from job.settings.files import absent, find_file, read_file
from job.settings.rule_file import parse as parse_rules
from job.settings.sources import HUB_ID, Source

SHOWN_RULES = 3
"""Wrong lines that are quoted: another file, such as one of rows, has thousands."""


def comma_list(value: object) -> object:
    """`a, b` as ("a", "b"); anything but text stays as it is."""
    return items_of(value) if isinstance(value, str) else value


def items_of(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _sources(value: object) -> object:
    parts = comma_list(value)
    if not isinstance(parts, tuple):
        return value
    sources: list[object] = []
    problems = []
    for part in parts:
        try:
            sources.append(Source.parse(part) if isinstance(part, str) else part)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(sources)


def _text_file(value: str) -> str:
    """The path must lead to a file that is UTF-8 text and not empty."""
    path = find_file(value)
    try:
        if value and not read_file(path).strip():
            raise ValueError(f"the file {path} is empty")
    except FileNotFoundError:
        raise ValueError(absent(path, "file")) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the file {path} cannot be read as UTF-8 text ({error})") from error
    return value


def _rule_file(value: str) -> str:
    if _text_file(value):
        problems = parse_rules(read_file(find_file(value)))[1]
        if problems:
            more = f"; and {len(problems) - SHOWN_RULES:,} more lines" if len(problems) > SHOWN_RULES else ""
            raise ValueError("; ".join(f"{find_file(value)} {problem}" for problem in problems[:SHOWN_RULES]) + more)
    return value


def _auto_or_from(least: int) -> Callable[[object], object]:
    """`auto`, or a whole number."""

    def check(value: object) -> object:
        text = str(value).strip()
        if text == "auto":
            return text
        if not text.isdecimal() or int(text) < least:
            raise ValueError(f"must be auto or a whole number from {least}, not '{text}'")
        return int(text)

    return check


def _hub_id(value: str) -> str:
    if value and not HUB_ID.fullmatch(value):
        raise ValueError(f"must be owner/name, not '{value}'")
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(comma_list)]
Sources = Annotated[
    tuple[Annotated[Source, PlainSerializer(str)], ...], NoDecode, BeforeValidator(_sources), Field(min_length=1)
]
TextFile = Annotated[str, AfterValidator(_text_file)]
AutoOr0 = Annotated[int | Literal["auto"], BeforeValidator(_auto_or_from(0))]
AutoOr1 = Annotated[int | Literal["auto"], BeforeValidator(_auto_or_from(1))]
RuleFile = Annotated[str, AfterValidator(_rule_file)]
HubId = Annotated[str, AfterValidator(_hub_id)]
