"""Every variable in words, for --help and env/example.env."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from job.settings.fields import PREFIX, SECTIONS, Settings


class Variable(BaseModel):
    """One environment variable as --help and env/example.env show it."""

    name: str
    kind: str
    default: str
    bounds: str
    sentence: str
    required: bool = False


def variables() -> Iterator[Variable]:
    for section, model in SECTIONS.items():
        for field, info in model.model_fields.items():
            yield _variable(f"{PREFIX}{section}_{field}".upper(), info)
    for field, info in Settings.model_fields.items():
        if field not in SECTIONS:
            yield _variable(f"{PREFIX}{field}".upper(), info)


def _variable(name: str, info: FieldInfo) -> Variable:
    bounds = []
    for rule in info.metadata:
        for sign, key in ((">=", "ge"), (">", "gt"), ("<=", "le"), ("<", "lt")):
            if getattr(rule, key, None) is not None:
                bounds.append(f"{sign} {as_text(getattr(rule, key))}")
    kind, choices = _kind(info.annotation)
    default = "" if info.is_required() else as_text(info.default)
    return Variable(
        name=name,
        kind=kind,
        default=default,
        bounds=choices or ", ".join(bounds),
        sentence=info.description or "",
        required=info.is_required(),
    )


def _kind(annotation: Any) -> tuple[str, str]:
    """The type in a word, and the choices where it is one of a few."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "choice", "|".join(inner)
    if origin is tuple:
        return "list", _kind(inner[0])[1]
    if set(inner) == {int, Literal["auto"]}:
        return "auto or whole number", ""
    words = {int: "whole number", float: "number", bool: "true|false", str: "text", Path: "path"}
    return words.get(annotation, "text"), ""


def as_text(value: object) -> str:
    """A value as an env file holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def example_env() -> str:
    """The text of env/example.env: every variable at its default, in the form that all readers of env files share."""
    lines = [
        "# Every variable at its default. Copy the lines that you change into a file of your own.",
        "# Written by: python -m job.settings > env/example.env",
    ]
    for variable in variables():
        lines += ["", f"# {variable.sentence}"]
        limits = f" ({variable.bounds})" if variable.bounds else ""
        lines += [f"# {variable.kind}{limits}".replace("true|false", "true or false")]
        lines += [f"{variable.name}={'quickstart' if variable.required else variable.default}"]
    return "\n".join(lines) + "\n"
