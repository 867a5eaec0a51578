"""Stage 3: base and tuned model answer the same questions; samples.jsonl and the scores of both.

Knows nothing about training beyond the adapter's folder, and nothing about what a score measures.
"""

from __future__ import annotations

import json
import logging
import random
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from peft import PeftModel

from job.errors import Stopped
from job.hosts import disk
from job.modeling.base import load_base
from job.modeling.chat import Chat
from job.modeling.conversation import Conversation, beginning, texts_of
from job.modeling.files import fetch_files
from job.modeling.fitting import cut
from job.modeling.generation import Answer
from job.modeling.lengths import require_questions
from job.modeling.precision import DTYPES
from job.modeling.tokenizer import load_tokenizer
from job.probing.answers import answer_all, unpacked_where_it_fits
from job.probing.scores import score
from job.results import Cleaned, Probed, Sample, Trained
from job.runs.deadline import Deadline
from job.runs.files import remove, replace_folder
from job.runs.signals import StopRequest
from job.settings.fields import ModelSettings, ProbeSettings
from job.settings.files import read_lines

log = logging.getLogger("job.probe")


@dataclass(frozen=True)
class Question:
    text: str
    system: str
    reference: str
    source: Literal["question", "eval_row"]
    row: dict[str, Any] | None = None
    """The row whose last answer is asked for, where it is more than one exchange."""


def probe(
    cleaned: Cleaned,
    trained: Trained,
    model: ModelSettings,
    settings: ProbeSettings,
    seed: int,
    *,
    token: str,
    root: Path,
    stop: StopRequest,
    deadline: Deadline,
) -> Probed:
    """Let base and tuned model answer, and write `probe/samples.jsonl` below `root`.

    Raises MemoryExhausted (62), SettingsError (64) for a question that is too long behind the rows' system prompt, DiskFull
    (73), and Stopped (75) on request or once the deadline has passed.
    """
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
    questions += eval_questions(root / cleaned.eval_path, settings.eval_rows, seed)
    disk.require_left(root, disk.answers_bytes(len(questions), settings.max_new_tokens), "answers")
    prompts = [prompt_of(chat, question, cleaned.longest_tokens) for question in questions]

    def look() -> None:
        if stop.requested:
            raise Stopped("Stopped while the models answered.")
        deadline.stop_if_passed("the models had not answered all questions: the next start asks them again.")

    until = time.monotonic() + 60 * settings.minutes
    models = {"base": tuned.disable_adapter, "tuned": nullcontext}
    with unpacked_where_it_fits(tuned, prompts, settings):
        answers = answer_all(tuned, chat, prompts, settings, models, look=look, until=until)
    asked = [
        (question, base, tuned)
        for question, base, tuned in zip(questions, answers["base"], answers["tuned"], strict=True)
        if base and tuned
    ]
    questions, before, after = (list(column) for column in zip(*asked, strict=True)) if asked else ([], [], [])
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
    return [Question(line, system, "", "question") for _, line in read_lines(settings.questions_file)]


def eval_questions(path: Path, count: int, seed: int) -> list[Question]:
    """Questions of `count` evaluation rows, drawn by the seed; of all rows where there are fewer."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    chosen = random.Random(f"{seed} probe").sample(rows, min(count, len(rows)))
    return [question_of(row) for row in chosen]


def question_of(row: dict[str, Any]) -> Question:
    """The last answer of a row that was learned is asked for, with all that stands before it; plain text is to be continued."""
    if "question" in row:
        return Question(row["question"], row["system"], row["answer"], "eval_row")
    if "text" in row:
        begin, rest = beginning(row["text"])
        return Question(begin, "", rest.strip(), "eval_row", row)
    *_, last = Conversation.of(row).learned()
    texts = texts_of(row)
    said = [f"{turn['role']}: {text}" for turn, text in zip(row["turns"][:last], texts, strict=False)]
    return Question("\n\n".join(said), row["system"], texts[last], "eval_row", row)


def prompt_of(chat: Chat, question: Question, limit: int) -> list[int]:
    """Token ids. `limit`: the most that training has seen; what it took in parts is asked without its beginning."""
    if question.row is None:
        return chat.prompt_ids(question.system, question.text)
    ids = chat.last_prompt_ids(question.row)
    if len(ids) > limit and (shorter := cut(chat, question.row, "last", limit)):
        ids = chat.last_prompt_ids(shorter)
    return ids[-limit:]


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
    remove(partial)
    partial.mkdir(parents=True)
    lines = "".join(f"{sample.model_dump_json()}\n" for sample in samples)
    (partial / "samples.jsonl").write_text(lines, "utf-8")
    replace_folder(partial, folder)
