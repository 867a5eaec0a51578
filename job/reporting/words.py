"""What the report calls the rules of cleaning, and what it says each of them does."""

from __future__ import annotations

OWN = "own:"
"""Before the names of the user's own rules."""
CONTACT_RULES = frozenset({"email", "link", "phone", "signature", "own_name"})
"""Counted and never quoted: the page shows no example of them even where a result has one."""
RULE_WORDS = {
    "empty": "question or answer is empty",
    "enormous": "too long to be a row of text",
    "binary": "binary data instead of text",
    "repair": "escapes, broken encoding, odd blanks and line ends put right",
    "placeholder": "a forum's note in place of an attachment",
    "wiki_markup_cut": "wiki markup taken out, its words kept",
    "opening": "greetings and thanks at the beginning",
    "closing": "good wishes and sign-offs at the end",
    "cut_off_end": "a last sentence that breaks off",
    "courtesy_inside": "sentences of pure courtesy in the middle",
    "hole": "sentences around a brand name",
    "capital": "a capital for the first letter after a cut",
    "email": "e-mail addresses",
    "link": "links",
    "phone": "phone numbers",
    "signature": "signatures",
    "own_name": "people's own names",
    "nothing_but_boilerplate": "the cuts left nothing",
    "holes": "too much went with brand names",
    "unstable": "cutting came to no end",
    "wiki_markup": "wiki markup that cannot be taken apart",
    "cut_off": "the answer breaks off",
    "repetitive": "the answer runs in circles",
    "other_language": "in none of FINETUNE_DATA_LANGUAGES",
    "short_answer": "fewer words than FINETUNE_DATA_MIN_ANSWER_WORDS",
    "too_many_words": "more words than FINETUNE_DATA_MAX_WORDS",
}
"""What a rule takes, or why it drops a row; one that is not named here stands by its name alone."""


def readable(name: str) -> str:
    """`short_answer` as a person writes it; `own:price_list` keeps the name that the user gave it."""
    return f"own rule {name.removeprefix(OWN)}" if name.startswith(OWN) else name.replace("_", " ")


def rule_words(name: str) -> str:
    """What this rule does; empty where nothing is known but its name."""
    return "from FINETUNE_DATA_RULES_FILE" if name.startswith(OWN) else RULE_WORDS.get(name, "")


def is_quoted(name: str) -> bool:
    """Whether the page may show examples of what this rule took out."""
    return name not in CONTACT_RULES
