"""The tokenizer, with a token to pad with."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from job.errors import NotFound, SettingsError
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles
from job.modeling.template import prepare_template
from job.settings.fields import ModelSettings
from job.settings.files import read_text

NEW_PAD_TOKEN = "<pad>"


def load_tokenizer(files: BaseFiles, model: ModelSettings) -> PreTrainedTokenizerBase:
    """The base model's tokenizer with the run's chat template and a pad token that is not its end-of-turn token.

    Padding with the end-of-turn token teaches a model not to stop, so `reserved` is refused where a tokenizer has no spare
    token (SettingsError, 64). Raises NotFound (66) if no tokenizer loads.

    Whoever asks next gets the same one, and no one changes it: the checks, the cleaning and the training of a start ask four
    times, and one of 128,000 tokens loads in half a second.
    """
    found = (path for path in files.folder.glob("*") if path.is_file())
    state = tuple(sorted((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in found))
    return _loaded(files.folder, files.name, read_text(model.chat_template_file), model.pad_token, state)


@lru_cache(maxsize=1)
def _loaded(
    folder: Path, name: str, template: str, pad_token: str, _state: tuple[tuple[str, int, int], ...]
) -> PreTrainedTokenizerBase:
    """`_state`: of all files in the folder, a change of which asks again."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # for a damaged tokenizer.json the Rust library raises a plain Exception
        raise NotFound(
            f"The tokenizer of the base model {name} does not load: {error}", remedy="Check FINETUNE_MODEL_BASE."
        ) from error
    prepare_template(tokenizer, template, name)
    if pad_token == "add":
        tokenizer.add_special_tokens({"pad_token": NEW_PAD_TOKEN})
    else:
        tokenizer.pad_token = spare_token(tokenizer)
        if not tokenizer.pad_token:
            raise SettingsError(
                [f"FINETUNE_MODEL_PAD_TOKEN: the tokenizer of {name} has no spare token to pad with; set it to add"]
            )
    tokenizer.padding_side = "right"
    return tokenizer


def spare_token(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The tokenizer's own pad token, else one that its makers reserved for padding, else any reserved one; None without any."""
    ends = {tokenizer.eos_token, Chat(tokenizer).stop_token}
    if tokenizer.pad_token and tokenizer.pad_token not in ends:
        return str(tokenizer.pad_token)
    others = [token for token in tokenizer.get_added_vocab() if token not in ends]
    spare = [token for token in others if "pad" in token.lower()]
    spare += sorted(token for token in others if "reserved" in token.lower())
    return str(spare[0]) if spare else None
