"""Tokenizer and generation config of a form."""

from __future__ import annotations

from dataclasses import replace

from transformers import AutoTokenizer

from job.exporting.source import Source
from job.exporting.texts import base_tokenizer, generation_config


def test_the_tokenizer_is_the_bases_with_the_trained_template(source: Source) -> None:
    tokenizer = base_tokenizer(source)
    own = AutoTokenizer.from_pretrained(source.files.folder)
    assert tokenizer.get_vocab() == own.get_vocab()
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(source.adapter).chat_template


def test_it_pads_with_a_token_of_the_base_that_no_answer_ends_with(source: Source) -> None:
    assert base_tokenizer(source).pad_token not in (None, "<pad>", "<|eot_id|>", "</s>")


def test_generation_ends_and_decodes_as_in_the_probe(source: Source) -> None:
    tokenizer = base_tokenizer(source)
    found = generation_config(source, tokenizer)
    assert tokenizer.convert_tokens_to_ids("<|eot_id|>") in found.eos_token_id
    assert (found.do_sample, found.max_new_tokens, found.pad_token_id) == (False, 12, tokenizer.pad_token_id)
    assert "repetition_penalty" not in found.to_diff_dict()
    assert generation_config(replace(source, repetition_penalty=1.2), tokenizer).repetition_penalty == 1.2
