"""What both models said to each question, with the scores of both answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from job.modeling.generation import Answer
from job.probing.ends import stop_at_the_end
from job.probing.kinds import Kind
from job.probing.languages import kept_together
from job.probing.questions import Half, Question
from job.probing.repeats import said_elsewhere
from job.probing.scores import Asked, scores_of
from job.results import Result, RowLoss, Said, Sample
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
    sides = (
        _all_asked([(question, before) for question, _, before, _ in both], kind),
        _all_asked([(question, after) for question, _, _, after in both], kind),
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
            base_scores=scores_of(base_asked),
            tuned_scores=scores_of(tuned_asked),
            row=question.number,
            half=half,
        )
        for (question, half, before, after), base_asked, tuned_asked in zip(both, *sides, strict=True)
    ]


def _all_asked(said: Sequence[tuple[Question, Answer]], kind: Kind | None) -> list[Asked]:
    """Of one model, with what only all of its answers together show."""
    questions = [f"{question.system}\n{question.text}" for question, _ in said]
    references, answers = [question.reference for question, _ in said], [answer.text for _, answer in said]
    elsewhere = said_elsewhere(questions, references, answers, kind)
    kept = kept_together([question.text for question, _ in said], references, answers)
    with_stop = stop_at_the_end(references)
    return [
        Asked(
            question.text,
            question.reference,
            answer,
            question.reference_tokens,
            said_elsewhere=repeated,
            language_kept=in_language,
            kind=kind,
            with_stop=with_stop,
        )
        for (question, answer), repeated, in_language in zip(said, elsewhere, kept, strict=True)
    ]


def write_answers(samples: Sequence[Sample], losses: Sequence[RowLoss], said: Sequence[Said], folder: Path) -> None:
    """`samples.jsonl`, one line for each question, `losses.jsonl`, one for each row, and `tokens.jsonl`, one for each answer by
    which other forms of the tuned model are compared with it; the folder is replaced as a whole."""
    partial_folder = folder.with_name(f"{folder.name}.partial")
    remove(partial_folder)
    partial_folder.mkdir(parents=True)
    files: tuple[tuple[str, Sequence[Result]], ...] = (
        ("samples.jsonl", samples),
        ("losses.jsonl", losses),
        ("tokens.jsonl", said),
    )
    for name, lines in files:
        (partial_folder / name).write_text("".join(f"{line.model_dump_json()}\n" for line in lines), "utf-8")
    replace_folder(partial_folder, folder)
