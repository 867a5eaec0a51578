"""Stage 3: which of training's adapters is the best, and is it better than the base? Both answer the same questions in the same
batches, and predict the same rows that training did not see.

Knows nothing about training beyond what it left: the adapters, and whether it could teach anything.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from job.errors import Stopped
from job.hosts import disk
from job.hosts.cards import workers_of
from job.modeling import row_losses
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles, fetch_files
from job.modeling.lengths import require_questions
from job.modeling.precision import DTYPES
from job.modeling.spread import is_spread
from job.modeling.tokenizer import load_tokenizer
from job.probing import choice, limit, words
from job.probing.answers import unpacked_where_it_fits
from job.probing.evidence import BROKEN
from job.probing.export import ADAPTER, export
from job.probing.forgetting import GeneralRows, general_rows
from job.probing.judge import judge
from job.probing.kinds import Kind, kind_of
from job.probing.languages import main_language
from job.probing.likeness import Compared, likeness
from job.probing.losses import HeldOut, held_out
from job.probing.measuring import Probe
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
from job.probing.samples import write_answers
from job.probing.scores import score
from job.probing.sharing import Sharing
from job.probing.tuned import BASE, TUNED, Tuned
from job.probing.verdict import decide
from job.results import (
    Candidate,
    Cleaned,
    Forgetting,
    Judged,
    Probed,
    RowLoss,
    Sample,
    Trained,
    TrainedAdapter,
    Verdict,
)
from job.runs.deadline import Deadline
from job.runs.signals import StopRequest
from job.settings.fields import ModelSettings, ProbeSettings, TrainSettings

log = logging.getLogger("job.probe")
ROUND_TRIP_ROWS, ROUND_TRIP_TOKENS = 4, 128
WORKER = "job.probing.worker"


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
    tuned = Tuned.load(files, tokenizer, DTYPES[trained.precision.value], root / trained.adapter_path)
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
    cards = _cards(tuned, train, len(questions))
    request = _request(files, model, trained, settings, root)
    with unpacked_where_it_fits(tuned.model, probing.prompts, settings) as is_unpacked:
        with _shared(probing, cards, request | {"unpacked": is_unpacked}):
            measured = measure(probing, trained, root)
        judged = _judged(probing, measured.samples) if settings.judge else None
    result = _result(probing, measured, judged, trained, cleaned, files, root)
    _say(result)
    return result


def _cards(tuned: Tuned, train: TrainSettings, asked: int) -> list[str]:
    """CUDA_VISIBLE_DEVICES of each worker, the leader's first. A model that fills several cards leaves none to others."""
    found = workers_of(train.devices, asked, on_gpu=torch.cuda.is_available())
    return found[:1] if is_spread(tuned.model) else found


def _request(
    files: BaseFiles, model: ModelSettings, trained: Trained, settings: ProbeSettings, root: Path
) -> dict[str, Any]:
    """What another worker needs to load the same base and adapter, and to answer alike."""
    return {
        "module": WORKER,
        "folder": str(files.folder),
        "name": files.name,
        "revision": files.revision,
        "model": model.model_dump(mode="json"),
        "precision": trained.precision.value,
        "adapter": str(root / trained.adapter_path),
        "probe": settings.model_dump(mode="json", include={"max_new_tokens", "repetition_penalty"}),
    }


@contextmanager
def _shared(probing: Probe, cards: Sequence[str], request: dict[str, Any]) -> Iterator[None]:
    """Inside, workers on the other cards may do some of the work; one card leaves the leader alone."""
    if len(cards) < 2:
        yield
        return
    with Sharing(cards, request, probing.seconds["load"], probing.look) as sharing:
        probing.sharing, probing.look = sharing, sharing.look
        yield


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
    probing.tuned.carry(root / chosen.path)
    adapters = {TUNED: root / chosen.path}
    confirming = [row for row in probing.rows if probing.halves.get(row.row) != "choice"]
    losses += probing.losses(confirming, adapters, {TUNED: chosen.step})[TUNED]
    rest = [place for place, question in enumerate(probing.questions) if probing.half(question) != "choice"]
    answered = probing.samples(rest, adapters)[TUNED]
    samples += answered
    with probing.timed("forgetting"):
        general = general_rows(probing.tuned.model, probing.chat, look=probing.look)
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
    adapters = {str(one.step): root / one.path for one in trained.candidates}
    losses = probing.losses(rows, adapters, {str(one.step): one.step for one in trained.candidates})
    samples = probing.samples(asked, adapters)
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


def _judged(probing: Probe, samples: list[Sample]) -> Judged:
    with probing.timed("judge"), probing.tuned.model.disable_adapter():
        return judge(probing.tuned.model, probing.chat, samples, look=probing.look)


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
            model=probing.tuned.model,
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
