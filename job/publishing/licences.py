"""Licences passed on: what the cards of base model and sources name, and the notice that a base's licence itself asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml
from huggingface_hub import metadata_load


@dataclass(frozen=True)
class Licence:
    """As the front matter of a card names it; empty where it names none or cannot be read."""

    id: str = ""
    """`mit`, `llama3.2`, or `other`, which comes with name and link."""
    name: str = ""
    link: str = ""

    @property
    def notice(self) -> str:
        """What the licence asks everybody to write who passes the model on; empty for most."""
        return next((terms.notice for terms in TERMS if self.id == terms.id), "")

    @property
    def name_begins(self) -> str:
        """What the licence asks the name of a model made from it to begin with."""
        return next((terms.name_begins for terms in TERMS if self.id == terms.id), "")


@dataclass(frozen=True)
class Terms:
    id: str
    notice: str
    name_begins: str = ""


def _llama(version: str, built_with: str, name_begins: str, family: str = "Llama") -> Terms:
    return Terms(
        f"llama{version}",
        f"{built_with}. {family} {version} is licensed under the {family} {version} Community License, Copyright © Meta "
        "Platforms, Inc. All Rights Reserved.",
        name_begins,
    )


TERMS: tuple[Terms, ...] = (
    _llama("3.3", "Built with Llama", "Llama"),
    _llama("3.2", "Built with Llama", "Llama"),
    _llama("3.1", "Built with Llama", "Llama"),
    _llama("3", "Built with Meta Llama 3", "Llama 3", family="Meta Llama"),
    _llama("4", "Built with Llama", "Llama"),
    Terms(
        "llama2",
        "Llama 2 is licensed under the LLAMA 2 Community License, Copyright (c) Meta Platforms, Inc. All Rights Reserved.",
    ),
    Terms(
        "gemma",
        "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms.",
    ),
)
"""Licences with a notice of their own, from their texts: the Llama licences' section 1.b, the Gemma terms' section 3.1."""


def licence_of(readme: Path) -> Licence:
    """What the front matter of a card names. Cards of data sets may have a list: one of one entry counts, of several none."""
    try:
        data = metadata_load(readme) or {}
    except (OSError, ValueError, yaml.YAMLError):
        return Licence()
    if not isinstance(data, dict):
        return Licence()
    single = {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in data.items()}
    texts = {key: value for key, value in single.items() if isinstance(value, str)}
    return Licence(texts.get("license", ""), texts.get("license_name", ""), texts.get("license_link", ""))
