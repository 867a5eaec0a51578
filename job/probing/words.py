"""The verdict's figures as sentences."""

from __future__ import annotations

from collections.abc import Sequence

from job.probing.scores import SCORES
from job.results import Estimate, Guardrail, Verdict

WORSE = "The tuned model is worse than the base model and should not be used: {}."
NO_BETTER = "The tuned model is no better than the base model: {}."
IN_FULL = 3
GENERAL = ("kl", "choices")
"""Figures of the general questions, whatever the data."""
GENERAL_STAYS = (
    "More rows do not change the general questions: gentler training, or a wider margin for them in FINETUNE_PROBE_MARGINS, "
    "would."
)
GUESSES = (
    "It has learned which texts there are, and not which of them belongs to which question: longer training, or more rows of "
    "each, would teach that."
)
STATES = {"passed": "no harm as large as the margin", "undecided": "undecided", "violated": "harm"}


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def loss_text(gain: Estimate, least: float) -> str:
    share = 100 * gain.difference / gain.base if gain.base else 0.0
    return (
        f"Loss per answer token {gain.base:.3f} → {gain.tuned:.3f} ({share:+.1f} %): a change of {gain.difference:+.3f} on "
        f"{count(gain.rows, 'row')} (95 % interval {gain.low:+.3f} to {gain.high:+.3f}; {-least:+.3f} would count as better)."
    )


def guardrail_text(one: Guardrail) -> str:
    unit, scale, digits = ("", 1.0, 3) if one.name == "kl" else (" points", 100.0, 1)
    base, tuned = (f"{value:.3f}" if one.name == "kl" else f"{100 * value:.0f} %" for value in (one.base, one.tuned))
    low, high = (f"{scale * end:+.{digits}f}" for end in (one.low, one.high))
    margin = scale * one.margin * (1 if one.harm == "higher" else -1)
    return (
        f"{one.name}: {base} → {tuned} on {count(one.rows, 'row')}, a change of "
        f"{scale * one.difference:+.{digits}f}{unit} (95 % interval {low} to {high}, margin {margin:+g}): {STATES[one.state]}."
    )


def undecided_texts(guardrails: Sequence[Guardrail]) -> list[str]:
    """The first ones in full: in a small sample it is all of them, and they read alike."""
    texts = [guardrail_text(one) for one in guardrails[:IN_FULL]]
    if rest := guardrails[IN_FULL:]:
        texts.append(f"Undecided too: {', '.join(one.name for one in rest)}.")
    return texts


def checked_text(names: Sequence[str]) -> str:
    """The end of the sentence of `better`: what was checked besides the loss, and what was not."""
    answers, knowledge = any(name not in GENERAL for name in names), any(name in GENERAL for name in names)
    if answers and knowledge:
        return "and no check of the form of its answers or of its knowledge found harm."
    if answers:
        return "and no check of the form of its answers found harm; whether it forgot what the base model knew was not checked."
    if knowledge:
        return "and no check of its knowledge found harm; the form of its answers was not checked."
    return "the only thing checked."


def open_texts(undecided: Sequence[Guardrail], checks: int) -> list[str]:
    """What answers leave open, and what the general questions do, of which there are always as many."""
    texts = []
    for general, noun in ((False, "answer"), (True, "general question")):
        if some := [one for one in undecided if (one.name in GENERAL) == general]:
            rows = max(one.rows for one in some)
            verb = "does" if rows == 1 else "do"
            texts.append(f"{count(rows, noun)} {verb} not exclude harm in {count(len(some), 'check')} of {checks}")
    return texts


def one_text(alike: int, references: int) -> str:
    return (
        f"{alike:,} of {count(references, 'reference')} are one and the same text: this says whether the model writes that "
        "text, and nothing of other answers."
    )


def guess_text(right: Guardrail, commonest: float) -> str:
    return (
        f"{100 * right.tuned:.0f} % of its {right.rows:,} answers are right, and always the commonest reference would be in "
        f"{100 * commonest:.0f} %"
    )


def cut_text(cut: int, limit: int) -> str:
    return (
        f"FINETUNE_PROBE_MAX_NEW_TOKENS ({limit:,}) cut {count(cut, 'answer')} short of the reference's length in tokens, so "
        f"whether {'it' if cut == 1 else 'they'} would have ended is not known"
    )


def harm_text(one: Guardrail, others: int) -> str:
    """For somebody who knows none of these words."""
    if one.name == "kl":
        text = f"it has changed where the data teaches nothing (a distance of {one.tuned:.2f} on general text)"
    elif one.name == "choices":
        text = f"it answers {100 * one.tuned:.0f} % of general questions right, the base model {100 * one.base:.0f} %"
    else:
        words = next((score.words for score in SCORES if score.name == one.name), one.name)
        text = f"an answer {words} in {100 * one.tuned:.0f} % of cases, the base model's in {100 * one.base:.0f} %"
    return text + (f"; {count(others, 'other check')} failed too" if others else "")


def broken_text(rows: int, base: float, tuned: float) -> str:
    return (
        f"{100 * tuned:.0f} % of its {rows:,} answers are of no use: empty, endless, looping, copied, broken off, the same for "
        f"all, or of another kind or language than the references (base model: {100 * base:.0f} %)"
    )


def with_leak(verdict: Verdict, rows: int) -> Verdict:
    """`rows`: held-out rows that training knows, since the split could not keep them apart."""
    if not rows:
        return verdict
    known = f"{count(rows, 'held-out row')} {'has' if rows == 1 else 'have'} the question or the text of training rows"
    return verdict.model_copy(
        update={"reasons": [*verdict.reasons, f"{known}: the loss there may be learned by heart."]}
    )
