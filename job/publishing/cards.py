"""The model card and the data set card: what the results say, in the words of the templates beside this file."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from huggingface_hub import DatasetCardData, EvalResult, ModelCardData, metadata_load
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from job import __version__
from job.modeling.base import loading_code
from job.modeling.chat import in_user_turn
from job.modeling.nf4 import CPU_KERNEL
from job.reporting.numbers import count, share, signed
from job.reporting.scores import score_rows
from job.results import Cleaned, Probed, Sample, Trained
from job.settings.fields import Settings

SHOWN_ANSWERS = 5


def _quoted(text: str) -> str:
    """The text as a Python literal."""
    return json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quote(text: str) -> str:
    """The text as a Markdown block quote."""
    return "\n".join(f"> {line}" for line in text.splitlines() or [""])


CARDS = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
CARDS.filters.update(count=count, share=share, quoted=_quoted, one_line=_one_line, quote=_quote)
CARDS.globals.update(version=__version__)


def model_card(
    cleaned: Cleaned, trained: Trained, probed: Probed, samples: list[Sample], settings: Settings, licence: str
) -> str:
    """README.md of the adapter. `licence`: the base model's, empty if it is not known."""
    name = settings.hub.repo_id.rpartition("/")[2] or "adapter"
    base = settings.model.location
    change = trained.best_eval_loss / trained.base_eval_loss - 1 if trained.base_eval_loss else 0.0
    questions = [sample for sample in samples if sample.source == "question"]
    return CARDS.get_template("model_card.md.jinja").render(
        metadata=_model_metadata(name, trained, settings, licence).to_yaml(),
        name=name,
        base=base,
        adapter=settings.hub.repo_id or "./adapter",
        loss_change=signed(change * 100, "%"),
        loading_code=loading_code(
            base,
            trained.base_revision,
            trained.precision.value,
            trained.vocabulary_rows if _vocabulary_grew(trained, settings) else 0,
            trained.attention,
        ),
        cpu_kernel=CPU_KERNEL,
        cleaned=cleaned,
        trained=trained,
        train=settings.train,
        lora=settings.lora,
        answers=probed.questions + probed.eval_rows,
        scores=score_rows(probed),
        samples=(questions or samples)[:SHOWN_ANSWERS],
        how_to_ask=how_to_ask(cleaned),
    )


def _model_metadata(name: str, trained: Trained, settings: Settings, licence: str) -> ModelCardData:
    on_hub = not settings.model.is_local
    return ModelCardData(
        base_model=settings.model.base if on_hub else None,
        base_model_relation="adapter" if on_hub else None,
        library_name="peft",
        pipeline_tag="text-generation",
        license=licence or None,
        datasets=[source.name for source in settings.data.sources if not source.is_local] or None,
        tags=["lora", "qlora", "sft"],
        model_name=name,
        eval_results=[
            EvalResult(
                task_type="text-generation",
                dataset_type="evaluation-split",
                dataset_name="held-out rows of the cleaned data",
                metric_type="loss",
                metric_value=round(trained.best_eval_loss, 4),
            )
        ],
    )


def _vocabulary_grew(trained: Trained, settings: Settings) -> bool:
    """Whether the base must be extended before the adapter fits."""
    return "embedding" in trained.adapter_parts_bytes or settings.model.pad_token == "add"


def how_to_ask(cleaned: Cleaned) -> str:
    """The model card's section of that name, with the prompt that training used. Its code needs a `tokenizer` and a `model`."""
    system, question = cleaned.system_prompt, "Your question"
    if system and cleaned.system_in_user_turn:
        system, question = "", in_user_turn(system, question)
    return CARDS.get_template("how_to_ask.md.jinja").render(cleaned=cleaned, system=system, question=question)


def data_card(cleaned: Cleaned, settings: Settings) -> str:
    """README.md of the cleaned rows."""
    name = settings.hub.dataset_repo_id.rpartition("/")[2]
    files = [{"split": "train", "path": "train.jsonl"}, {"split": "eval", "path": "eval.jsonl"}]
    metadata = DatasetCardData(
        task_categories=["question-answering", "text-generation"],
        pretty_name=name,
        configs=[{"config_name": "default", "data_files": files}],
    )
    return CARDS.get_template("data_card.md.jinja").render(metadata=metadata.to_yaml(), name=name, cleaned=cleaned)


def licence_of(readme: Path) -> str:
    """What the front matter of a model's README names as its licence; empty if it names none or cannot be read."""
    try:
        licence = (metadata_load(readme) or {}).get("license")
    except (OSError, ValueError, yaml.YAMLError):
        return ""
    return licence if isinstance(licence, str) else ""
