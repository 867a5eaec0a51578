"""How long rows, questions and answers may be for a base model."""

from __future__ import annotations

import re

import torch
from transformers import PreTrainedConfig

from job.errors import SettingsError
from job.modeling.architecture import Architecture
from job.modeling.chat import Chat
from job.modeling.layers import decoder_of
from job.settings.fields import ProbeSettings
from job.settings.files import read_lines

LONGEST_QUESTION = 4096
"""Tokens of a prompt that the probe takes on any machine that can train the base, even where rows are shorter."""
MOST_PROBLEMS = 5


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


def require_questions(
    chat: Chat, config: PreTrainedConfig, settings: ProbeSettings, *, system: str, longest: int = 2**31
) -> None:
    """Raises SettingsError (64) with the line of each question that is too long: for the positions of the model, of which the
    answer needs some too, or longer than `longest` tokens, the most that is known to fit into memory after training."""
    new = settings.max_new_tokens
    positions = getattr(config.get_text_config(), "max_position_embeddings", None) or 2**31
    most = min(positions - new, longest)
    reason = (
        f"the model has {positions:,} positions, and FINETUNE_PROBE_MAX_NEW_TOKENS takes {new:,} of them"
        if most == positions - new
        else "more may not fit into memory after training; FINETUNE_TRAIN_MAX_TOKENS raises the limit, for rows too"
    )
    problems = []
    for number, question in read_lines(settings.questions_file):
        tokens = len(chat.prompt_ids(system, question))
        if tokens > most:
            problems.append(
                f"FINETUNE_PROBE_QUESTIONS_FILE: line {number} of {settings.questions_file} has {tokens:,} tokens as a prompt, "
                f"and may have {max(most, 0):,}: {reason}"
            )
    if problems:
        more = [f"FINETUNE_PROBE_QUESTIONS_FILE: {len(problems) - MOST_PROBLEMS} more lines are as long"]
        raise SettingsError(problems[:MOST_PROBLEMS] + (more if len(problems) > MOST_PROBLEMS else []))
