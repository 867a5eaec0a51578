"""A base model without its weights: sizes that cannot be, encoders, and what the adapter takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from job.errors import SettingsError
from job.modeling.architecture import Architecture, require_layers_to_share
from tests.modeling.spoiling import (
    BASE,
    Case,
    config,
    only_config,
)

CASES = (
    Case("no channels", config(hidden_size=0), 66, (BASE, "config.json", "without layers")),
    Case("no layers", config(num_hidden_layers=0), 66, (BASE, "config.json", "without layers")),
    Case("channels below zero", config(hidden_size=-64), 66, (BASE, "negative dimension -64")),
    Case("heads that do not divide", config(num_attention_heads=5), 66, (BASE, "not a multiple", "(5)")),
    Case("encoder with a head", only_config("bert", "BertLMHeadModel"), 64, (BASE, "depends on later tokens")),
    Case("encoder without a name", only_config("roberta"), 64, (BASE, "depends on later tokens")),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_model_that_cannot_be_built_is_refused(case: Case, refused: Callable[[Case], None]) -> None:
    refused(case)


@pytest.mark.parametrize("kind", ["gemma4_text", "deepseek_v4", "modernbert-decoder"])
def test_an_unusual_decoder_is_planned(kind: str, tmp_path: Path) -> None:
    """Sizes that differ between layers; linear layers that take their input in groups; a head that is called decoder."""
    from transformers import AutoConfig

    from job.modeling.architecture import Architecture
    from job.modeling.layers import linear_layers
    from job.plan.base import base_lines
    from job.plan.cost import T4, memory
    from job.plan.facts import Facts, Found
    from job.settings.fields import LoraSettings, Settings, TrainSettings

    AutoConfig.for_model(kind).save_pretrained(tmp_path)
    read = Architecture.read(tmp_path, kind)
    assert read.adapter(LoraSettings()).parameters > 0
    assert read.model.get_output_embeddings() not in linear_layers(read.model).values()
    settings = Settings.model_construct(lora=LoraSettings(), train=TrainSettings())
    facts = Facts(settings, "", {})
    facts.base = Found(read)
    assert any("adapter on" in line for line in base_lines(facts))
    memory(read, settings, T4)  # None where it cannot be predicted; it must not raise


def test_tokens_that_the_embedding_lacks_are_not_left_random(base: Path) -> None:
    planned = dataclasses.replace(Architecture.read(base, "base"), new_rows=4)
    assert planned.embedding_bytes("rows") == 4 * 64 * 2
    with pytest.raises(SettingsError, match="3 more tokens than its embedding has rows"):
        planned.embedding_bytes("none")


def test_workers_share_only_a_base_that_has_layers_in_4_bits(base: Path, tmp_path: Path) -> None:
    """Falcon's linear layers are of a class of their own, which bitsandbytes leaves as it is."""
    from tests.families import FAMILIES, make_config, make_family_tokenizer

    (falcon,) = (family for family in FAMILIES if family.name == "falcon")
    make_config(falcon, make_family_tokenizer(falcon)).save_pretrained(tmp_path)
    read = Architecture.read(tmp_path, "falcon")
    with pytest.raises(SettingsError, match="FINETUNE_TRAIN_SHARD: falcon has no layers in 4 bits"):
        require_layers_to_share(read, "full", 2)
    require_layers_to_share(read, "full", 1)  # who is alone holds all of it
    require_layers_to_share(read, "auto", 2)
    require_layers_to_share(Architecture.read(base, "llama"), "full", 2)


def test_new_rows_of_two_layers_are_refused_before_training(untied_base: Path) -> None:
    planned = Architecture.read(untied_base, "untied")
    assert planned.embedding_bytes("full") > 0
    with pytest.raises(SettingsError, match="rows needs a base whose head shares the embedding's weights"):
        planned.embedding_bytes("rows")
