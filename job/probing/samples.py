"""What both models said to each question, with the scores of both answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from job.modeling.generation import Answer
from job.probing.kinds import Kind
from job.probing.questions import Half, Question
from job.probing.repeats import said_elsewhere
from job.probing.scores import Asked, scores_of
from job.results import Result, RowLoss, Sample
from job.runs.files import remove, replace_folder


def paired(
    asked: Sequence[tuple[Question, Half]],
    base: Sequence[Answer | None],
    tuned: Sequence[Answer | None],
    kind: Kind | None = None,
) -> list[Sample]:
    """One for each question that both models have answered. `kind`: of the references."""
    both = [
        (question, half, before, after)
        for (question, half), before, after in zip(asked, base, tuned, strict=True)
        if before is not None and after is not None
    ]
    elsewhere = (
        _elsewhere([(question, before) for question, _, before, _ in both], kind),
        _elsewhere([(question, after) for question, _, _, after in both], kind),
    )
    return [
        Sample(
            question=question.text,
            source=question.source,
            reference=question.reference,
            base=before.text,
            tuned=after.text,
            base_stopped=before.stopped,
            tuned_stopped=after.stopped,
            base_scores=scores_of(_asked(question, before, base_elsewhere, kind)),
            tuned_scores=scores_of(_asked(question, after, tuned_elsewhere, kind)),
            row=question.number,
            half=half,
        )
        for (question, half, before, after), base_elsewhere, tuned_elsewhere in zip(both, *elsewhere, strict=True)
    ]


def _asked(question: Question, answer: Answer, elsewhere: bool | None, kind: Kind | None) -> Asked:
    return Asked(question.text, question.reference, answer, question.reference_tokens, elsewhere, kind)


def _elsewhere(said: Sequence[tuple[Question, Answer]], kind: Kind | None) -> list[bool | None]:
    return said_elsewhere(
        [f"{question.system}\n{question.text}" for question, _ in said],
        [question.reference for question, _ in said],
        [answer.text for _, answer in said],
        kind,
    )


def write_answers(samples: Sequence[Sample], losses: Sequence[RowLoss], folder: Path) -> None:
    """`samples.jsonl`, one line for each question, and `losses.jsonl`, one for each row; the folder is replaced as a whole."""
    partial_folder = folder.with_name(f"{folder.name}.partial")
    remove(partial_folder)
    partial_folder.mkdir(parents=True)
    files: tuple[tuple[str, Sequence[Result]], ...] = (("samples.jsonl", samples), ("losses.jsonl", losses))
    for name, lines in files:
        (partial_folder / name).write_text("".join(f"{line.model_dump_json()}\n" for line in lines), "utf-8")
    replace_folder(partial_folder, folder)
