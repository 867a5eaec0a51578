"""Weights that were read before they are asked for are those of the file, and every failure is left to whoever asks."""

from __future__ import annotations

import gc
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, modeling_utils

from job.errors import MemoryExhausted, NotFound
from job.modeling import early
from job.modeling.base import read_weights
from job.modeling.early import Early
from job.modeling.files import BaseFiles, weight_files

CPU = torch.device("cpu")
ALL = 10**9


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    own = modeling_utils.safe_open
    yield
    assert not early._begun and modeling_utils.safe_open is own


def begin(base: Path, room: int = ALL, device: torch.device = CPU) -> Early:
    found = Early([path.resolve() for path in weight_files(base)], device, room)
    found.thread.join()
    early._begun[:] = [found]
    return found


def load(base: Path, dtype: torch.dtype = torch.float32, device: torch.device = CPU) -> PreTrainedModel:
    return read_weights(BaseFiles(base, str(base), ""), dtype, {"": str(device)})


def same(first: PreTrainedModel, second: PreTrainedModel) -> bool:
    known, found = first.state_dict(), second.state_dict()
    return known.keys() == found.keys() and all(torch.equal(known[name], found[name]) for name in known)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_base_is_the_same_to_the_bit(base: Path, dtype: torch.dtype) -> None:
    known = load(base, dtype)
    read = begin(base)
    assert read.read == sum(tensor.nbytes for tensor in load_file(base / "model.safetensors").values())
    assert same(load(base, dtype), known)
    assert not read.tensors


def test_what_is_here_is_what_is_loaded(base: Path) -> None:
    """Else the test above would say nothing."""
    read = begin(base)
    name = next(key for key in read.tensors if key[1].endswith("layers.0.mlp.up_proj.weight"))
    read.tensors[name] = -read.tensors[name]
    assert not same(load(base), load(base))


def test_what_finds_no_room_is_read_from_the_file(base: Path) -> None:
    total = sum(tensor.nbytes for tensor in load_file(base / "model.safetensors").values())
    read = begin(base, total // 2)
    assert 0 < read.read <= total // 2
    assert same(load(base), load(base))


def test_nothing_is_read_once_loading_has_begun(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is in its first file then stops after the tensor that it reads."""
    monkeypatch.setattr(Early, "_read_all", lambda self: self._closed.wait(20) and Early._read(self, self.paths[0]))
    read = Early([base / "model.safetensors"], CPU, ALL)
    assert read.close() == {} and not read.thread.is_alive()


def test_a_file_that_has_changed_since_is_read_again(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "job")
    changed = Path(shutil.copytree(base, tmp_path / "changed"))
    begin(changed)
    tensors = load_file(changed / "model.safetensors")
    save_file({name: -tensor for name, tensor in tensors.items()}, tmp_path / "new", metadata={"format": "pt"})
    (tmp_path / "new").replace(changed / "model.safetensors")
    assert same(load(changed), load(changed))
    assert not same(load(changed), load(base))
    assert "weights_ahead_bytes=0 failure='model.safetensors has changed'" in caplog.text


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryExhausted("GPU memory ran out.", remedy="")]
)
def test_where_memory_runs_out_beside_them_they_are_left_out(
    error: Exception, base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known, read = load(base), begin(base)
    own = modeling_utils.PreTrainedModel._load_pretrained_model

    def load_beside(*arguments: object, **options: object) -> object:
        if read.tensors:
            raise error
        return own(*arguments, **options)

    monkeypatch.setattr(modeling_utils.PreTrainedModel, "_load_pretrained_model", staticmethod(load_beside))
    assert same(load(base), known)
    assert f"weights_ahead=off: all weights are read from their files: {error}" in caplog.text
    read.tensors[base, "another"] = torch.zeros(1)
    with pytest.raises(type(error)):
        load(base)
    assert caplog.text.count("weights_ahead=off") == 1, "nothing was early"


def test_a_base_that_is_damaged_is_read_once(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lacking = Path(shutil.copytree(base, tmp_path / "lacking"))
    tensors = load_file(base / "model.safetensors")
    tensors.pop(next(name for name in tensors if "layers.0" in name))
    save_file(tensors, lacking / "model.safetensors", metadata={"format": "pt"})
    begin(lacking)
    with pytest.raises(NotFound, match="tensors missing: 1"):
        load(lacking)
    assert "weights_ahead=off" not in caplog.text


def test_room_is_what_the_base_itself_leaves() -> None:
    """In GiB."""
    assert early.room(14, loaded=2, copies=2) == 7
    assert early.room(14, loaded=10, copies=2) == 2
    assert early.room(14, loaded=12, copies=2) <= 0


def test_weights_behind_links_are_known_by_their_files(base: Path, tmp_path: Path) -> None:
    """As in the Hub's cache."""
    snapshot = Path(shutil.copytree(base, tmp_path / "snapshot"))
    (snapshot / "model.safetensors").rename(tmp_path / "blob")
    (snapshot / "model.safetensors").symlink_to(tmp_path / "blob")
    read = begin(snapshot)
    for name, tensor in read.tensors.items():
        read.tensors[name] = -tensor
    assert not same(load(snapshot), load(base))


def test_a_tensor_leaves_with_its_first_reading_and_is_copied(base: Path) -> None:
    """So the memory of each goes as soon as it is in 4 bits."""
    read = begin(base)
    early._begun.clear()
    path = (base / "model.safetensors").resolve()
    name = next(name for _, name in read.tensors)
    tensor = read.tensors[path, name]
    with early._File(safe_open(path, "pt"), path, read.tensors) as file:
        stored = file.get_slice(name)
        first = stored[...]
        assert torch.equal(first, tensor) and first.data_ptr() != tensor.data_ptr()
        assert (path, name) not in read.tensors
        assert torch.equal(stored[...], tensor), "from the file"
        assert stored.get_shape() == list(tensor.shape)


def test_what_the_base_does_not_ask_for_is_counted(base: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "job")
    begin(base)
    load(base)
    assert "unused" not in caplog.text
    begin(base).tensors[base, "vision_tower.weight"] = torch.zeros(2)
    load(base)
    assert "weights_ahead_unused=1" in caplog.text


def test_weights_in_several_files(base: Path, tmp_path: Path) -> None:
    parted = tmp_path / "parted"
    shutil.copytree(base, parted, ignore=shutil.ignore_patterns("*.safetensors*"))
    tensors = load_file(base / "model.safetensors")
    names = sorted(tensors)
    halves = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, some in halves.items():
        save_file({name: tensors[name] for name in some}, parted / file, metadata={"format": "pt"})
    listed = {name: file for file, some in halves.items() for name in some}
    (parted / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": listed}))
    read = begin(parted)
    assert len(read.tensors) == len(names)
    assert same(load(parted), load(base))


def test_what_cannot_be_read_is_read_by_transformers_and_the_log_says_why(
    base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "job")
    known, files = load(base), iter([OSError("Input/output error")])

    def opened(*arguments: object) -> object:
        for error in files:
            raise error
        return safe_open(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(early, "safe_open", opened)
    begin(base)
    assert same(load(base), known)
    assert "weights_ahead_bytes=0 failure='Input/output error'" in caplog.text


def test_a_damaged_file_is_named_by_whoever_loads_it(base: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(base, damaged)
    with (damaged / "model.safetensors").open("r+b") as file:
        file.truncate(5_000)
    assert begin(damaged).tensors == {}
    with pytest.raises(NotFound, match="damaged"):
        load(damaged)
    early._begun.clear()  # its headers say so before anything is handed over


def test_another_transformers_reads_them_by_itself(
    base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known = load(base)
    begin(base)
    monkeypatch.setattr(early, "OPEN", "opened_otherwise")
    assert same(load(base), known)
    assert "missing=opened_otherwise: weights that are on the GPU are read again" in caplog.text


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_numbers_and_memory_are_as_without(base: Path, dtype: torch.dtype) -> None:
    """The pool is given back whole, though some weights stay in 16 bits; and the card rounds as the processor does."""
    card = torch.device("cuda", 0)
    known: dict[str, torch.Tensor] = {}
    memory = []
    gc.collect()
    for ahead in (False, True):
        assert not ahead or begin(base, device=card).read > 0
        model = load(base, dtype, card)
        torch.cuda.empty_cache()
        memory.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()))
        found = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
        assert not known or all(torch.equal(known[name], found[name]) for name in known)
        known = found
        del model
        gc.collect()  # a model holds itself
        torch.cuda.empty_cache()
    assert memory[0] == memory[1]
