"""The scores of answers: one list, SCORES, from which the results, the log, the report and the model card follow.

They judge form, not truth. Those with a margin are guardrails of the verdict. Every detector was built by reading answers, and
says in its own words what it finds in answers that are right: loops.py, courtesies.py, copying.py, languages.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from job.cleaning.rules.text import units
from job.probing.copying import copies
from job.probing.courtesies import courtesies
from job.probing.ends import ends_badly
from job.probing.kinds import Kind
from job.probing.languages import keeps_language
from job.probing.loops import loops
from job.results import Scores

if TYPE_CHECKING:  # the report needs the words of scores, and not torch
    from job.modeling.generation import Answer

MARGIN = 0.10
"""Of the guardrails, all of which are shares: of ten answers one may be worse."""
TIMES_AS_LONG = 3
"""As the reference, or a third of it: from there an answer says much else, or next to nothing of what it should."""
SHORT_REFERENCE = 10
"""Words. Of a shorter one no answer is too short; and too long are those that would be for so many words."""
GOES_ON = 1.5
"""Times as many tokens as the reference, from which an answer that did not end is endless: it may have been on its way."""
SHORT_TOKENS = 15
"""Of a shorter reference: about as many as ten words have."""


@dataclass(frozen=True)
class Asked:
    """An answer, and what it answers."""

    question: str
    reference: str
    """Empty for a question without one."""
    answer: Answer
    reference_tokens: int
    said_elsewhere: bool | None = None
    """Whether it is, word for word, also the answer to questions about something else; None where that cannot be told."""
    language_kept: bool | None = None
    """Together with the other short answers of the model; None where that cannot be told, or not of this one."""
    kind: Kind | None = None
    """Of all references."""
    with_stop: bool = False
    """Whether all references that are sentences end in a full stop."""


@dataclass(frozen=True)
class Score:
    """A number for each answer; the mean over all answers to which it applies is the score of a model."""

    name: str
    """Used in metrics.json, in the stage's record and in the log."""
    words: str
    """Used in the tables of the report and of the model card."""
    unit: str
    """`share` (0-1, shown in percent), or what is counted."""
    better: Literal["higher", "lower", "neither"]
    of: Callable[[Asked], float | None]
    """None where it does not apply."""
    headline: str = ""
    """Its name among the figures at the top of the report; if empty, only the table shows it."""
    margin: float | None = None
    """How much worse than the base's the tuned model's mean may be, in the score's unit; None for what decides nothing."""
    unless: str = ""
    """Why it applies to no answer, where it is the data; said where it does not."""


# --- what an answer is -----------------------------------------------------------------------------------------------


def is_cut(asked: Asked) -> bool:
    """At the limit, which is below what the reference takes with its end: no fault of the model. In tokens, as the limit is:
    garbage has few words in many of them. A loop is not on its way to an end."""
    return not asked.answer.stopped and asked.answer.tokens <= asked.reference_tokens and not is_looping(asked)


def stops(asked: Asked) -> bool | None:
    """None for an answer that the limit cut on its way."""
    return None if is_cut(asked) else asked.answer.stopped


def is_empty(asked: Asked) -> bool:
    """No letter and no digit."""
    return not any(map(str.isalnum, asked.answer.text))


def is_looping(asked: Asked) -> bool | None:
    """None where the reference loops by the same rules, as a breathing exercise does or a table of products: it is wanted."""
    if not loops(asked.answer.text, stopped=asked.answer.stopped, reference=asked.reference):
        return False
    return None if asked.reference and loops(asked.reference, stopped=asked.answer.stopped) else True


def is_endless(asked: Asked) -> bool:
    """Not at its end where the reference is long over. Without a reference nothing says where that is: only a loop is endless
    then, and the share of answers that stop shows the rest."""
    if asked.answer.stopped:
        return False
    return bool(is_looping(asked)) or bool(
        asked.reference and asked.answer.tokens > GOES_ON * max(asked.reference_tokens, SHORT_TOKENS)
    )


def is_copied(asked: Asked) -> bool | None:
    return copies(asked.question, asked.reference, asked.answer.text)


def is_of_another_kind(asked: Asked) -> bool | None:
    """None where the references have no kind in common, for a question without one, and for an answer that the limit cut."""
    if not asked.kind or not asked.reference or is_cut(asked):
        return None
    return not asked.kind.has(asked.answer.text)


def is_right(asked: Asked) -> bool | None:
    """Exactly the reference; None as above: of answers in words it says nothing."""
    if not asked.kind or not asked.reference or is_cut(asked):
        return None
    return asked.kind.same(asked.reference, asked.answer.text)


def has_a_bad_end(asked: Asked) -> bool:
    answer = asked.answer
    return ends_badly(asked.question, asked.reference, answer.text, stopped=answer.stopped, with_stop=asked.with_stop)


def broken(asked: Asked) -> bool:
    """Whether nobody could use the answer. Asked of each model by itself: a base model in the wrong language, which says the
    same to everything, excuses no tuned one."""
    faults = (is_looping, is_copied, is_of_another_kind, has_a_bad_end)
    elsewhere = bool(asked.said_elsewhere) or is_in_the_language(asked) is False
    return is_empty(asked) or is_endless(asked) or elsewhere or any(fault(asked) for fault in faults)


def opens_with_filler(asked: Asked) -> bool | None:
    """None for an answer to which the rules do not apply, and where the reference has filler itself: whoever keeps it in the
    data wants it."""
    of_reference = courtesies(asked.question, asked.reference)
    found = courtesies(asked.question, asked.answer.text)
    return found.opens if found and not (of_reference and of_reference.opens) else None


def closes_with_filler(asked: Asked) -> bool | None:
    """None as above, and for an answer without its end."""
    if is_cut(asked):
        return None
    of_reference = courtesies(asked.question, asked.reference)
    found = courtesies(asked.question, asked.answer.text)
    return found.closes if found and not (of_reference and of_reference.closes) else None


def has_another_length(asked: Asked) -> bool | None:
    """More than three times as long as the reference, or less than a third of it; None without one, or if cut."""
    if not asked.reference or is_cut(asked):
        return None
    length, wanted = units(asked.answer.text), units(asked.reference)
    too_short = wanted >= SHORT_REFERENCE and length * TIMES_AS_LONG < wanted
    return too_short or length > TIMES_AS_LONG * max(wanted, SHORT_REFERENCE)


def is_in_the_language(asked: Asked) -> bool | None:
    own = keeps_language(asked.question, asked.reference, asked.answer.text)
    return asked.language_kept if own is None else own


def repetition(text: str) -> float:
    """Share of word 4-grams that stood earlier in the same text: 0 for prose, near 1 for a loop. `repeated_share` of cleaning,
    which decides about rows, gives 0 for short texts."""
    words = text.casefold().split()
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


# --- the list --------------------------------------------------------------------------------------------------------

NO_KIND = "the references are neither JSON nor a few texts"
SCORES: tuple[Score, ...] = (
    Score(
        "stopped_share",
        "stops by itself before the token limit",
        unit="share",
        better="higher",
        of=stops,
        headline="finished answers",
        margin=MARGIN,
    ),
    Score(
        "looping_share",
        "repeats itself in a loop, or lists without end",
        unit="share",
        better="lower",
        of=is_looping,
        margin=MARGIN,
    ),
    Score("empty_share", "is empty", unit="share", better="lower", of=is_empty, margin=MARGIN),
    Score(
        "bad_end_share",
        "breaks off, or goes on with turns of its own",
        unit="share",
        better="lower",
        of=has_a_bad_end,
        margin=MARGIN,
    ),
    Score("copied_share", "is copied from the question", unit="share", better="lower", of=is_copied, margin=MARGIN),
    Score(
        "same_answer_share",
        "is word for word the answer to other questions too",
        unit="share",
        better="lower",
        of=lambda asked: asked.said_elsewhere,
        margin=MARGIN,
    ),
    Score(
        "other_kind_share",
        "is no JSON, or none of the few texts that the references are",
        unit="share",
        better="lower",
        of=is_of_another_kind,
        margin=MARGIN,
        unless=NO_KIND,
    ),
    Score(
        "right_share",
        "is exactly the reference",
        unit="share",
        better="higher",
        of=is_right,
        headline="right answers",
        margin=MARGIN,
        unless=NO_KIND,
    ),
    Score(
        "opening_filler_share",
        "opens with filler",
        unit="share",
        better="lower",
        of=opens_with_filler,
        headline="filler openers",
        margin=MARGIN,
    ),
    Score(
        "closing_filler_share",
        "closes with filler",
        unit="share",
        better="lower",
        of=closes_with_filler,
        margin=MARGIN,
    ),
    Score(
        "other_length_share",
        "over three times as long as the reference, or under a third",
        unit="share",
        better="lower",
        of=has_another_length,
        margin=MARGIN,
    ),
    Score(
        "same_language_share",
        "keeps the language",
        unit="share",
        better="higher",
        of=is_in_the_language,
        margin=MARGIN,
    ),
    Score(
        "broken_share",
        "is of no use: empty, endless, looping, copied, broken off, the same for all, or of another kind or language",
        unit="share",
        better="lower",
        of=broken,  # no guardrail, since its parts are; the verdict asks whether most answers are broken
    ),
    Score(
        "repetition_share",
        "repeated phrases, share of the text",
        unit="share",
        better="lower",
        of=lambda asked: repetition(asked.answer.text),
    ),
    Score(
        "mean_tokens", "mean length in tokens", unit="tokens", better="neither", of=lambda asked: asked.answer.tokens
    ),
)


def scores_of(asked: Asked) -> dict[str, float]:
    """The scores of one answer by their names, without those that do not apply to it."""
    found = ((score.name, score.of(asked)) for score in SCORES)
    return {name: float(value) for name, value in found if value is not None}


def score(answers: Sequence[dict[str, float]]) -> Scores:
    """The number of answers, of which each has what `scores_of` gives, and the mean of every score over those to which it
    applies; without scores that apply to none."""
    means: Scores = {"answers": len(answers)}
    for one in SCORES:
        if values := [found[one.name] for found in answers if one.name in found]:
            means[one.name] = round(sum(values) / len(values), 4)
    return means
