"""What other tools require of lora/ and merged/. Those that are not installed are skipped; README.md says what each gave."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open
from transformers import AutoModelForCausalLM, pipeline

from job.exporting.lora import write_lora
from job.exporting.merged import write_merged
from job.exporting.source import Source
from job.modeling.adapter_file import WEIGHTS

LORA_NAME = re.compile(r"base_model\.model\.(.+)\.lora_[AB]\.weight")
LLAMA_CPP = os.environ.get("LLAMA_CPP", "")
"""A folder with llama.cpp's source, as llama-cpp-python's source package carries it (vendor/llama.cpp)."""


@pytest.fixture(scope="module")
def lora(shared_source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools") / "lora"
    write_lora(shared_source, folder)
    return folder


@pytest.fixture(scope="module")
def merged(shared_source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools") / "merged"
    write_merged(shared_source, folder)
    return folder


def misfits(folder: Path, base: Path) -> list[str]:
    """What vLLM 0.33.0 (lora/peft_helper.py, lora_model.py), TGI (adapters/lora.py) or llama.cpp's converter refuse or
    pass over."""
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    found = [name for name in ("modules_to_save", "use_dora", "lora_bias", "layer_replication") if config[name]]
    found += [name for name in ("rank_pattern", "alpha_pattern", "trainable_token_indices") if config[name]]
    found += ["bias"] * (config["bias"] != "none")
    modules = {name for name, _ in AutoModelForCausalLM.from_pretrained(base).named_modules()}
    with safe_open(folder / WEIGHTS, "pt") as file:
        for name in file.keys():  # noqa: SIM118  no dictionary
            named = LORA_NAME.fullmatch(name)
            found += [] if named and named[1] in modules else [name]
    return found


def test_servers_find_nothing_in_lora_that_they_refuse(lora: Path, shared_source: Source) -> None:
    base = shared_source.files.folder
    assert misfits(lora, base) == []
    assert "base_model.model.model.embed_tokens.weight" in misfits(shared_source.adapter, base)


def test_a_pipeline_takes_merged_with_its_decoding_and_lora_without(
    lora: Path, merged: Path, shared_source: Source
) -> None:
    """The card's line says do_sample=False: transformers gives an adapter the decoding of its base, else it samples."""
    config = json.loads((lora / "adapter_config.json").read_text("utf-8"))
    config["base_model_name_or_path"] = str(shared_source.files.folder)
    (lora / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    whole = pipeline("text-generation", model=str(merged), device="cpu")
    adapter = pipeline("text-generation", model=str(lora), device="cpu")
    assert whole.model.generation_config.max_new_tokens == shared_source.max_new_tokens
    assert adapter.model.generation_config.max_new_tokens is None
    said = adapter([{"role": "user", "content": "Which lamp?"}], do_sample=False, max_new_tokens=4)
    assert said[0]["generated_text"][-1]["role"] == "assistant"


def test_vllm_loads_lora_and_refuses_the_embedding(lora: Path, shared_source: Source) -> None:
    """The steps of its worker_manager, without a GPU."""
    lora_model = pytest.importorskip("vllm.lora.lora_model", reason="vLLM is not installed")
    from vllm.config.lora import LoRAConfig
    from vllm.lora.peft_helper import PEFTHelper

    lora_model.PIN_MEMORY = False  # which needs a GPU

    def loaded(folder: Path) -> int:
        helper = PEFTHelper.from_local_dir(str(folder), 512)
        helper.validate_legal(LoRAConfig(max_lora_rank=16))
        model = lora_model.LoRAModel.from_local_checkpoint(
            str(folder), {"q_proj", "k_proj", "v_proj", "o_proj"}, peft_helper=helper, lora_model_id=1, device="cpu"
        )
        return len(model.loras)

    assert loaded(lora) == len(shared_source.updates)
    with pytest.raises(ValueError, match=r"embed_tokens.weight is unsupported LoRA weight"):
        loaded(shared_source.adapter)


def converted(script: str, *options: str, to: Path) -> str:
    """llama.cpp knows tokenizers by the ids that they give to one text, so none that it has not seen; this one splits as
    GPT-2's does."""
    code = (
        f"import runpy, sys; sys.path[:0] = [{LLAMA_CPP!r}, {LLAMA_CPP + '/gguf-py'!r}]\n"
        "from conversion.base import TextModel; TextModel.get_vocab_base_pre = lambda *_: 'gpt-2'\n"
        f"sys.argv[0] = {LLAMA_CPP + '/' + script!r}; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, *options, "--outfile", str(to), "--outtype", "f32"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return str(to)


@pytest.mark.slow
@pytest.mark.skipif(not LLAMA_CPP, reason="LLAMA_CPP names no folder with llama.cpp's source")
def test_llama_cpp_says_what_the_tuned_model_said(
    lora: Path, merged: Path, shared_source: Source, tmp_path: Path
) -> None:
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    base = str(shared_source.files.folder)
    whole = converted("convert_hf_to_gguf.py", str(merged), to=tmp_path / "merged.gguf")
    plain = converted("convert_hf_to_gguf.py", base, to=tmp_path / "base.gguf")
    update = converted("convert_lora_to_gguf.py", str(lora), "--base", base, to=tmp_path / "lora.gguf")

    def same(path: str, **options: str) -> tuple[int, int]:
        model = llama_cpp.Llama(path, n_ctx=512, verbose=False, **options)
        found = []
        for said in shared_source.said:
            model.reset()
            tokens = model.generate(said.prompt, temp=0.0, repeat_penalty=1.0)
            found += [token == next(tokens) for token in said.answer]
        return sum(found), len(found)

    for path, options in ((whole, {}), (plain, {"lora_path": update})):
        count, total = same(path, **options)
        assert count >= 0.9 * total, (path, count, total)
    count, total = same(plain)
    assert count < 0.5 * total
