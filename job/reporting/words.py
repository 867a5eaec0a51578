"""How the report names a cleaning rule or another reason to drop a row. The registry of rules says what each does."""

from __future__ import annotations

from job.cleaning.rules import registry
from job.cleaning.rules.rule import Rule


def readable(name: str) -> str:
    """`short_answer` as a person writes it; `own:price_list` keeps the name that the user gave it."""
    own = name.startswith(registry.OWN)
    return f"own rule {name.removeprefix(registry.OWN)}" if own else name.replace("_", " ")


def rule_words(name: str) -> str:
    """What this rule does; empty if nothing is known but its name."""
    key = registry.OWN if name.startswith(registry.OWN) else name
    entries: tuple[Rule | registry.Reason, ...] = (*registry.RULES, *registry.DROP_REASONS)
    return next((entry.words for entry in entries if entry.name == key), "")


def note_words(name: str) -> str:
    """What was done to turns of conversations; the name itself if nothing is known but that."""
    return next((note.words for note in registry.NOTES if note.name == name), readable(name))


def is_quoted(name: str) -> bool:
    """Whether the page may show examples of what this rule took out: never of contact data, even where a result has one."""
    return not any(rule.private for rule in registry.RULES if rule.name == name)
