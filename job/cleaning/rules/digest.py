"""The hash of a rule set: it changes with the options, with an entry of the registry, and with any file of this folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from job.cleaning.rules import registry
from job.cleaning.rules.rule import Rules


def digest(*options: Rules, folder: Path = Path(__file__).parent) -> str:
    found = hashlib.sha256(repr(options).encode("utf-8"))
    for rule in registry.RULES:  # functions by their names, since an address is another one in each process
        values = [value.__qualname__ if callable(value) else value for value in vars(rule).values()]
        found.update(repr(values).encode("utf-8"))
    for path in sorted(folder.glob("*.py")):
        found.update(path.name.encode("utf-8"))
        found.update(path.read_bytes())
    return found.hexdigest()
