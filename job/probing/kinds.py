"""What all references have in common beyond their words: they are JSON, or one of a few texts, as labels and canned answers
are. Whoever asks for such answers has a program or a desk behind them, and an answer of another kind is of no use there."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

NEARLY_ALL = 0.95
"""Of the references: a label that stands once in the held-out rows is one all the same."""
FEWEST = 10
"""Questions with a reference. Of fewer, two equal texts may be chance."""
ROWS_A_TEXT = 5
"""Questions for each different text, at least, from which texts are a set to choose from. The quickstart's references, of which
many are asked for in several ways, have 1.2."""
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Kind:
    """Either texts or JSON."""

    texts: frozenset[str] = frozenset()
    """The labels, as `plain` writes them."""
    json: frozenset[type] = frozenset()
    """What the references are in JSON: objects, lists."""
    keys: frozenset[str] = frozenset()
    """Those that nearly all of the objects have."""

    def has(self, answer: str) -> bool:
        """Also for a wrong one of the kind."""
        if plain(answer) in self.texts:
            return True
        value = _parsed(answer)
        return type(value) in self.json and (not isinstance(value, dict) or self.keys <= value.keys())

    def same(self, reference: str, answer: str) -> bool:
        """Word for word, or the same value in JSON."""
        if self.json and (value := _parsed(answer)) is not None:
            return bool(value == _parsed(reference))
        return plain(answer) == plain(reference)


def kind_of(pairs: Iterable[tuple[str, str]]) -> Kind | None:
    """None where the references have none in common. `pairs`: questions and references; those without a reference, and a
    question that stands there again, say nothing."""
    references = list({plain(question): text for question, text in pairs if text.strip()}.values())
    if len(references) < FEWEST:
        return None
    values = [value for text in references if (value := _parsed(text)) is not None]
    if len(values) >= NEARLY_ALL * len(references):
        objects = [value for value in values if isinstance(value, dict)]
        keys = Counter(key for value in objects for key in value)
        common = frozenset(key for key, count in keys.items() if count >= NEARLY_ALL * len(objects))
        return Kind(json=frozenset(map(type, values)), keys=common)
    counts = Counter(map(plain, references))
    repeated = sum(count for count in counts.values() if count > 1)
    if len(counts) * ROWS_A_TEXT <= len(references) and repeated >= NEARLY_ALL * len(references):
        return Kind(texts=frozenset(counts))
    return None


def plain(text: str) -> str:
    """In small letters, without what stands around a label: blanks, quotes, a full stop."""
    bare = " ".join(text.casefold().split())
    return bare.strip(" .!\"'`*") or bare


def _parsed(text: str) -> Any:
    """An object or a list of JSON, also in a fence, or one a line, which is a list of them; None for what is none. A number is
    as good as any text."""
    fenced = _FENCE.fullmatch(text)
    bare = fenced[1] if fenced else text
    if (value := _value(bare)) is not None:
        return value
    lines = [line for line in bare.splitlines() if line.strip()]
    values = list(takewhile(lambda value: value is not None, map(_value, lines)))
    return values if values and len(values) == len(lines) else None


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None
