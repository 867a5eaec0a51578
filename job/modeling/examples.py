"""A row as training takes it: texts in pieces, and their tokens with the places of the answers. Knows no chat template."""

from __future__ import annotations

from dataclasses import dataclass

Example = list[tuple[str, bool]]
"""A text to train on, in pieces: each with whether it is an answer with its end of turn."""


@dataclass(frozen=True)
class Tokens:
    """A training row. `answers`: (begin, end) of each answer with its end-of-turn token, from left to right."""

    ids: list[int]
    answers: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Length:
    """Tokens of a row, whether it is trained on as one text or as several."""

    total: int
    answers: int
    longest: int
    """Of its longest text."""
    texts: int = 1


def tokens_of(pieces: list[tuple[list[int], bool]]) -> Tokens:
    ids: list[int] = []
    answers = []
    for piece, is_answer in pieces:
        if is_answer:
            answers.append((len(ids), len(ids) + len(piece)))
        ids += piece
    return Tokens(ids, tuple(answers))


def length_of(texts: list[list[tuple[int, bool]]]) -> Length:
    totals = [sum(count for count, _ in pieces) for pieces in texts]
    answers = sum(count for pieces in texts for count, is_answer in pieces if is_answer)
    return Length(sum(totals), answers, max(totals, default=0), len(totals))


def one_text(pairs: list[tuple[str, str]], stop: str) -> Example | None:
    """Answers, each with everything before it, as one text; None if what stands before an answer does not go on from the stop
    token of the one before that. What a template writes behind that token at the end of a chat only (Phi-3) is left out."""
    pieces: Example = []
    begin, before = "", ""
    for prompt, answer in pairs:
        if not prompt.startswith(before):
            said = before[len(begin) :]
            pieces[-1] = (said[: said.rfind(stop) + len(stop)], True)
            before = begin + pieces[-1][0]
            if not prompt.startswith(before) or stop not in said:
                return None
        pieces += [(prompt[len(before) :], False), (answer, True)]
        begin, before = prompt, prompt + answer
    return pieces
