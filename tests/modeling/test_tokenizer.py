"""A tokenizer with a token to pad with, which never is the one that ends an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from job.errors import NotFound, SettingsError
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import ModelSettings
from tests.conftest import TEMPLATE, make_base
from tests.modeling.chats import load, raw_tokenizer
from tests.modeling.spoiling import (
    BASE,
    Case,
    content,
    torn,
    without,
)
from tests.templates import CHATML, make_base_of


def test_padding_is_never_done_with_the_stop_token(tmp_path: Path) -> None:
    """Although it is not the end token, and although the tokenizer itself pads with it."""
    folder = make_base_of(tmp_path / "base", CHATML, pad_token="<|im_end|>")
    tokenizer = load(folder, pad_token="reserved")
    assert Chat(tokenizer).stop_token == "<|im_end|>"
    assert tokenizer.eos_token == "<|endoftext|>"
    assert tokenizer.pad_token == "<|finetune_right_pad_id|>"


def test_a_damaged_tokenizer_is_not_found(base: Path, tmp_path: Path) -> None:
    raw_tokenizer(CHATML, base).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "Other"}}', "utf-8")
    with pytest.raises(NotFound, match=r"The tokenizer of the base model .* does not load"):
        load(tmp_path)


def test_a_base_without_template_takes_one_from_a_file(tmp_path: Path) -> None:
    folder = make_base(tmp_path / "base", template=None)
    model = ModelSettings(base=str(folder))
    with pytest.raises(SettingsError, match="FINETUNE_MODEL_CHAT_TEMPLATE_FILE"):
        load_tokenizer(fetch_files(model, "", weights=False), model)
    (tmp_path / "chat.jinja").write_text(TEMPLATE, "utf-8")
    given = ModelSettings(base=str(folder), chat_template_file=str(tmp_path / "chat.jinja"))
    assert load_tokenizer(fetch_files(given, "", weights=False), given).chat_template == TEMPLATE


def test_it_is_loaded_again_where_anything_has_changed_and_not_otherwise(tmp_path: Path) -> None:
    folder = make_base_of(tmp_path / "base", CHATML)
    first = load(folder, pad_token="reserved")
    assert load(folder, pad_token="reserved") is first
    assert load(folder, pad_token="add") is not first
    assert load(folder, pad_token="reserved") is not first, "one is kept"
    kept = load(folder, pad_token="reserved")
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text("utf-8").replace("<|endoftext|>", "<|im_end|>"), "utf-8")
    assert load(folder, pad_token="reserved") is not kept
    assert load(folder, pad_token="reserved").eos_token == "<|im_end|>"


# --- in a run --------------------------------------------------------------------------------------------------------

CASES = (
    Case("no tokenizer", without("tokenizer.json", "tokenizer_config.json"), 66, (BASE, "does not load")),
    Case("tokenizer torn", torn("tokenizer.json"), 66, (BASE, "does not load")),
    Case("tokenizer's config a list", content("tokenizer_config.json", "[]"), 66, (BASE, "does not load")),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_tokenizer_that_does_not_load_in_a_run_is_refused(case: Case, refused: Callable[[Case], None]) -> None:
    refused(case)
