"""lora/: the LoRA tensors alone, which load into the base as it was published and give the tuned model's answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from job.errors import DiskFull, JobError
from job.exporting.lora import check_lora, write_lora
from job.exporting.source import Source
from job.modeling.adapter_file import WEIGHTS
from tests.conftest import make_base
from tests.exporting.conftest import make_source
from tests.faults.small_disk import small_disk


@pytest.fixture
def folder(source: Source, tmp_path: Path) -> Path:
    write_lora(source, tmp_path / "lora")
    return tmp_path / "lora"


def test_a_disk_without_room_is_said_with_figures_before_anything_is_written(source: Source, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 8192) as root:
        with pytest.raises(DiskFull, match=r"has 8,192 bytes free; the files of lora/ need up to [\d,]+"):
            write_lora(source, root / "lora")
        assert not (root / "lora").exists()


def test_it_holds_no_embedding_and_no_new_token(source: Source, folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    assert tensors.keys() < load_file(source.adapter / WEIGHTS).keys()
    assert all(".lora_" in name for name in tensors)
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert (config["modules_to_save"], config["trainable_token_indices"]) == (None, None)
    tokenizer, own, tuned = map(AutoTokenizer.from_pretrained, (folder, source.files.folder, source.adapter))
    assert len(tokenizer) == len(own) == len(tuned) - 1
    assert tokenizer.chat_template == tuned.chat_template
    assert tokenizer.pad_token_id < len(own)


def test_plain_peft_loads_it_into_a_base_of_the_published_size(source: Source, folder: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(source.files.folder)
    PeftModel.from_pretrained(base, folder)
    with pytest.raises(RuntimeError, match="size mismatch"):
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(source.files.folder), source.adapter)


@pytest.mark.usefixtures("in_this_process")
def test_it_gives_the_answers_of_the_probe(source: Source, folder: Path) -> None:
    agreement = check_lora(source, folder).agreement
    assert (agreement.answers, agreement.same_answers) == (3, 3)
    assert agreement.same_tokens == agreement.tokens == sum(len(said.answer) for said in source.said)


@pytest.mark.parametrize("how", ["sign", "target"])
def test_tensors_that_are_not_the_adapters_are_refused(how: str, source: Source, folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    name = next(name for name in tensors if "lora_B" in name)
    tensors |= {name: -tensors[name]}
    if how == "target":
        del tensors[name]
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(JobError, match="are not the LoRA tensors of the adapter"):
        check_lora(source, folder)


@pytest.mark.usefixtures("in_this_process")
def test_another_base_of_the_same_shape_is_refused(source: Source, folder: Path, tmp_path: Path) -> None:
    other = replace(source.files, folder=make_base(tmp_path / "other", seed=1))
    with pytest.raises(JobError, match=r"lora/ is not the tuned model: of \d+ tokens in 3 answers .* not the one that"):
        check_lora(replace(source, files=other), folder)


@pytest.mark.usefixtures("in_this_process")
def test_where_the_adapter_has_no_embedding_its_weights_are_the_same_file(base: Path, tmp_path: Path) -> None:
    source = make_source(base, tmp_path / "adapter", pad_token="add", save_embedding="none")
    write_lora(source, tmp_path / "lora")
    assert (tmp_path / "lora" / WEIGHTS).samefile(source.adapter / WEIGHTS)
    assert check_lora(source, tmp_path / "lora").agreement.same_answers == 3
