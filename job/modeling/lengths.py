"""How long rows and answers may be for a base model."""

from __future__ import annotations

import re

import torch

from job.errors import SettingsError
from job.modeling.architecture import Architecture
from job.modeling.layers import decoder_of


def require_lengths(base: Architecture, max_tokens: int, max_new_tokens: int) -> None:
    """Raises SettingsError (64) if rows or answers may be longer than a table of learned positions, or so long that the
    rotary embedding of a row would depend on the rows beside it."""
    problems = []
    tokens = base.model.get_input_embeddings()
    tables = {
        name: len(module.weight)
        for name, module in decoder_of(base.model).named_modules()
        if isinstance(module, torch.nn.Embedding) and module is not tokens and re.search("position|wpe", name)
    }
    for name, places in tables.items():
        if max_tokens + max_new_tokens > places:
            problems.append(
                f"FINETUNE_TRAIN_MAX_TOKENS ({max_tokens:,}) and FINETUNE_PROBE_MAX_NEW_TOKENS ({max_new_tokens:,}): their sum "
                f"may be at most {places:,}, the positions that {base.name} has learned ({name})"
            )
    config = base.text_config
    rope = getattr(config, "rope_parameters", None)
    kinds = [rope, *rope.values()] if isinstance(rope, dict) else []
    for kind in kinds:
        if not isinstance(kind, dict) or kind.get("rope_type") not in ("longrope", "dynamic"):
            continue
        most = kind.get("original_max_position_embeddings") or getattr(config, "original_max_position_embeddings", 0)
        most = most or config.max_position_embeddings
        if max_tokens > most:
            problems.append(
                f"FINETUNE_TRAIN_MAX_TOKENS: at most {most:,} for {base.name}: a longer row would change the "
                f"{kind['rope_type']} rotary embedding of every row beside it, so a step would depend on how it is cut"
            )
    if problems:
        raise SettingsError(dict.fromkeys(problems))
