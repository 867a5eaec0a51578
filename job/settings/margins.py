"""The figures that have a margin, and how margins are written: `kl=0.5,closing_filler_share=off`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from job.settings.values import comma_list

SHARES = (
    *("stopped_share", "looping_share", "empty_share", "bad_end_share", "copied_share", "same_answer_share"),
    *(
        "opening_filler_share",
        "other_kind_share",
        "right_share",
        "closing_filler_share",
        "other_length_share",
        "same_language_share",
        "choices",
    ),
)
GUARDRAILS = (*SHARES, "kl")
"""Their defaults stand beside what measures them, in job/probing; settings load before any of that."""
OFF = "off"


def parse(values: tuple[str, ...]) -> dict[str, float | None]:
    """Name -> margin; None where it is off. Raises ValueError with all problems."""
    found: dict[str, float | None] = {}
    problems = []
    for value in values:
        name, _, margin = (part.strip() for part in value.partition("="))
        try:
            if name not in GUARDRAILS:
                raise ValueError(f"'{name}' has no margin; known are {', '.join(GUARDRAILS)}")
            if name in found:
                raise ValueError(f"{name} stands there twice")
            found[name] = None if margin == OFF else _number(name, margin)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return found


def _number(name: str, text: str) -> float:
    try:
        margin = float(text)
    except ValueError:
        margin = -1.0
    most = 1.0 if name in SHARES else 100.0
    if not 0 < margin < most:  # also NaN
        raise ValueError(f"{name} must be {OFF} or a number above 0 and below {most:.0f}, not '{text}'")
    return margin


def _valid(values: tuple[str, ...]) -> tuple[str, ...]:
    parse(values)
    return values


Margins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(comma_list), AfterValidator(_valid)]
