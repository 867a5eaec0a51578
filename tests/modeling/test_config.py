"""config.json: damaged, of no decoder, quantized already, in need of code of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import AutoConfig

from job.modeling.config import attention_of, published_dtype
from tests.modeling.spoiling import (
    BASE,
    Case,
    config,
    content,
    only_config,
    torn,
)

CASES = (
    Case("config torn", torn("config.json"), 66, (BASE, "cannot be read as a model's config", "damaged")),
    Case("config empty", content("config.json", ""), 66, (BASE, "cannot be read as a model's config")),
    Case("config a list", content("config.json", "[]"), 66, (BASE, "it holds a list")),
    Case("config not UTF-8", content("config.json", b'{"model_type": "\xff"}'), 66, (BASE, "can't decode byte")),
    Case("config nested without end", content("config.json", "[" * 100_000), 66, (BASE, "recursion")),
    Case("config without a model", content("config.json", "{}"), 66, (BASE, "names no model_type")),
    Case("unknown type", config(model_type="llama9"), 64, (BASE, "does not know the model type 'llama9'")),
    Case("type is a list", config(model_type=["llama"]), 64, (BASE, "does not know the model type")),
    Case(
        "remote code only",
        config(model_type="mine", architectures=["MineForCausalLM"], auto_map={"AutoModelForCausalLM": "m.Mine"}),
        64,
        (BASE, "needs code from its own repository, which the job never runs"),
    ),
    Case("text_config a list", config(text_config=[1]), 66, (BASE,)),
    Case("a size in words", config(num_hidden_layers="two"), 66, (BASE, "'num_hidden_layers' expected int, got str")),
    Case("encoder", only_config("bert", "BertForMaskedLM"), 64, (BASE, "no causal language model", "BertForMaskedLM")),
    Case("translation", only_config("t5", "T5ForConditionalGeneration"), 64, (BASE, "no causal language model")),
    Case("speech", only_config("whisper", "WhisperForConditionalGeneration"), 64, (BASE, "no causal language model")),
    Case("images", only_config("vit", "ViTForImageClassification"), 64, (BASE, "ViTForImageClassification")),
    Case("images and captions", only_config("clip", "CLIPModel"), 64, (BASE, "names CLIPModel")),
    Case(
        "vision and language",
        only_config("llava", "LlavaForConditionalGeneration", text_config={"model_type": "llama"}),
        64,
        (BASE, "no causal language model", "LlavaForConditionalGeneration"),
    ),
    Case("vision", only_config("qwen2_vl", "Qwen2VLForConditionalGeneration"), 64, (BASE, "no causal language model")),
    Case("classifier", config(architectures=["LlamaForSequenceClassification"]), 64, (BASE, "SequenceClassification")),
    Case("no head", config(architectures=["LlamaModel"]), 64, (BASE, "no causal language model", "LlamaModel")),
    Case("fp8", config(quantization_config={"quant_method": "fp8"}), 64, (BASE, "quantized already (fp8)")),
    Case("GPTQ", config(quantization_config={"quant_method": "gptq"}), 64, (BASE, "quantized already (gptq)")),
    Case(
        "4 bits of bitsandbytes",
        config(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
        64,
        (BASE, "quantized already (bitsandbytes)", "the checkpoint from which this one was made"),
    ),
    Case(
        "quantized in its text part",
        config(text_config={"quantization_config": {"quant_method": "awq"}}),
        64,
        (BASE, "quantized already (awq)"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_config_that_cannot_be_trained_is_refused(case: Case, refused: Callable[[Case], None]) -> None:
    refused(case)


def test_the_published_dtype_is_the_config_s_or_that_of_its_text_part() -> None:
    config = AutoConfig.for_model("gemma3", text_config={"dtype": "bfloat16"})
    config.dtype = None
    config.text_config.dtype = torch.bfloat16
    assert published_dtype(config) == torch.bfloat16
    config.dtype = torch.float16
    assert published_dtype(config) == torch.float16
    assert published_dtype(AutoConfig.for_model("llama")) == torch.float32


def test_capped_attention_needs_the_eager_implementation() -> None:
    assert attention_of(AutoConfig.for_model("gemma2")) == "eager"
    assert attention_of(AutoConfig.for_model("llama")) == ""
