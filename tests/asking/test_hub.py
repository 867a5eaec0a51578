"""What was pushed says how it is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from job.asking.hub import of_hub, prompt_on
from job.errors import AccessDenied, NotFound
from job.hosts.patience import Limits, set_limits
from job.publishing.cards import how_to_ask
from tests.asking.conftest import CHATS, SYSTEM
from tests.standin_hub import StandInHub

CONFIG = {"base_model_name_or_path": "meta/base", "revision": "feedbeef", "peft_type": "LORA"}


@pytest.fixture(autouse=True)
def client(hub: StandInHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    set_limits(Limits())


def repository(hub: StandInHub, name: str = "alice/adapter", config: dict[str, Any] = CONFIG, **options: Any) -> None:
    files = {
        "adapter_config.json": json.dumps(config).encode(),
        "adapter_model.safetensors": b"weights",
        "generation_config.json": json.dumps({"max_new_tokens": 40, "repetition_penalty": 1.1}).encode(),
        "README.md": how_to_ask(CHATS).encode(),
        "with-embedding/adapter_model.safetensors": b"large",
        "pytorch_model.bin": b"a pickle",
    }
    hub.add_repo("model", name, files, **options)


def test_a_repository_is_asked_as_its_card_says(hub: StandInHub) -> None:
    repository(hub)
    source = of_hub("alice/adapter", "", "")
    assert (source.system, source.max_new_tokens, source.repetition_penalty) == (SYSTEM, 40, 1.1)
    assert (source.model.base, source.model.revision, source.precision) == ("meta/base", "feedbeef", "")
    there = {path.name for path in source.adapter.rglob("*")}
    assert there == {"adapter_config.json", "adapter_model.safetensors", "generation_config.json", "README.md"}


def test_without_a_note_of_it_the_defaults_decode(hub: StandInHub) -> None:
    files = {"adapter_config.json": json.dumps(CONFIG).encode(), "adapter_model.safetensors": b"weights"}
    hub.add_repo("model", "alice/bare", files)
    source = of_hub("alice/bare", "", "")
    assert (source.system, source.max_new_tokens, source.repetition_penalty) == ("", 256, 1.0)


@pytest.mark.parametrize("system", ["", SYSTEM, 'Say "yes"\nor {"no"}, süß.'])
@pytest.mark.parametrize("folded", [False, True])
def test_the_prompt_on_a_card_is_read_back(system: str, folded: bool, tmp_path: Path) -> None:
    cleaned = CHATS.model_copy(update={"system_prompt": system, "system_in_user_turn": folded})
    (tmp_path / "README.md").write_text(how_to_ask(cleaned), "utf-8")
    assert prompt_on(tmp_path / "README.md", "a/b") == (system, False)


def test_plain_texts_and_cards_that_say_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    card = tmp_path / "README.md"
    card.write_text(how_to_ask(CHATS.model_copy(update={"texts": CHATS.train_rows + CHATS.eval_rows})), "utf-8")
    assert prompt_on(card, "a/b") == ("", True)
    assert caplog.text == ""
    card.write_text("# Something else\n", "utf-8")
    assert prompt_on(card, "a/b") == ("", False)
    assert "system_prompt=unknown: the card of a/b" in caplog.text


def test_what_is_no_adapter_or_no_longer_there_is_66(hub: StandInHub) -> None:
    hub.add_repo("model", "alice/model", {"config.json": b"{}"})
    with pytest.raises(NotFound, match=r"has no adapter_config\.json and no adapter_model\.safetensors"):
        of_hub("alice/model", "", "")
    with pytest.raises(NotFound, match="alice/gone does not exist, or is private"):
        of_hub("alice/gone", "", "")


def test_a_gated_adapter_without_a_token_is_67(hub: StandInHub) -> None:
    repository(hub, gated=True)
    with pytest.raises(AccessDenied, match="The adapter alice/adapter is gated, and was requested with no token"):
        of_hub("alice/adapter", "", "")


def test_a_base_that_was_a_folder_has_to_be_named(hub: StandInHub, base: Path) -> None:
    repository(hub, config=CONFIG | {"base_model_name_or_path": "base", "revision": None})
    with pytest.raises(NotFound, match="a base model in a folder, “base”, which is not on the Hub") as caught:
        of_hub("alice/adapter", "", "")
    assert "FINETUNE_MODEL_BASE" in caught.value.remedy and "quickstart" in caught.value.remedy
    assert of_hub("alice/adapter", str(base), "").model.location == str(base)


def test_a_base_behind_a_gate_is_67_and_one_that_is_not_in_the_cache_66(
    hub: StandInHub, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from job.asking.session import opened

    repository(hub)
    source = of_hub("alice/adapter", "", "")
    source = replace(source, model=source.model.model_copy(update={"revision": "main"}))
    hub.add_repo("model", "meta/base", {"config.json": (base / "config.json").read_bytes()}, gated=True)
    with (
        pytest.raises(AccessDenied, match="The base model meta/base at main is gated"),
        opened(source, "", ""),
    ):
        pass
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(NotFound, match="HF_HUB_OFFLINE forbids to ask the Hub"), opened(source, "", ""):
        pass
