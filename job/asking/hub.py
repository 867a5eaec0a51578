"""What a repository on the Hub says of its model: the adapter in its root, the prompt on its card, the decoding beside it."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from job.asking.source import Source
from job.errors import NotFound
from job.hosts.hub import ask
from job.modeling.adapter_file import WEIGHTS
from job.modeling.chat import in_user_turn
from job.settings.fields import ModelSettings, ProbeSettings
from job.trained_base import base_of

log = logging.getLogger("job.ask")
FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "README.md"]
TURN = re.compile(r'^ *(\{"role": "(?:system|user)", "content": ".*"\}),$', re.MULTILINE)
"""A turn in the card's code that asks (job/publishing/how_to_ask.md.jinja)."""
ANY_QUESTION = "Your question"
CONTINUES = "it continues the beginning of a text"


def of_hub(repo: str, base: str, token: str) -> Source:
    """`base`: where the user says that the base is.

    Raises NotFound (66) for a repository without an adapter, and what `base_of` and the Hub's failures raise.
    """

    def download() -> str:
        return snapshot_download(repo, token=token or False, allow_patterns=FILES, ignore_patterns=["*/*"])

    folder = Path(ask(download, f"adapter {repo}", "--adapter", token=token))
    missing = [name for name in ("adapter_config.json", WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise NotFound(
            f"{repo} on the Hub holds no LoRA adapter in its root: it has no {' and no '.join(missing)}.",
            remedy="Name a repository that this job has pushed (--adapter OWNER/NAME).",
        )
    config, decoding = _json(folder / "adapter_config.json"), _json(folder / "generation_config.json")
    system, only_texts = prompt_on(folder / "README.md", repo)
    return Source(
        folder,
        _base(config, repo, base),
        system,
        only_texts,
        decoding.get("max_new_tokens") or ProbeSettings().max_new_tokens,
        decoding.get("repetition_penalty") or 1.0,
    )


def _base(config: dict[str, Any], repo: str, given: str) -> ModelSettings:
    """Raises NotFound (66) where the base was a folder of another machine, whose name is all that is published."""
    name, revision = str(config.get("base_model_name_or_path") or ""), str(config.get("revision") or "main")
    if "/" not in name and not given:
        raise NotFound(
            f"{repo} was trained on a base model in a folder, “{name}”, which is not on the Hub.",
            remedy="Set FINETUNE_MODEL_BASE to the folder in which that base model lies on this machine (`quickstart` for the "
            "embedded one).",
        )
    return base_of(name, revision, {}, given)


def prompt_on(card: Path, repo: str) -> tuple[str, bool]:
    """(the system prompt, whether the adapter continues plain texts), as the card tells people to ask."""
    text = card.read_text("utf-8") if card.is_file() else ""
    turns = {turn["role"]: turn["content"] for turn in map(json.loads, TURN.findall(text))}
    if not turns and CONTINUES not in text:
        log.warning("stage=ask system_prompt=unknown: the card of %s does not say how to ask; asked without one", repo)
    behind = in_user_turn("", ANY_QUESTION)
    folded = turns.get("user", "").removesuffix(behind) if turns.get("user", "").endswith(behind) else ""
    return turns.get("system", folded), CONTINUES in text and not turns


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
