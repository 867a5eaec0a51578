"""The stage itself: one load of base and adapter, greedy answers of both, samples.jsonl and scores."""

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
from job.modeling.base import load_base
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.precision import DTYPES
from job.modeling.tokenizer import load_tokenizer
from job.probing.scores import Answer, score
from job.results import Cleaned, Probed, Sample, Trained
from job.runs.folder import replace_folder
from job.settings.fields import ModelSettings, ProbeSettings
from job.settings.files import read_text

log = logging.getLogger("job.probe")
BATCH = 16


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
    """Ask base and tuned model, write `probe/samples.jsonl` below `root`."""
    files = fetch_files(model, token, weights=True)
    tokenizer = load_tokenizer(files, model)
    base = load_base(files, tokenizer, DTYPES[trained.precision.value])
    tuned = PeftModel.from_pretrained(base, root / trained.adapter_path).eval()
    tuned.config.use_cache = True
    chat = Chat(tokenizer)
    questions = [
        Question(line.strip(), cleaned.system_prompt, "", "question")
        for line in read_text(settings.questions_file).splitlines()
        if line.strip()
    ]
    questions += _eval_questions(root / cleaned.eval_path, settings.eval_rows, seed)
    prompts = [chat.prompt_ids(question.system, question.text) for question in questions]
    with tuned.disable_adapter():
        before = generate(tuned, tokenizer, prompts, settings)
    after = generate(tuned, tokenizer, prompts, settings)
    samples = [
        Sample(
            question=question.text,
            source=question.source,
            reference=question.reference,
            base=b.text,
            tuned=t.text,
            base_stopped=b.stopped,
            tuned_stopped=t.stopped,
        )
        for question, b, t in zip(questions, before, after, strict=True)
    ]
    _write(samples, root / "probe")
    result = Probed(
        samples_path="probe/samples.jsonl",
        questions=sum(question.source == "question" for question in questions),
        eval_rows=sum(question.source == "eval_row" for question in questions),
        base=score(before),
        tuned=score(after),
    )
    for name, scores in (("base", result.base), ("tuned", result.tuned)):
        log.info("model=%s %s", name, " ".join(f"{key}={value}" for key, value in scores.model_dump().items()))
    return result


def _eval_questions(path: Path, count: int, seed: int) -> list[Question]:
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    chosen = random.Random(f"{seed} probe").sample(rows, min(count, len(rows)))
    return [Question(row["question"], row["system"], row["answer"], "eval_row") for row in chosen]


def generate(model: Any, tokenizer: Any, prompts: list[list[int]], settings: ProbeSettings) -> list[Answer]:
    """Greedy answers, in the order of the prompts; batches of like lengths, padded on the left."""
    chat = Chat(tokenizer)
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    end_ids = {chat.stop_id, tokenizer.eos_token_id, *ends} - {None}
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    answers: dict[int, Answer] = {}
    batch = BATCH
    while len(answers) < len(order):
        numbers = order[len(answers) : len(answers) + batch]
        try:
            found = _generate([prompts[number] for number in numbers], model, tokenizer, sorted(end_ids), settings)
        except torch.OutOfMemoryError as error:
            if batch == 1:
                raise MemoryExhausted(
                    f"GPU memory ran out while one question of {len(prompts[numbers[0]])} tokens was answered: {error}",
                    remedy="Set FINETUNE_PROBE_MAX_NEW_TOKENS lower, or end what else uses the GPU (nvidia-smi lists it); "
                    "the same command goes on with the trained adapter.",
                ) from error
            found = None
        if found is None:  # only here, after the traceback and with it the cache of keys and values is gone
            batch //= 2
            torch.cuda.empty_cache()
            log.warning("stage=probe out_of_memory=true: %d questions at a time from here on", batch)
            continue
        for number, ids in zip(numbers, found, strict=True):
            answers[number] = _answer(ids, end_ids, chat)
        log.info("stage=probe answered=%d of=%d", len(answers), len(prompts))
    return [answers[number] for number in range(len(prompts))]


def _generate(
    prompts: list[list[int]], model: Any, tokenizer: Any, end_ids: list[int], settings: ProbeSettings
) -> list[list[int]]:
    """The new tokens of each prompt, its end and padding included."""
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), tokenizer.pad_token_id)  # (B, T)
    mask = torch.zeros_like(ids)
    for place, prompt in enumerate(prompts):
        ids[place, width - len(prompt) :] = torch.tensor(prompt)
        mask[place, width - len(prompt) :] = 1
    with torch.no_grad():
        output = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            max_new_tokens=settings.max_new_tokens,
            repetition_penalty=settings.repetition_penalty,
            eos_token_id=end_ids,
            pad_token_id=tokenizer.pad_token_id,
        )
    new: list[list[int]] = output[:, width:].tolist()
    return new


def _answer(ids: list[int], end_ids: set[int], chat: Chat) -> Answer:
    length = next((place for place, token in enumerate(ids) if token in end_ids), len(ids))
    text = chat.tokenizer.decode(ids[:length], skip_special_tokens=True).strip()
    return Answer(text.removeprefix(chat.opening.strip()).strip(), length, length < len(ids))


def _write(samples: list[Sample], folder: Path) -> None:
    partial = folder.with_name("probe.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    lines = "".join(f"{sample.model_dump_json()}\n" for sample in samples)
    (partial / "samples.jsonl").write_text(lines, "utf-8")
    replace_folder(partial, folder)
