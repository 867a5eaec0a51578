"""The model card and the data set card: what the results say, in the words of the templates beside this file."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData, EvalResult, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from job import __version__
from job.modeling.base import loading_code
from job.modeling.chat import in_user_turn
from job.modeling.nf4 import CPU_KERNEL
from job.publishing.licences import Licence
from job.reporting.decision import EVAL_LOSS, decision_rows, least_text, words_of
from job.reporting.numbers import count, share, signed
from job.reporting.scores import beside_verdict, score_rows
from job.results import Cleaned, Exported, Probed, Sample, Trained
from job.settings.fields import Settings
from job.settings.sources import without_path

SHOWN_ANSWERS = 5
WITH_EMBEDDING = "with-embedding"
"""The subfolder of the repository for the form of the adapter that brings the extended embedding layer."""
VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What --max-lora-rank takes (vLLM 0.33.0, vllm/config/lora.py)."""
LINE = 100
"""Characters in a line of a quoted answer."""
MARKUP = re.compile(r"[&<>\\`*\[\]!|~$]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.", re.IGNORECASE)


def _quoted(text: str) -> str:
    """The text as a Python literal."""
    return json.dumps(text, ensure_ascii=False)


def _inline(text: str) -> str:
    """The text on one line, with every character that Markdown or HTML would read as markup as an entity."""
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))


def _in_a_shell(text: str) -> str:
    """The text as a word of a shell's command in a code span of a table."""
    return shlex.quote(text).replace("`", "").replace("|", "\\|")


def _fenced(text: str) -> str:
    """The text in a code block, where nothing is markup: no HTML, image, link or table. Long lines are wrapped, since a browser
    does not wrap them there."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    lines = (textwrap.wrap(line, LINE, break_long_words=False, break_on_hyphens=False) for line in text.splitlines())
    return "\n".join([f"{fence}text", *chain.from_iterable(wrapped or [""] for wrapped in lines), fence])


CARDS = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
CARDS.filters.update(
    count=count,
    share=share,
    quoted=_quoted,
    inline=_inline,
    fenced=_fenced,
    shell=_in_a_shell,
    without_path=without_path,
)
CARDS.globals.update(version=__version__)


def model_card(
    cleaned: Cleaned,
    trained: Trained,
    probed: Probed,
    exported: Exported,
    samples: list[Sample],
    settings: Settings,
    licence: Licence,
) -> str:
    """README.md of the adapter. `licence`: the base model's.

    It names no path of this machine. Texts of the rows stand in it only where FINETUNE_HUB_QUOTE_ROWS asks for them: whether
    rows may be shown does not follow from the settings (a public card may belong to private, gated or local data).
    """
    name = settings.hub.repo_id.rpartition("/")[2] or "adapter"
    is_local = settings.model.is_local
    base = (Path(settings.model.base).name or "base") if is_local else settings.model.base
    change = trained.best_eval_loss / trained.base_eval_loss - 1 if trained.base_eval_loss else 0.0
    shown = [sample for sample in samples if sample.source == "question"]
    if settings.hub.quote_rows:
        shown = shown or samples
    return CARDS.get_template("model_card.md.jinja").render(
        metadata=_model_metadata(name, cleaned, trained, probed, settings, licence).to_yaml(),
        name=name,
        base=base,
        base_is_local=is_local,
        loss_change=signed(change * 100, "%"),
        **_ways_to_load(f"path/to/{base}" if is_local else base, trained, exported, settings),
        cpu_kernel=CPU_KERNEL,
        cleaned=cleaned,
        trained=trained,
        train=settings.train,
        lora=settings.lora,
        answers=probed.questions + probed.eval_rows,
        scores=score_rows(probed),
        beside_verdict=beside_verdict(probed),
        verdict=probed.verdict,
        least=least_text(settings.probe.min_gain),
        decision=decision_rows(probed.verdict, settings.probe.min_gain),
        skipped=[(words_of(one.name), one.reason) for one in probed.verdict.skipped],
        probed=probed,
        licence=licence,
        samples=shown[:SHOWN_ANSWERS],
        how_to_ask=how_to_ask(cleaned, settings.probe.max_new_tokens, settings.probe.repetition_penalty),
        max_new_tokens=settings.probe.max_new_tokens,
        repetition_penalty=settings.probe.repetition_penalty,
        only_texts=cleaned.only_texts,
        rows_in_words=_rows_in_words(cleaned),
    )


def _model_metadata(
    name: str, cleaned: Cleaned, trained: Trained, probed: Probed, settings: Settings, licence: Licence
) -> ModelCardData:
    on_hub = not settings.model.is_local
    return ModelCardData(
        base_model=settings.model.base if on_hub else None,
        base_model_relation="adapter" if on_hub else None,
        library_name="peft",
        pipeline_tag="text-generation",
        language=_languages(settings, probed),
        license=licence.id or None,
        license_name=licence.name or None,
        license_link=licence.link or None,
        datasets=_data_sets(settings),
        tags=["lora", "qlora", "sft"],
        model_name=name,
        eval_results=_eval_results(cleaned, trained, probed),
    )


def _languages(settings: Settings, probed: Probed) -> list[str] | None:
    return list(settings.data.languages) or ([probed.language] if probed.language else None)


def _data_sets(settings: Settings) -> list[str] | None:
    return [source.name for source in settings.data.sources if not source.is_local] or None


def _eval_results(cleaned: Cleaned, trained: Trained, probed: Probed) -> list[EvalResult]:
    """The model-index: the loss of all held-out rows, and the tuned model's figures that the verdict rests on."""
    rows = f"held-out rows of the cleaned data ({cleaned.eval_rows:,})"
    figures = {"loss": (EVAL_LOSS, trained.best_eval_loss, rows)}
    for one in probed.verdict.guardrails:
        figures[one.name] = (words_of(one.name), one.tuned, f"questions of the probe ({one.rows:,})")
    return [
        EvalResult(
            task_type="text-generation",
            dataset_type="evaluation-split",
            dataset_name=rows,
            metric_type=metric,
            metric_name=words,
            metric_value=round(value, 4),
        )
        for metric, (words, value, rows) in figures.items()
    ]


def has_form_with_embedding(trained: Trained, exported: Exported) -> bool:
    """Whether the repository gets the adapter twice: as LoRA tensors alone, and with the embedding layer."""
    return bool(exported.lora_files) and "embedding" in trained.adapter_parts_bytes


def _ways_to_load(base: str, trained: Trained, exported: Exported, settings: Settings) -> dict[str, Any]:
    """What the card's section `How to load it` is made of. `base`: as the reader names it."""

    def code(vocabulary_rows: int, subfolder: str = "") -> str:
        precision, attention = trained.precision.value, trained.attention
        return loading_code(base, trained.base_revision, precision, vocabulary_rows, attention, subfolder)

    rows = trained.vocabulary_rows if _vocabulary_grew(trained, settings) else 0
    agreement = next((form.agreement for form in exported.forms if form.name == "lora"), None)
    both = has_form_with_embedding(trained, exported)
    on_hub = bool(settings.hub.repo_id)
    return {
        "adapter": settings.hub.repo_id or ("./lora" if agreement else "./adapter"),
        "loading_base": base,
        "vllm_rank": next(rank for rank in VLLM_RANKS if rank >= settings.lora.r),
        "loading_code": code(0 if agreement else rows),
        "agreement": agreement,
        "embedding_adapter": settings.hub.repo_id or "./adapter",
        "embedding_code": code(rows, WITH_EMBEDDING if on_hub else "") if both else "",
        "embedding_in_repository": on_hub,
        "with_embedding": WITH_EMBEDDING,
    }


def _vocabulary_grew(trained: Trained, settings: Settings) -> bool:
    """Whether the base must be extended before the adapter fits."""
    return "embedding" in trained.adapter_parts_bytes or settings.model.pad_token == "add"


def how_to_ask(cleaned: Cleaned, max_new_tokens: int = 256, repetition_penalty: float = 1.0) -> str:
    """The model card's section of that name, with the prompt that training used. Its code needs a `tokenizer` and a `model`."""
    system, question = cleaned.system_prompt, "Your question"
    if system and cleaned.system_in_user_turn:
        system, question = "", in_user_turn(system, question)
    return CARDS.get_template("how_to_ask.md.jinja").render(
        cleaned=cleaned,
        system=system,
        question=question,
        only_texts=cleaned.only_texts,
        max_new_tokens=max_new_tokens,
        repetition_penalty=repetition_penalty,
    )


def _rows_in_words(cleaned: Cleaned) -> str:
    if cleaned.only_texts:
        return "plain texts"
    if cleaned.conversations == cleaned.train_rows + cleaned.eval_rows:
        return "conversations"
    return "rows" if cleaned.texts or cleaned.conversations else "question-and-answer rows"


def data_card(cleaned: Cleaned, probed: Probed, settings: Settings, licences: Mapping[str, Licence]) -> str:
    """README.md of the cleaned rows. `licences`: of the sources on the Hub, by name."""
    name = settings.hub.dataset_repo_id.rpartition("/")[2]
    files = [{"split": "train", "path": "train.jsonl"}, {"split": "eval", "path": "eval.jsonl"}]
    rows = cleaned.train_rows + cleaned.eval_rows
    licence = _common_licence(settings, licences)
    metadata = DatasetCardData(
        language=_languages(settings, probed),
        license=licence.id,
        license_name=licence.name or None,
        license_link=licence.link or None,
        task_categories=["question-answering", "text-generation"],
        size_categories=_size_category(rows),
        source_datasets=_data_sets(settings),
        pretty_name=name,
        configs=[{"config_name": "default", "data_files": files}],
    )
    return CARDS.get_template("data_card.md.jinja").render(
        metadata=metadata.to_yaml(),
        name=name,
        cleaned=cleaned,
        licence=licence,
        licences={name: one.name or one.id or "not named" for name, one in licences.items()},
    )


def _common_licence(settings: Settings, licences: Mapping[str, Licence]) -> Licence:
    """The one that all sources name; where they differ, or one names none, as each of a file does, only they can say."""
    named = {licences.get(source.name, Licence()) for source in settings.data.sources}
    common = named.pop() if len(named) == 1 else Licence()
    return common if common.id else Licence("other", "as-its-sources")


SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
"""Rows -> the Hub's name for a data set with fewer."""


def _size_category(rows: int) -> str:
    return next((name for most, name in SIZES if rows < most), "10M<n<100M")
