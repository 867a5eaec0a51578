"""Stage 3: base and tuned model answer the same questions; samples.jsonl and the scores of both.

Knows nothing about training beyond the adapter's folder, and nothing about what a score measures.
"""

from __future__ import annotations

import json
import logging
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from peft import PeftModel

from job.errors import MemoryExhausted
from job.hosts import disk
from job.modeling.base import load_base
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.generation import Answer, generate
from job.modeling.precision import DTYPES
from job.modeling.tokenizer import load_tokenizer
from job.probing.scores import score
from job.results import Cleaned, Probed, Sample, Trained
from job.runs.files import replace_folder
from job.settings.fields import ModelSettings, ProbeSettings
from job.settings.files import read_text

log = logging.getLogger("job.probe")
BATCH = 16
"""Questions per batch; halved each time that GPU memory runs out."""


@dataclass(frozen=True)
class Question:
    text: str
    system: str
    reference: str
    source: Literal["question", "eval_row"]


def probe(
    cleaned: Cleaned,
    trained: Trained,
    model: ModelSettings,
    settings: ProbeSettings,
    seed: int,
    *,
    token: str,
    root: Path,
) -> Probed:
    """Let base and tuned model answer, and write `probe/samples.jsonl` below `root`. Raises MemoryExhausted (62), DiskFull
    (73)."""
    files = fetch_files(model, token, weights=True)
    tokenizer = load_tokenizer(files, model)
    base = load_base(files, tokenizer, DTYPES[trained.precision.value])
    tuned = PeftModel.from_pretrained(base, root / trained.adapter_path).eval()
    tuned.config.use_cache = True
    chat = Chat(tokenizer)
    questions = fixed_questions(settings, cleaned.system_prompt)
    questions += eval_questions(root / cleaned.eval_path, settings.eval_rows, seed)
    disk.require_left(root, disk.answers_bytes(len(questions), settings.max_new_tokens), "answers")
    prompts = [chat.prompt_ids(question.system, question.text) for question in questions]
    with tuned.disable_adapter():
        before = answer_all(tuned, chat, prompts, settings)
    after = answer_all(tuned, chat, prompts, settings)
    write_samples(questions, before, after, root / "probe")
    result = Probed(
        samples_path="probe/samples.jsonl",
        questions=sum(question.source == "question" for question in questions),
        eval_rows=sum(question.source == "eval_row" for question in questions),
        base=score(before),
        tuned=score(after),
    )
    for name, scores in (("base", result.base), ("tuned", result.tuned)):
        log.info("stage=probe model=%s %s", name, " ".join(f"{key}={value}" for key, value in scores.items()))
    return result


def fixed_questions(settings: ProbeSettings, system: str) -> list[Question]:
    """The lines of FINETUNE_PROBE_QUESTIONS_FILE."""
    lines = (line.strip() for line in read_text(settings.questions_file).splitlines())
    return [Question(line, system, "", "question") for line in lines if line]


def eval_questions(path: Path, count: int, seed: int) -> list[Question]:
    """Questions of `count` evaluation rows, drawn by the seed; of all rows where there are fewer."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    chosen = random.Random(f"{seed} probe").sample(rows, min(count, len(rows)))
    return [Question(row["question"], row["system"], row["answer"], "eval_row") for row in chosen]


def answer_all(model: Any, chat: Chat, prompts: list[list[int]], settings: ProbeSettings) -> list[Answer]:
    """Answers in the order of the prompts, computed in batches of similar lengths. Raises MemoryExhausted (62)."""
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    answers: dict[int, Answer] = {}
    batch = BATCH
    while len(answers) < len(order):
        numbers = order[len(answers) : len(answers) + batch]
        try:
            found = generate(
                model,
                chat,
                [prompts[number] for number in numbers],
                max_new_tokens=settings.max_new_tokens,
                repetition_penalty=settings.repetition_penalty,
            )
        except torch.OutOfMemoryError as error:
            if batch == 1:
                raise MemoryExhausted(
                    f"GPU memory ran out during the answer to one question of {len(prompts[numbers[0]])} tokens: {error}",
                    remedy="Set FINETUNE_PROBE_MAX_NEW_TOKENS lower, or end other processes on the GPU (nvidia-smi lists "
                    "them); the same command continues with the trained adapter.",
                ) from error
            found = None
        if found is None:  # not in the except block: its traceback still holds the cache of keys and values
            batch //= 2
            torch.cuda.empty_cache()
            log.warning("stage=probe out_of_memory=true batch=%d", batch)
            continue
        answers.update(zip(numbers, found, strict=True))
        log.info("stage=probe answered=%d of=%d", len(answers), len(prompts))
    return [answers[number] for number in range(len(prompts))]


def write_samples(questions: list[Question], before: list[Answer], after: list[Answer], folder: Path) -> None:
    """`samples.jsonl`, one line for each question; the folder is replaced as a whole."""
    samples = [
        Sample(
            question=question.text,
            source=question.source,
            reference=question.reference,
            base=base.text,
            tuned=tuned.text,
            base_stopped=base.stopped,
            tuned_stopped=tuned.stopped,
        )
        for question, base, tuned in zip(questions, before, after, strict=True)
    ]
    partial = folder.with_name("probe.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    lines = "".join(f"{sample.model_dump_json()}\n" for sample in samples)
    (partial / "samples.jsonl").write_text(lines, "utf-8")
    replace_folder(partial, folder)
