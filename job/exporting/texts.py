"""What a form brings beside its weights: the base's own tokenizer with the trained chat template, and how to generate."""

from __future__ import annotations

from transformers import AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase

from job.exporting.source import Source
from job.modeling.chat import Chat
from job.modeling.tokenizer import spare_token


def base_tokenizer(source: Source) -> PreTrainedTokenizerBase:
    """Without a new token, so that it fits the base as it was published.

    It pads with a spare token; where the base has none, with one that ends answers too, which only further training would mind.
    """
    tokenizer = AutoTokenizer.from_pretrained(source.files.folder, trust_remote_code=False)
    tokenizer.chat_template = AutoTokenizer.from_pretrained(source.adapter, trust_remote_code=False).chat_template
    tokenizer.pad_token = spare_token(tokenizer) or tokenizer.unk_token or tokenizer.eos_token
    tokenizer.init_kwargs.pop("local_files_only", None)  # how this process loaded it, which is nobody else's business
    return tokenizer


def generation_config(source: Source, tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """Greedy answers as the probe asked for them, which end where it ended them."""
    try:
        own = GenerationConfig.from_pretrained(source.files.folder)
    except OSError:  # the base has none
        own = GenerationConfig.from_model_config(source.files.config)
    ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
    ends = sorted({*ends, tokenizer.eos_token_id, Chat(tokenizer).stop_id} - {None})
    penalty = {"repetition_penalty": source.repetition_penalty} if source.repetition_penalty != 1 else {}
    return GenerationConfig(
        bos_token_id=own.bos_token_id,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
        max_new_tokens=source.max_new_tokens,
        **penalty,
    )
