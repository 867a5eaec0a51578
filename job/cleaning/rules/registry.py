"""Every rule and every other reason to drop a row, in the order in which they run.

Everything else follows from these two tuples: what runs, what the result and the report list and in which order, the hints, and
the hash of the rule set. A new rule is a function in a family's file and one entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from job.cleaning.rules import brands, contacts, forum, glued, names, numbers, shape, text, wiki
from job.cleaning.rules.rule import BOTH, LEAST_WORDS, MOST_WORDS, Rule

if TYPE_CHECKING:
    from job.settings.fields import DataSettings

OWN = "own:"
"""Prefix of the names of the user's rules, in counts and reasons."""
COLUMNS = "the columns (FINETUNE_DATA_QUESTION_COLUMN, FINETUNE_DATA_ANSWER_COLUMN)"
FILES = "format and encoding of the files in FINETUNE_DATA_SOURCES"

RULES: tuple[Rule, ...] = (
    # The row as it came; `empty` again when it is clean.
    Rule("empty", "question or answer is empty", "always", ("check", "judge"), drop=shape.empty, hint=COLUMNS),
    Rule("enormous", "too long to be a row of text", "always", ("check",), drop=shape.enormous),
    Rule("binary", "binary data instead of text", "always", ("check",), drop=shape.binary),
    # Until nothing changes: some remains show only once scrubbed sentences and boilerplate are gone.
    Rule(
        "repair",
        "broken encoding, line ends and control characters repaired",
        "repair",
        ("decode",),
        cut=lambda field: text.repair(field.text),
        fields=BOTH,
    ),
    Rule(
        "escapes",
        "escaped letters and line breaks, backslashes for apostrophes",
        "escapes",
        ("repair",),
        cut=lambda field: text.unescaped(field.text),
        fields=BOTH,
    ),
    Rule(
        "spaces",
        "odd, double and trailing spaces and unseen characters in prose",
        "prose",
        ("repair",),
        cut=lambda field: text.respaced(field.text),
        fields=BOTH,
    ),
    Rule(
        "wiki_markup_cut",
        "wiki markup removed, its words kept",
        "wiki",
        ("markup",),
        cut=wiki.markup_cut,
        sign=wiki.may_have_markup,
    ),
    Rule(
        "placeholder",
        "a forum's note in place of an attachment",
        "qa-forum",
        ("markup",),
        cut=forum.placeholder,
        fields=BOTH,
    ),
    Rule(
        "brand_name",
        "brand names, in any spelling, as one word",
        "qa-forum",
        ("markup",),
        cut=brands.brand_name,
        counts_as="repair",
    ),
    Rule(
        "lost_blank",
        "spaces that were lost after a greeting or thanks",
        "qa-forum",
        ("blanks",),
        cut=glued.lost_blank,
        sign=glued.may_lack_a_blank,
        counts_as="repair",
    ),
    Rule(
        "scrubbed_word",
        "words completed that a brand name had replaced",
        "qa-forum",
        ("blanks", "ending"),  # before the opening, which would take "It is a with <brand>", and once that has gone
        cut=brands.scrubbed_word,
    ),
    Rule(
        "opening",
        "greetings and thanks at the beginning",
        "qa-forum",
        ("beginning",),
        cut=forum.opening,
        again=True,
    ),
    Rule("closing", "good wishes and sign-offs at the end", "qa-forum", ("ending",), cut=forum.closing),
    Rule(
        "cut_off_end",
        "a last sentence that breaks off",
        "qa-forum",
        ("ending",),
        cut=forum.cut_off_end,
        again=True,
    ),
    Rule(
        "boilerplate_inside",
        "sentences of pure boilerplate in the middle",
        "qa-forum",
        ("inside",),
        cut=forum.boilerplate_inside,
    ),
    Rule(
        "scrubbed_sentence",
        "what a brand name spoilt; clauses that stand by themselves stay",
        "qa-forum",
        ("inside",),
        cut=brands.scrubbed_sentence,
        fields=BOTH,
    ),
    Rule(
        "mostly_scrubbed",
        "too much was removed with brand names",
        "qa-forum",
        ("inside",),
        drop=brands.mostly_scrubbed,
        after=("scrubbed_sentence",),
        hint="FINETUNE_DATA_BRANDS",
    ),
    Rule(
        "capital",
        "first letter capitalized after a cut",
        "qa-forum",
        ("beginning", "inside"),
        cut=lambda field: text.capital(field.text),
        after=("opening", "scrubbed_sentence"),
    ),
    Rule(OWN, "from FINETUNE_DATA_RULES_FILE", "own", ("inside",), hint="FINETUNE_DATA_RULES_FILE"),  # see own.py
    Rule(
        "email",
        "e-mail addresses",
        "contacts",
        ("contacts",),
        cut=contacts.email,
        fields=BOTH,
        sign=contacts.may_hold_an_address,
        private=True,
    ),
    Rule(
        "link",
        "links to a person",
        "contacts",
        ("contacts",),
        cut=contacts.link,
        fields=BOTH,
        sign=contacts.may_hold_an_address,
        private=True,
    ),
    Rule(
        "card",
        "payment cards",
        "contacts",
        ("contacts",),
        cut=contacts.card,
        fields=BOTH,
        sign=numbers.may_hold_a_number,
        private=True,
    ),
    Rule(
        "iban",
        "bank accounts",
        "contacts",
        ("contacts",),
        cut=contacts.iban,
        fields=BOTH,
        sign=numbers.may_hold_a_number,
        private=True,
    ),
    Rule(
        "ssn",
        "US social security numbers",
        "contacts",
        ("contacts",),
        cut=contacts.ssn,
        fields=BOTH,
        sign=numbers.may_hold_a_number,
        private=True,
    ),
    Rule(
        "phone",
        "phone numbers",
        "contacts",
        ("contacts",),
        cut=contacts.phone,
        fields=BOTH,
        sign=numbers.may_hold_a_number,
        private=True,
    ),
    Rule("signature", "signatures", "contacts", ("contacts",), cut=contacts.signature, fields=BOTH, private=True),
    Rule(
        "own_name",
        "people's own names",
        "contacts",
        ("contacts",),
        cut=contacts.own_name,
        fields=BOTH,
        sign=names.may_hold_a_name,
        private=True,
    ),
    Rule(
        "greeted_name",
        "names in greetings",
        "contacts",
        ("contacts",),
        cut=contacts.greeted_name,
        fields=BOTH,
        private=True,
    ),
    Rule(
        "nothing_but_boilerplate",
        "nothing is left after the cuts",
        "repair",
        ("repair",),
        drop=lambda row: not row.answer.text,
    ),
    # The clean row.
    Rule(
        "unstable",
        "cutting never reached an end",
        "repair",
        ("judge",),
        drop=lambda row: not (row.answer.settled and row.question.settled),
    ),
    Rule("wiki_markup", "wiki markup that cannot be removed", "wiki", ("judge",), drop=wiki.markup_left),
    Rule("cut_off", "the answer breaks off", "qa-forum", ("judge",), drop=forum.cut_off),
    Rule(
        "short_answer",
        "fewer words than FINETUNE_DATA_MIN_ANSWER_WORDS",
        "shape",
        ("judge",),
        drop=shape.short_answer,
        hint="FINETUNE_DATA_MIN_ANSWER_WORDS ({least})",
    ),
    Rule(
        "too_many_words",
        "more words than FINETUNE_DATA_MAX_WORDS",
        "shape",
        ("judge",),
        drop=shape.too_many_words,
        hint="FINETUNE_DATA_MAX_WORDS ({most})",
    ),
    Rule("repetitive", "the answer repeats itself", "shape", ("judge",), drop=shape.repetitive),
    Rule(
        "other_language",
        "in none of FINETUNE_DATA_LANGUAGES",
        "shape",
        ("judge",),
        drop=shape.other_language,
        hint="FINETUNE_DATA_LANGUAGES",
    ),
)


@dataclass(frozen=True)
class Reason:
    """Why a row is dropped by no rule: it cannot be read, it has too many tokens, or the decision needs all rows."""

    name: str
    words: str
    when: Literal["reading", "counting", "deciding"]
    hint: str = "FINETUNE_DATA_CLEANING"


DROP_REASONS: tuple[Reason, ...] = (
    # Before the rules.
    Reason("bad_json", "a line that is not a JSON object", "reading", FILES),
    Reason("ragged", "a line with more or fewer fields than the header", "reading", FILES),
    Reason("repeated_header", "a line that is the header again", "reading", FILES),
    Reason("not_text", "question or answer is not text", "reading", COLUMNS),
    Reason("broken_utf8", "characters that are broken in the encoding of the file", "reading", FILES),
    Reason("media", "a turn holds a picture, sound or a file", "reading"),
    Reason("unknown_role", "a turn has a role that is unknown", "reading"),
    # After them.
    Reason(
        "too_many_tokens",
        "more tokens than FINETUNE_TRAIN_MAX_TOKENS",
        "counting",
        "FINETUNE_TRAIN_MAX_TOKENS ({max_tokens})",
    ),
    Reason("nothing_to_learn", "every answer has weight 0", "counting", "the weights in FINETUNE_DATA_SOURCES"),
    Reason("not_rendered", "the chat template refuses its turns", "counting", "FINETUNE_MODEL_CHAT_TEMPLATE_FILE"),
    Reason("duplicate", "the same words as an earlier row", "deciding"),
    Reason("near_duplicate", "nearly the same words as an earlier row", "deciding", "FINETUNE_DATA_NEAR_DUPLICATES"),
    Reason(
        "list_over_share",
        "a list beyond FINETUNE_DATA_MAX_LIST_SHARE",
        "deciding",
        "FINETUNE_DATA_MAX_LIST_SHARE ({data.max_list_share:g})",
    ),
    Reason(
        "not_sampled",
        "not drawn for the sample",
        "deciding",
        "the row counts in FINETUNE_DATA_SOURCES and FINETUNE_DATA_MAX_ROWS",
    ),
)


@dataclass(frozen=True)
class Note:
    """What was done to turns of conversations whose row may well be kept."""

    name: str
    words: str


NOTES: tuple[Note, ...] = (
    # When they were read.
    Note("system_moved", "system turns moved to the front"),
    Note("turns_merged", "turns joined to the one before them, of the same role"),
    Note("turn_before_user", "turns before the first of the user left out"),
    Note("unanswered", "turns after the last answer left out"),
    Note("weight_ignored", "turns with a weight other than 0 and 1, which is ignored"),
    # By the rules, and by the limit of tokens.
    Note("turns_cut", "turns cut at an end, in exchanges that a rule drops"),
    Note(
        "turns_over_limit",
        "turns cut over FINETUNE_TRAIN_MAX_TOKENS: at the front, or in exchanges too long for any part",
    ),
    Note("split_over_limit", "conversations split into parts, over FINETUNE_TRAIN_MAX_TOKENS"),
    # By the mask.
    Note("not_learned", "answers of weight 0, which are context and not trained on"),
    Note("learned_as_text", "answers of weight 0, which FINETUNE_TRAIN_LOSS_ON=text trains on like all else"),
    # By the chat template.
    Note("tools_left_out", "conversations without their list of tools, which the chat template does not take"),
    Note("calls_as_text", "conversations with calls of tools as plain text, for which the chat template has no role"),
    Note("reasoning_left_out", "conversations without their reasoning, which the chat template does not show"),
    Note("row_per_answer", "conversations in one row per answer: the chat template writes earlier turns differently"),
)


def hint(reason: str, data: DataSettings, max_tokens: int) -> str:
    """Where to look when most rows go for this reason, with the limit that dropped them."""
    name = OWN if reason.startswith(OWN) else reason
    entries: tuple[Rule | Reason, ...] = (*RULES, *DROP_REASONS)
    found = next(entry.hint for entry in entries if entry.name == name)
    least, most = (
        f"{limit}, since FINETUNE_DATA_CLEANING names a pack for prose" if words == "auto" else f"{words}"
        for words, limit in ((data.min_answer_words, LEAST_WORDS), (data.max_words, MOST_WORDS))
    )
    return found.format(data=data, max_tokens=max_tokens, least=least, most=most)


def few_turns_left(before: int, after: int, notes: Mapping[str, int], exchanges: Mapping[str, int]) -> str:
    """What to say where conversations that are kept lose more than a tenth of their turns; else empty. `exchanges`: how many
    each rule cuts."""
    if after >= 0.9 * before:
        return ""
    over_limit = notes.get("turns_over_limit", 0) >= notes.get("turns_cut", 0)
    most = ", ".join(f"{name} {exchanges[name]:,}" for name in sorted(exchanges, key=lambda name: -exchanges[name])[:4])
    look_at = (
        "most over FINETUNE_TRAIN_MAX_TOKENS: a higher limit keeps them and costs memory, FINETUNE_DATA_LONG_CHATS=split keeps "
        "them as texts of their own"
        if over_limit
        else f"most cut by rules, in exchanges: {most}; see these rules' examples, and FINETUNE_DATA_CLEANING"
    )
    return f"conversations lose {before - after:,} of {before:,} turns, {look_at}"
