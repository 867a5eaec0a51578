"""merged/: a whole model that transformers loads by itself, refused where it is not the tuned one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from job.errors import DiskFull, HostUnfit, JobError, Stopped
from job.exporting import merged
from job.exporting.checkpoint import Stored
from job.exporting.lora import write_lora
from job.exporting.merged import check_merged, update_shares, write_merged
from job.exporting.merging import Weight
from job.exporting.source import Source
from job.hosts import main_memory
from job.modeling.files import INDEX, WHOLE
from tests.exporting.conftest import QUESTIONS, make_source
from tests.families import FAMILIES, Family, make_family_base

NAME = "model.layers.1.self_attn.v_proj.weight"


@pytest.fixture
def folder(source: Source, tmp_path: Path) -> Path:
    write_merged(source, tmp_path / "merged")
    return tmp_path / "merged"


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("memory", [0, 10**5], ids=["in memory", "read from the disk"])
def test_it_gives_the_answers_of_the_probe(
    memory: int, source: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged, "main_memory_bytes", lambda: memory)
    form = check_merged(source, folder)
    assert (form.dtype, form.into, form.no_template) == ("float16", "dequantized", "")
    assert form.agreement.same_tokens >= 0.9 * form.agreement.tokens
    assert form.agreement.least_update == pytest.approx(1, abs=0.01)


def test_transformers_answers_as_the_tuned_model_did(source: Source, folder: Path) -> None:
    """With nothing but the folder: decoding, stop tokens and template are in it."""
    said = AutoTokenizer.from_pretrained(folder).decode(source.said[0].answer, skip_special_tokens=True)
    talk = pipeline("text-generation", model=str(folder), device="cpu", dtype=torch.float32)
    chat = [{"role": "system", "content": "You repair things."}, {"role": "user", "content": QUESTIONS[0]}]
    (found,) = talk(chat)
    assert found["generated_text"][-1]["content"] == said


def test_its_config_is_the_bases_in_16_bits_and_names_no_code(source: Source, tmp_path: Path, base: Path) -> None:
    config = json.loads((base / "config.json").read_text("utf-8"))
    old = tmp_path / "old"
    old.mkdir()
    for path in base.iterdir():
        (old / path.name).write_bytes(path.read_bytes())
    del config["dtype"]
    config |= {"torch_dtype": "float32", "auto_map": {"AutoConfig": "x.Y"}}
    (old / "config.json").write_text(json.dumps(config), "utf-8")
    write_merged(replace(source, files=replace(source.files, folder=old)), tmp_path / "merged")
    found = json.loads((tmp_path / "merged" / "config.json").read_text("utf-8"))
    assert (found["torch_dtype"], "dtype" in found, "auto_map" in found) == ("bfloat16", False, False)
    weights = load_file(tmp_path / "merged" / WHOLE)
    assert weights[NAME].dtype == torch.bfloat16


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("how", ["sign", "target", "damage"])
def test_a_weight_without_the_update_is_refused(how: str, source: Source, folder: Path, base: Path) -> None:
    weights, published = load_file(folder / WHOLE), load_file(base / WHOLE)
    if how == "sign":
        weights[NAME] = 2 * published[NAME] - weights[NAME]
    elif how == "target":
        weights[NAME] = published[NAME]
    else:
        weights[NAME] = weights[NAME].flip(0).contiguous()
    save_file(weights, folder / WHOLE, metadata={"format": "pt"})
    with pytest.raises(
        JobError, match=r"1 of 8 weights in merged/ do not hold .* model\.layers\.1\.self_attn\.v_proj holds"
    ):
        check_merged(source, folder)


@pytest.mark.usefixtures("in_this_process")
def test_a_model_with_a_damaged_weight_that_has_no_update_is_refused(source: Source, folder: Path) -> None:
    weights = load_file(folder / WHOLE)
    weights["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"].flip(0).contiguous()
    save_file(weights, folder / WHOLE, metadata={"format": "pt"})
    with pytest.raises(JobError, match="merged/ is not the tuned model"):
        check_merged(source, folder)


def test_files_that_name_their_weights_otherwise_are_merged_too(source: Source, tmp_path: Path, base: Path) -> None:
    """In several files, and without the decoder's own name in front, as old ones have it."""
    old = tmp_path / "old"
    old.mkdir()
    for path in base.iterdir():
        (old / path.name).write_bytes(path.read_bytes())
    weights = {name.removeprefix("model."): tensor for name, tensor in load_file(base / WHOLE).items()}
    (old / WHOLE).unlink()
    parts = {"a.safetensors": sorted(weights)[:5], "b.safetensors": sorted(weights)[5:]}
    for name, keys in parts.items():
        save_file({key: weights[key] for key in keys}, old / name)
    index = {"weight_map": {key: name for name, keys in parts.items() for key in keys}}
    (old / INDEX).write_text(json.dumps(index), "utf-8")
    write_merged(source, tmp_path / "one")
    write_merged(replace(source, files=replace(source.files, folder=old)), tmp_path / "two")
    one, two = (AutoModelForCausalLM.from_pretrained(tmp_path / name).state_dict() for name in ("one", "two"))
    assert sorted(path.name for path in (tmp_path / "two").glob("*.safetensors*")) == [*parts, INDEX]
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_base_whose_weights_are_not_stored_one_by_one_is_merged_as_a_whole(
    source: Source, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged, "_keys", lambda *_: None)
    write_merged(source, tmp_path / "whole")
    known, found = load_file(folder / WHOLE), load_file(tmp_path / "whole" / WHOLE)
    assert all(torch.equal(known[name], found[name]) for name in known)
    monkeypatch.setattr(main_memory, "main_memory_bytes", lambda: 1000)
    with pytest.raises(HostUnfit, match=r"0\.0 GB of main memory are free; merging this base, .* needs about"):
        write_merged(source, tmp_path / "another")


def test_memory_disk_and_a_request_to_stop_are_looked_at_before_work(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise Stopped("SIGTERM arrived.")

    with pytest.raises(Stopped):
        write_merged(replace(source, look=stop), tmp_path / "a")
    with monkeypatch.context() as patched, pytest.raises(HostUnfit, match="merging the largest weight needs about"):
        patched.setattr(main_memory, "main_memory_bytes", lambda: 1000)
        write_merged(source, tmp_path / "b")
    (tmp_path / "b").rmdir()
    with (
        monkeypatch.context() as patched,
        pytest.raises(HostUnfit, match=r"that checks merged/ needs about 0\.6 GB"),
    ):
        patched.setattr(
            main_memory, "main_memory_bytes", lambda: 500_000_000
        )  # else the kernel kills it after the merge
        write_merged(source, tmp_path / "b")
    free: Any = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with pytest.raises(DiskFull, match=r"1,000 bytes free; the merged model's weights need"):
        write_merged(source, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_tensor_that_is_only_copied_takes_no_memory() -> None:
    """Before, the embedding of Llama 3.2 3B asked for 1.6 GB of a machine with 2 GB, and merging a layer takes 0.4."""
    embedding, layer = Stored("embedding", "F16", (500, 64)), Stored("layer", "F16", (128, 64))
    keys = {"layer": Weight("layer", (128, 64), transposed=False, quantized=True)}
    assert merged._memory(embedding, embedding, keys) == 0
    assert merged._memory(replace(embedding, dtype="F32"), embedding, keys) == 2 * 500 * 64
    assert merged._memory(layer, layer, keys) == 16 * 128 * 64


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_families_are_merged_as_peft_merges_them(family: Family, tmp_path: Path) -> None:
    """Bit for bit into the published weights; into the dequantized ones with the whole update."""
    from peft import PeftModel

    base = make_family_base(tmp_path / "base", family)
    source = make_source(base, tmp_path / "adapter", allow_unquantized=True)
    for into in ("dequantized", "unquantized"):
        one = replace(source, merge_into=into)
        write_merged(one, tmp_path / into)
        shares = update_shares(one, tmp_path / into)
        assert shares.keys() == source.updates.keys()
        assert all(abs(share - 1) < 0.01 for share, _ in shares.values())
    write_lora(source, tmp_path / "lora")
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    theirs = (
        PeftModel.from_pretrained(plain, tmp_path / "lora").merge_and_unload().to(merged.dtype_of(source)).state_dict()
    )
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "unquantized").state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)
