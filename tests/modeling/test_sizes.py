"""Bytes of the adapter, before anything is downloaded."""

from __future__ import annotations

from job.modeling.architecture import Architecture
from job.modeling.sizes import sizes
from job.settings.fields import LoraSettings, ModelSettings, Settings


def test_sizes_for_llama_3b_are_those_of_the_real_shapes(llama_3b: Architecture) -> None:
    expected = {"full": 824_711_168, "rows": 36_706_304, "none": 36_700_160}
    for how, size in expected.items():
        settings = Settings.model_construct(
            model=ModelSettings(base="meta-llama/Llama-3.2-3B-Instruct", save_embedding=how),  # type: ignore[arg-type]
            lora=LoraSettings(),
        )
        found = sizes(llama_3b, settings)
        assert found.lora_parameters == 9_175_040
        assert found.adapter_bytes == size
