"""What stage 4 hands on: the forms of the tuned model beside the adapter, each with its agreement."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from job.results.result import Result


class Agreement(Result):
    """What a fresh process found that loaded a form as its users do, and read the tuned model's answers of the probe in it: for
    each token, whether this form would have said it too."""

    answers: int
    same_answers: int
    """Those of which it says every token."""
    tokens: int
    same_tokens: int
    least_share: float
    """Of the tokens; a form with fewer is refused."""
    least_update: float | None = None
    """Where weights are merged: the part of the adapter's update that the file holds, in the layer with the smallest, 1 being
    all of it."""
    greatest_update: float | None = None


class Form(Result):
    name: Literal["lora", "merged"]
    dtype: str
    """Of its weights."""
    bytes: int
    into: str = ""
    """The base's weights that the adapter was merged into: dequantized or unquantized; empty for lora."""
    no_template: str = ""
    """Why Ollama's Modelfile brings no template; empty where it does."""
    agreement: Agreement


class ExportedFile(Result):
    path: str


class Exported(Result):
    """Stage 4. merged/ may be moved away: nothing else needs it."""

    expendable: ClassVar[tuple[str, ...]] = ("merged_path",)
    forms: list[Form]
    lora_files: list[ExportedFile] = Field(default_factory=list)
    """What the export put into lora/; nothing else in that folder is published, nor makes it another one."""
    merged_path: str | None = None
