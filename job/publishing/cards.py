"""The model card and the data set card, made from results alone."""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import DatasetCardData, EvalResult, ModelCardData

from job import __version__
from job.modeling.base import loading_code
from job.modeling.chat import in_user_turn
from job.modeling.nf4 import CPU_KERNEL
from job.reporting.scores import score_rows
from job.results import Cleaned, Probed, Sample, Trained
from job.settings.fields import Settings

SHOWN_ANSWERS = 5


def base_name(settings: Settings) -> str:
    return settings.model.location


def model_card(
    cleaned: Cleaned, trained: Trained, probed: Probed, samples: list[Sample], settings: Settings, licence: str
) -> str:
    name = settings.hub.repo_id.rpartition("/")[2] or "adapter"
    on_hub = not settings.model.is_local
    data = ModelCardData(
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
    extended = trained.vocabulary_rows if "embedding" in trained.adapter_parts_bytes or _added_pad(settings) else 0
    code = loading_code(
        base_name(settings), trained.base_revision, trained.precision.value, extended, trained.attention
    )
    adapter = settings.hub.repo_id or "./adapter"
    drop = 1 - trained.best_eval_loss / trained.base_eval_loss if trained.base_eval_loss else 0.0
    sections = [
        f"---\n{data.to_yaml()}\n---",
        f"# {name}",
        f"A LoRA adapter for `{base_name(settings)}`"
        + (f" at commit `{trained.base_revision}`" if trained.base_revision else "")
        + f", trained on {cleaned.train_rows:,} cleaned question-and-answer rows. On {cleaned.eval_rows:,} held-out rows the "
        f"loss went from {trained.base_eval_loss:.3f} (base model) to {trained.best_eval_loss:.3f} ({-drop:+.0%}).",
        f"## How to load it\n\n```python\nadapter = {json.dumps(adapter)}\n{code}```\n\n"
        "These are the lines by which a fresh process loaded the adapter after training and compared its logits with the "
        f"trained model's: the largest difference was {trained.round_trip_max_difference:.2g}." + _cpu_kernel(trained),
        _asking(cleaned),
        _recipe(cleaned, trained, settings),
        _data_table(cleaned),
        _scores(probed),
        _samples(samples),
        f"Made by lora-job {__version__}.",
    ]
    return "\n\n".join(sections) + "\n"


def _cpu_kernel(trained: Trained) -> str:
    if trained.round_trip_cpu_kernel_error:
        return (
            " That is without the kernel that bitsandbytes takes on a CPU with AVX512-BF16, which cannot compute this base "
            f"({trained.round_trip_cpu_kernel_error}); there, switch it off before the first question:\n\n```python\n"
            f"for module in model.modules():\n    if hasattr(module, {CPU_KERNEL!r}):\n"
            f"        module.{CPU_KERNEL} = False\n```"
        )
    if trained.round_trip_cpu_kernel_difference is None:
        return ""
    return (
        " That is without the kernel that bitsandbytes takes on a CPU with AVX512-BF16: it rounds to bfloat16, and a logit "
        f"then differs by up to {trained.round_trip_cpu_kernel_difference:.2g}. GPUs and other CPUs have no such kernel."
    )


def _added_pad(settings: Settings) -> bool:
    return settings.model.pad_token == "add"


def _asking(cleaned: Cleaned) -> str:
    system, question, turns, note = cleaned.system_prompt, "Your question", "", ""
    if system:
        note = "Use this very system prompt: the adapter was trained with it. "
    if system and cleaned.system_in_user_turn:
        question = in_user_turn(system, question)
        note += "The chat template has no system role, so the prompt stands in front of the question, as in training. "
    elif system:
        turns = f'    {{"role": "system", "content": {_quoted(system)}}},\n'
    thinking = "    enable_thinking=False,\n" if cleaned.thinking_off else ""
    return f"""## How to ask it

{note}The tokenizer in this repository holds the chat template of training.

```python
messages = [
{turns}    {{"role": "user", "content": {_quoted(question)}}},
]
inputs = tokenizer.apply_chat_template(
    messages,
    add_generation_prompt=True,
{thinking}    return_tensors="pt",
    return_dict=True,
)
output = model.generate(
    **inputs.to(model.device),
    max_new_tokens=256,
    do_sample=False,
    eos_token_id=tokenizer.convert_tokens_to_ids({_quoted(cleaned.stop_token)}),
)
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```"""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _recipe(cleaned: Cleaned, trained: Trained, settings: Settings) -> str:
    train, lora = settings.train, settings.lora
    rows = {
        "quantization of the base": f"bitsandbytes NF4, double quantization; {trained.quantized_share:.1%} of linear weights",
        "parameters of the base": ", ".join(f"{w.kind} {w.parameters:,} ({w.dtype})" for w in trained.weights),
        "precision": f"{trained.precision.value} ({trained.precision.reason}); adapter float32",
        "LoRA": f"r {lora.r}, alpha {lora.alpha}, dropout {lora.dropout:g}, on {', '.join(trained.lora_targets)}",
        "trainable parameters": f"{trained.trainable_parameters:,} of {trained.total_parameters:,}",
        "steps": f"{trained.steps:,} of {train.batch_size} rows ({train.epochs:g} epochs); best at step {trained.best_step:,}",
        "learning rate": f"{train.learning_rate:g}, {train.warmup_steps} warmup steps, {train.lr_scheduler}",
        "loss on": "the answer" if train.loss_on == "answer" else "the whole text",
        "longest row": f"{cleaned.longest_tokens} of at most {train.max_tokens} tokens",
        "pad token": f"`{trained.pad_token}`",
        "seed": str(train.seed),
        "adapter file": ", ".join(f"{part} {size:,} bytes" for part, size in trained.adapter_parts_bytes.items()),
    }
    return "## Recipe\n\n| | |\n| --- | --- |\n" + "\n".join(f"| {key} | {value} |" for key, value in rows.items())


def _data_table(cleaned: Cleaned) -> str:
    lines = ["## Data", "", "| source | revision | rows | kept |", "| --- | --- | --- | --- |"]
    lines += [f"| {s.source} | {s.revision} | {s.rows_in:,} | {s.rows_out:,} |" for s in cleaned.sources]
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in cleaned.dropped.items())
    lines += ["", f"Dropped: {dropped or 'nothing'}."]
    return "\n".join(lines)


def _scores(probed: Probed) -> str:
    lines = ["## Before and after", "", f"Greedy answers to {probed.questions + probed.eval_rows} questions.", ""]
    lines += ["| answers | base | tuned |", "| --- | --- | --- |"]
    lines += [f"| {row.name} | {row.base} | {row.tuned} |" for row in score_rows(probed)]
    return "\n".join(lines)


def _samples(samples: list[Sample]) -> str:
    parts = []
    for sample in [s for s in samples if s.source == "question"][:SHOWN_ANSWERS] or samples[:SHOWN_ANSWERS]:
        parts.append(f"**{_line(sample.question)}**\n\nBase:\n{_quote(sample.base)}\n\nTuned:\n{_quote(sample.tuned)}")
    return "\n\n".join(parts)


def _line(text: str) -> str:
    return " ".join(text.split())


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines() or [""])


def dataset_card(cleaned: Cleaned, settings: Settings) -> str:
    name = settings.hub.dataset_repo_id.rpartition("/")[2]
    data = DatasetCardData(
        task_categories=["question-answering", "text-generation"],
        pretty_name=name,
        configs=[
            {
                "config_name": "default",
                "data_files": [
                    {"split": "train", "path": "train.jsonl"},
                    {"split": "eval", "path": "eval.jsonl"},
                ],
            }
        ],
    )
    rules = ["| rule | rows seen | changed | dropped | characters removed |", "| --- | --- | --- | --- | --- |"]
    rules += [
        f"| {name} | {count.seen:,} | {count.changed:,} | {count.dropped:,} | {count.characters_removed:,} |"
        for name, count in cleaned.rules.items()
    ]
    sections = [
        f"---\n{data.to_yaml()}\n---",
        f"# {name}",
        f"{cleaned.train_rows:,} training and {cleaned.eval_rows:,} evaluation rows with the fields `system`, `question`, "
        f"`answer`, `source`, cleaned from {cleaned.rows_in:,}. The rights in the rows are those of their sources.",
        _data_table(cleaned),
        "## Rules\n\n" + "\n".join(rules),
        f"Made by lora-job {__version__}.",
    ]
    return "\n\n".join(sections) + "\n"


def licence_of(folder: Path) -> str:
    """The base model's licence, as the front matter of its README names it; empty where it does not."""
    try:
        lines = (folder / "README.md").read_text("utf-8").splitlines()
    except OSError:
        return ""
    if not lines or lines[0] != "---":
        return ""
    return next((line.partition(":")[2].strip() for line in lines[1:60] if line.startswith("license:")), "")
