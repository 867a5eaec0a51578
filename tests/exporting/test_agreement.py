"""A form is read by another process: its answers and its prompt are compared with the probe's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from job.errors import JobError
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
