"""Stage 3: which of training's adapters is the best, and is it better than the base? Both answer the same questions in the same
batches, and predict the same rows that training did not see.

Knows nothing about training beyond what it left: the adapters, and whether it could teach anything.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from peft import PeftModel

from job.errors import Stopped
from job.hosts import disk
from job.modeling import row_losses
from job.modeling.adapter_file import load_lora_tensors
from job.modeling.base import load_base
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles, fetch_files
from job.modeling.lengths import require_questions
from job.modeling.precision import DTYPES
from job.modeling.tokenizer import load_tokenizer
from job.probing import choice, limit, words
from job.probing.answers import Models, answer_all, unpacked_where_it_fits
from job.probing.evidence import BROKEN
from job.probing.export import ADAPTER, export
from job.probing.forgetting import GeneralRows, general_rows
from job.probing.judge import judge
from job.probing.kinds import Kind, kind_of
from job.probing.languages import main_language
from job.probing.likeness import Compared, likeness
from job.probing.losses import HeldOut, held_out, known_losses, mean_losses
from job.probing.questions import (
    Half,
    Question,
    eval_questions,
    fixed_questions,
    halves_of,
    prompt_of,
    question_of,
    read_rows,
)
from job.probing.samples import paired, write_answers
from job.probing.scores import score
from job.probing.verdict import decide
from job.results import (
    Candidate,
    Cleaned,
    Forgetting,
    Judged,
    Probed,
    RowLoss,
    Said,
    Sample,
    Trained,
    TrainedAdapter,
    Verdict,
)
from job.runs.deadline import Deadline
from job.runs.signals import StopRequest
from job.settings.fields import ModelSettings, ProbeSettings, TrainSettings

log = logging.getLogger("job.probe")
BASE, TUNED = "base", "tuned"
ROUND_TRIP_ROWS, ROUND_TRIP_TOKENS = 4, 128
COMPARED_ANSWERS = 16
"""Of the tuned model, whose tokens are kept for the proofs of its other forms."""


@dataclass
class Probe:
    """What all measurements share: the loaded models, and what is asked."""

    tuned: PeftModel
    """The base with an adapter, which is off where the base is meant."""
    chat: Chat
    settings: ProbeSettings
    seed: int
    questions: list[Question]
    prompts: list[list[int]]
    """Token ids of each question."""
    rows: list[HeldOut]
    halves: dict[int, Half]
    """Line of an evaluation row -> its half."""
    look: Callable[[], None]
    until: float
    """On the clock of `time.monotonic`."""
    kind: Kind | None = None
    """Of the references."""
    trained_losses: Path | None = None
    """The folder with the losses of evaluation rows that training has found."""
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    """Answers of the chosen adapter."""

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = round(self.seconds.get(part, 0.0) + time.monotonic() - began, 2)

    def half(self, question: Question) -> Half:
        return "confirmation" if question.number is None else self.halves.get(question.number, "confirmation")

    @contextmanager
    def carrying(self, path: Path) -> Iterator[None]:
        """The model with another adapter of the same training; the next one replaces it."""
        load_lora_tensors(self.tuned, path)
        yield


def probe(
    cleaned: Cleaned,
    trained: Trained,
    model: ModelSettings,
    settings: ProbeSettings,
    train: TrainSettings,
    *,
    token: str,
    root: Path,
    stop: StopRequest,
    deadline: Deadline,
) -> Probed:
    """Choose an adapter, write `adapter/` and `probe/` below `root`, and say whether the tuned model is better.

    Raises MemoryExhausted (62), SettingsError (64) for a question that is too long behind the rows' system prompt, DiskFull
    (73), and Stopped (75) on request or once the deadline has passed.
    """

    def look() -> None:
        if stop.requested:
            raise Stopped("Stopped while the models answered.")
        deadline.stop_if_passed("the models had not answered all questions: the next start asks them again.")

    began = time.monotonic()
    files = fetch_files(model, token, weights=True)
    tokenizer = load_tokenizer(files, model)
    chat = Chat(tokenizer)
    require_questions(
        chat, files.config, settings, system=cleaned.system_prompt
    )  # they may have changed since training
    base = load_base(files, tokenizer, DTYPES[trained.precision.value])
    tuned = PeftModel.from_pretrained(base, root / trained.adapter_path).eval()
    tuned.config.use_cache = True
    questions = fixed_questions(settings, cleaned.system_prompt)
    eval_rows = read_rows(root / cleaned.eval_path)
    questions += eval_questions(eval_rows, settings.answers - len(questions), train.seed)
    disk.require_left(root, disk.answers_bytes(len(questions), settings.max_new_tokens), "answers")
    questions = [replace(one, reference_tokens=limit.tokens_of(one.reference, chat)) for one in questions]
    limit.warn([one.reference_tokens for one in questions if one.reference], settings.max_new_tokens)
    rows = held_out(chat, root / cleaned.eval_path, train.loss_on, train.max_tokens)
    probing = Probe(
        tuned=tuned,
        chat=chat,
        settings=settings,
        seed=train.seed,
        questions=questions,
        prompts=[prompt_of(chat, question, cleaned.longest_tokens) for question in questions],
        rows=rows,
        halves=_halves(questions, rows, trained, train.seed),
        look=look,
        until=time.monotonic() + 60 * settings.minutes,
        kind=_kind(eval_rows),
        trained_losses=(root / trained.log_path).with_name(row_losses.FOLDER),
        seconds={"load": round(time.monotonic() - began, 2)},
    )
    with unpacked_where_it_fits(tuned, probing.prompts, settings):
        measured = measure(probing, trained, root)
        judged = _judged(probing, measured.samples) if settings.judge else None
    result = _result(probing, measured, judged, trained, cleaned, files, root)
    _say(result)
    return result


def _kind(rows: list[dict[str, Any]]) -> Kind | None:
    return kind_of((question.text, question.reference) for question in map(question_of, rows))


def _halves(questions: list[Question], rows: list[HeldOut], trained: Trained, seed: int) -> dict[int, Half]:
    """Where there is something to choose from, and enough to choose by: the half of each evaluation row."""
    numbers = {question.number for question in questions}
    asked = {row.question for row in rows if row.row in numbers}
    if len(trained.candidates) < 2:
        return {}
    log.info("stage=probe %s", choice.said(len(asked)))
    if len(asked) < choice.FEWEST_QUESTIONS:
        return {}
    others = {row.question for row in rows} - asked  # only their losses count
    halves = {**halves_of(asked, seed), **halves_of(others, seed)}
    return {row.row: halves[row.question] for row in rows}


# --- what is measured ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    chosen: TrainedAdapter
    candidates: list[Candidate]
    losses: list[RowLoss]
    samples: list[Sample]
    general: GeneralRows | None
    verdict: Verdict


def measure(probing: Probe, trained: Trained, root: Path) -> Measured:
    """The choice on one half of the rows, then all figures of the chosen adapter, and the verdict on the other half."""
    candidates, losses, samples = _candidates(probing, trained, root)
    chosen = next(
        adapter
        for adapter in trained.candidates
        for candidate in candidates
        if candidate.chosen and candidate.step == adapter.step
    )
    load_lora_tensors(probing.tuned, root / chosen.path)
    models: Models = {TUNED: nullcontext}
    confirming = [row for row in probing.rows if probing.halves.get(row.row) != "choice"]
    losses += _losses(probing, confirming, models, {TUNED: chosen.step})[TUNED]
    rest = [place for place, question in enumerate(probing.questions) if probing.half(question) != "choice"]
    answered = _samples(probing, rest, models)[TUNED]
    samples += answered
    with probing.timed("forgetting"):
        general = general_rows(probing.tuned, probing.chat, look=probing.look)
    confirming_samples = [sample for sample in samples if sample.half == "confirmation"]
    verdict = decide(
        [row for row in losses if probing.halves.get(row.row) != "choice"],
        confirming_samples,
        general,
        probing.settings,
        no_gradients=trained.zero_gradients,
        unanswered=len(rest) - len(answered),
        seed=probing.seed,
    )
    verdict = limit.with_cause(verdict, confirming_samples, probing.settings.max_new_tokens)
    return Measured(chosen, candidates, sorted(losses, key=lambda row: row.row), samples, general, verdict)


def _candidates(probing: Probe, trained: Trained, root: Path) -> tuple[list[Candidate], list[RowLoss], list[Sample]]:
    """Training's adapters with the chosen one among them, and what the half that chose it says of that one."""
    if not probing.halves:
        return [_unseen(adapter, chosen=adapter.step == trained.best_step) for adapter in trained.candidates], [], []
    rows = [row for row in probing.rows if probing.halves[row.row] == "choice"]
    asked = [place for place, question in enumerate(probing.questions) if probing.half(question) == "choice"]
    models: Models = {str(one.step): partial(probing.carrying, root / one.path) for one in trained.candidates}
    losses = _losses(probing, rows, models, {str(one.step): one.step for one in trained.candidates})
    samples = _samples(probing, asked, models)
    seen = []
    for adapter in trained.candidates:
        predicted, said = losses[str(adapter.step)], samples[str(adapter.step)]
        verdict = decide(predicted, said, None, probing.settings, seed=probing.seed)
        loss = sum(row.tuned for row in predicted) / len(predicted) if predicted else None
        scores = score([sample.tuned_scores for sample in said])
        candidate = _unseen(adapter, chosen=False).model_copy(update={"loss": loss, "scores": scores})
        log.info(
            "stage=probe candidate=%d loss=%s broken_share=%s",
            adapter.step,
            loss and round(loss, 4),
            scores.get(BROKEN),
        )
        seen.append(choice.Seen(candidate, verdict))
    best = choice.best(seen)
    candidates = [one.candidate.model_copy(update={"chosen": one.candidate is best}) for one in seen]
    return candidates, losses[str(best.step)], samples[str(best.step)]


def _unseen(adapter: TrainedAdapter, *, chosen: bool) -> Candidate:
    return Candidate(step=adapter.step, eval_loss=adapter.eval_loss, loss=None, scores={}, chosen=chosen)


def _losses(
    probing: Probe, rows: Sequence[HeldOut], models: Models, steps: Mapping[str, int]
) -> dict[str, list[RowLoss]]:
    """For each of these models, the loss of these rows beside the base's: as training has found them, or computed in the same
    batches. `steps`: of training, for each model."""
    both: Models = {BASE: probing.tuned.disable_adapter, **models}
    with probing.timed("losses"):
        found = _trained_losses(probing, rows, {BASE: 0, **steps})
        if found is None:
            found = mean_losses(probing.tuned, probing.chat.tokenizer.pad_token_id, rows, both, look=probing.look)
    return {
        name: [
            RowLoss(row=row.row, question=row.question, tokens=row.tokens, base=before, tuned=after)
            for row, before, after in zip(rows, found[BASE], found[name], strict=True)
        ]
        for name in models
    }


def _trained_losses(probing: Probe, rows: Sequence[HeldOut], steps: Mapping[str, int]) -> dict[str, list[float]] | None:
    """Model -> its loss of each row; None unless training's evaluations have found all of them."""
    if probing.trained_losses is None:
        return None
    known = known_losses(probing.trained_losses, probing.rows, set(steps.values()))
    if known is None:
        return None
    places = {row.row: place for place, row in enumerate(probing.rows)}
    return {name: [known[step][places[row.row]] for row in rows] for name, step in steps.items()}


def _samples(probing: Probe, numbers: Sequence[int], models: Models) -> dict[str, list[Sample]]:
    """For each of these models, its answers to these questions beside the base's, which are computed in the same batches. What
    was not answered in time is left out."""
    with probing.timed("answers"):
        prompts = [probing.prompts[number] for number in numbers]
        both: Models = {BASE: probing.tuned.disable_adapter, **models}
        answers = answer_all(
            probing.tuned, probing.chat, prompts, probing.settings, both, look=probing.look, until=probing.until
        )
    if TUNED in models:
        both_sides = zip(prompts, answers[TUNED], strict=True)
        said = [Said(prompt=prompt, answer=list(answer.ids)) for prompt, answer in both_sides if answer]
        probing.said = said[:COMPARED_ANSWERS]
    asked = [(probing.questions[number], probing.half(probing.questions[number])) for number in numbers]
    return {name: paired(asked, answers[BASE], answers[name], probing.kind) for name in models}


def _judged(probing: Probe, samples: list[Sample]) -> Judged:
    with probing.timed("judge"), probing.tuned.disable_adapter():
        return judge(probing.tuned, probing.chat, samples, look=probing.look)


# --- what is kept ----------------------------------------------------------------------------------------------------


def _result(
    probing: Probe,
    measured: Measured,
    judged: Judged | None,
    trained: Trained,
    cleaned: Cleaned,
    files: BaseFiles,
    root: Path,
) -> Probed:
    samples, losses = measured.samples, measured.losses
    with probing.timed("export"):
        checked = export(
            trained,
            measured.chosen,
            root,
            model=probing.tuned,
            rows=[list(row.texts[0].ids[:ROUND_TRIP_TOKENS]) for row in probing.rows[:ROUND_TRIP_ROWS]],
            files=files,
            pad_token=probing.chat.tokenizer.pad_token_id,
        )
        write_answers(samples, losses, probing.said, root / "probe")
    return Probed(
        adapter_path=ADAPTER,
        adapter_files=trained.adapter_files,
        round_trip=checked,
        samples_path="probe/samples.jsonl",
        losses_path="probe/losses.jsonl",
        tokens_path="probe/tokens.jsonl",
        questions=sum(sample.source == "question" for sample in samples),
        eval_rows=sum(sample.source == "eval_row" for sample in samples),
        unanswered=len(probing.questions) - len(samples),
        language=main_language(sample.reference for sample in samples),
        base=score([sample.base_scores for sample in samples]),
        tuned=score([sample.tuned_scores for sample in samples]),
        likeness={
            BASE: likeness([Compared(one.reference, one.base) for one in samples if one.reference]),
            TUNED: likeness([Compared(one.reference, one.tuned) for one in samples if one.reference]),
        },
        forgetting=_forgetting(measured.general),
        candidates=measured.candidates,
        step=measured.chosen.step,
        judged=judged,
        verdict=words.with_leak(measured.verdict, cleaned.split_leaked_rows),
        seconds=probing.seconds,
    )


def _forgetting(general: GeneralRows | None) -> Forgetting | None:
    if general is None or not general.kl:
        return None
    choices = len(general.base_right)
    return Forgetting(
        prompts=len(general.kl),
        kl=sum(general.kl) / len(general.kl),
        choices=choices,
        base_accuracy=sum(general.base_right) / choices if choices else None,
        tuned_accuracy=sum(general.tuned_right) / choices if choices else None,
    )


def _say(result: Probed) -> None:
    for name, scores in (("base", result.base), ("tuned", result.tuned)):
        log.info("stage=probe model=%s %s", name, " ".join(f"{key}={value}" for key, value in scores.items()))
    verdict = result.verdict
    log.info("stage=probe verdict=%s step=%d: %s", verdict.value.replace(" ", "_"), result.step, verdict.sentence)
    for reason in verdict.reasons:
        log.info("stage=probe reason=%r", reason)
    for skipped in verdict.skipped:
        log.info("stage=probe skipped=%s: %s", skipped.name, skipped.reason)
