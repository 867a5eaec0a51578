"""Weights: missing, torn, of other shapes, in a format that is not read; on disk and on the Hub."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download

from job.errors import AccessDenied, HubUnavailable, JobError
from job.modeling.files import fetch_files, listed_weights
from job.settings.fields import ModelSettings
from tests.conftest import WRITE_TOKEN, metrics_of, small_run
from tests.modeling.spoiling import (
    BASE,
    INDEX,
    TARGETS,
    WEIGHTS,
    Case,
    both,
    config,
    content,
    in_two_shards,
    nothing,
    renamed,
    require_words,
    tensor,
    tensors,
    torn,
    without,
)
from tests.standin_hub import StandInHub

GATE = "model.layers.0.mlp.gate_proj.weight"
CASES = (
    Case("weights torn", torn(WEIGHTS), 66, (BASE, "weights", "download the model again")),
    Case("weights are a pointer", content(WEIGHTS, "version https://git-lfs"), 66, (BASE, "header too large")),
    Case("no weights", without(WEIGHTS), 66, (BASE, f"neither {WEIGHTS} nor {INDEX}")),
    Case("pickled weights", renamed(WEIGHTS, "pytorch_model.bin"), 66, (BASE, "reads no other format")),
    Case("weights of another name", renamed(WEIGHTS, "weights.safetensors"), 66, (BASE, f"neither {WEIGHTS}")),
    Case(
        "a shard missing",
        both(in_two_shards, without("model-00002-of-00002.safetensors")),
        66,
        (BASE, "model-00002-of-00002.safetensors"),
    ),
    Case("index torn", both(in_two_shards, torn(INDEX)), 66, (BASE, "JSONDecodeError")),
    Case("index a list", both(in_two_shards, content(INDEX, "[]")), 66, (BASE, "weights")),
    Case("a tensor missing", tensors(lambda all_: all_.pop(GATE)), 66, (BASE, "tensors missing: 1", GATE)),
    Case(
        "a tensor of another shape",
        tensor(GATE, lambda old: old[:100].clone()),
        66,
        (BASE, f"{GATE} [100, 64] instead of [128, 64]"),
    ),
    Case("another model's config", config(intermediate_size=96), 66, (BASE, "tensors of another shape: 6")),
    Case("bytes for weights", tensor(GATE, lambda old: old.char()), 64, (BASE, f"quantized already ({GATE} holds I8)")),
    Case("keys that do not divide", config(num_key_value_heads=3), 66, (BASE, "[32, 64] instead of [48, 64]")),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_base_without_whole_weights_is_refused(case: Case, refused: Callable[[Case], None]) -> None:
    refused(case)


HUB_CASES = (
    Case("quantized", config(quantization_config={"quant_method": "fp8"}), 64, (BASE, "quantized already (fp8)")),
    Case("unknown layer", nothing, 64, (TARGETS, "has no layer qproj"), {"LORA_TARGETS": "qproj"}),
    Case("tokenizer torn", torn("tokenizer.json"), 66, (BASE, "does not load")),
    Case("pickled weights", renamed(WEIGHTS, "pytorch_model.bin"), 66, (BASE, "reads no other format")),
)


@pytest.mark.parametrize("case", HUB_CASES, ids=lambda case: case.name)
def test_a_bad_base_on_the_hub_is_refused_before_any_weights_are_requested(
    case: Case,
    base: Path,
    rows_file: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
    hub: StandInHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = {"ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": False}
    address = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    for name, value in {**client, "HUGGINGFACE_CO_URL_TEMPLATE": address}.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)  # read from the environment once, when imported
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    case.spoil(folder)
    hub.add_repo("model", "meta/base", {path.name: path.read_bytes() for path in folder.iterdir()})
    output = tmp_path / "output"
    variables = {**small_run(Path("meta/base"), rows_file, output, **case.settings), **hub.environment(WRITE_TOKEN)}
    for verb in ("plan", "run"):
        assert command(variables, verb) == case.code
        require_words(case, capfd.readouterr().err)
    assert metrics_of(output)["exit_code"] == case.code
    assert not list(output.glob("clean*"))
    paths = [path for _, path, _ in hub.requests]
    assert any(path.endswith("/config.json") for path in paths)
    assert not any(path.endswith((".safetensors", ".bin")) for path in paths)


@pytest.fixture
def client(hub: StandInHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(("status", "ours"), [(400, HubUnavailable), (403, AccessDenied)])
def test_a_cache_that_holds_the_config_alone_is_no_base(
    status: int, ours: type[JobError], hub: StandInHub, base: Path
) -> None:
    """The Hub fails between the config, which the checks read, and the listing of the other files."""
    commit = hub.add_repo("model", "meta/base", {path.name: path.read_bytes() for path in base.iterdir()})
    model = ModelSettings(base="meta/base", revision=commit)
    hf_hub_download("meta/base", "config.json", revision=commit, token=False)
    hub.fail("/tree/", status=status, times=10**6)
    with pytest.raises(ours):
        fetch_files(model, "", weights=False)
    hub.forgive()
    folder = fetch_files(model, "", weights=False).folder
    hub.fail("/tree/", status=status, times=10**6)
    with pytest.raises(ours):
        listed_weights(model, "")
    assert fetch_files(model, "", weights=False).folder == folder
    hub.fail("/resolve/", status=status, times=10**6)
    with pytest.raises(ours):
        fetch_files(model, "", weights=True)
