"""What all results share.

Numbers carry their unit in the name; a share lies in 0-1; paths are relative to the run folder, because volumes move.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")
    expendable: ClassVar[tuple[str, ...]] = ()
    """Fields whose files nothing but the report reads: without them a result still counts."""
    handed_on: ClassVar[tuple[str, ...]] = ()
    """Fields whose files the next stage alone reads: once that is done, the result counts without them."""


class Choice(Result):
    """An automatic choice and its reason."""

    value: str
    reason: str
