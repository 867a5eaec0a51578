"""A form is read by another process: its answers and its prompt are compared with the probe's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from job.errors import JobError
from job.exporting import agreement, lora, merged
from job.exporting.agreement import _same
from job.exporting.lora import check_lora, write_lora
from job.exporting.source import Source
from job.results import Said


@pytest.fixture
def folder(source: Source, tmp_path: Path) -> Path:
    write_lora(source, tmp_path / "lora")
    return tmp_path / "lora"


@pytest.mark.usefixtures("in_this_process")
def test_a_tokenizer_that_writes_another_prompt_is_refused(source: Source, folder: Path) -> None:
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text("utf-8").replace("\n\n", "\n"), "utf-8")
    with pytest.raises(JobError, match="writes another prompt than the one that training used"):
        check_lora(source, folder)


@pytest.mark.usefixtures("in_this_process")
def test_an_answer_with_a_token_that_the_form_lacks_is_not_compared(source: Source, folder: Path) -> None:
    new = source.trained.vocabulary_rows - 1
    said = [*source.said, Said(prompt=[1, 2], answer=[new])]
    assert check_lora(replace(source, said=said), folder).agreement.answers == 3
    assert check_lora(replace(source, said=[]), folder).agreement.tokens == 0


class _Loads(Exception):
    pass


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("form", ["lora", "merged"])
def test_a_form_that_one_card_does_not_hold_is_loaded_over_all(
    form: str, fits: bool, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merged model has four times the bytes of the one that was probed, so it may take more cards than that."""

    def process(*_: Any, spread: bool) -> None:
        raise _Loads(spread)

    monkeypatch.setattr(agreement, "fresh_process", process)
    monkeypatch.setattr(lora, "placement", lambda *_: {"": 0} if fits else {"a": 0, "b": 1})
    monkeypatch.setattr(merged, "one_card_holds", lambda size: asked.append(size) or fits)
    asked: list[int] = []
    write, check = {"lora": (write_lora, check_lora), "merged": (merged.write_merged, merged.check_merged)}[form]
    write(source, tmp_path / form)
    with pytest.raises(_Loads) as loads:
        check(source, tmp_path / form)
    assert loads.value.args == (not fits,)
    assert asked == [sum(p.stat().st_size for p in tmp_path.glob("merged/*.safetensors"))] * (form == "merged")


@pytest.mark.parametrize("penalty", [1.0, 1.5])
def test_tokens_are_counted_as_generation_says_them(base: Path, penalty: float) -> None:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    prompt = [5, 6, 7, 8]
    ids = model.generate(
        torch.tensor([prompt]), max_new_tokens=8, do_sample=False, repetition_penalty=penalty, eos_token_id=None
    )
    answer = ids[0, len(prompt) :].tolist()
    assert _same(model, prompt, answer, penalty) == (8, 8)
    answer[3] = (answer[3] + 1) % 50
    assert _same(model, prompt, answer[:4], penalty) == (3, 4)
