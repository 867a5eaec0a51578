"""What the base model's config.json says: which layers get the adapter, what will be in 4 bits, and how large the files get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from job import pipeline

if TYPE_CHECKING:
    from job.plan.facts import Facts

FORMS = ("lora/", "merged/")
"""What is left only where FINETUNE_EXPORT names it."""


def file_lines(facts: Facts) -> Iterator[str]:
    """The files that the stages leave, and the sizes of the large ones."""
    for stage in pipeline.STAGES:
        left = [file for file in stage.files if file.strip("/") in facts.settings.export or file not in FORMS]
        yield f"  {' '.join((f'{stage.name}.json', *left))}"
    yield "  settings.json metrics.json report.html"
    found = facts.sizes.value
    if not found:
        why = facts.base.problem or facts.sizes.problem
        yield f"  sizes are unknown, because the base model cannot be judged now: {why}"
        return
    yield (
        f"  adapter_model.safetensors: {found.adapter_bytes:,} bytes: "
        f"{found.lora_parameters:,} float32 LoRA parameters ({found.lora_bytes:,})"
        + (f" and the embedding layer ({found.embedding_bytes:,})" if found.embedding_bytes else "")
    )
    yield f"  checkpoints: about {9 * found.lora_bytes:,} bytes at most"


def base_lines(facts: Facts) -> Iterator[str]:
    """How much of the base will be in 4 bits, and which layers get the adapter.

    Raises SettingsError (64) for targets that the base lacks.
    """
    base, settings = facts.base.value, facts.settings
    if not base:
        yield f"  unknown: {facts.base.problem}"
        return
    from job.modeling.targets import shown, targets
    from job.modeling.weights import count_weights, quantized_share

    parameters: Counter[str] = Counter()
    for count in count_weights(base.model):
        parameters[count.kind] += count.parameters
    for kind, number in parameters.items():
        yield f"  {kind:<18} {number:>15,} parameters"
    yield f"  in 4 bits: {quantized_share(base.model):.1%} of the linear weights (not counting embedding and head)"
    chosen = targets(base.model, settings.lora.targets, base.name)
    yield f"  adapter on {', '.join(shown(chosen, base.model))}: {len(chosen)} layers"
