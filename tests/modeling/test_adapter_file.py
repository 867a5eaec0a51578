"""A saved adapter is copied, and gets other LoRA tensors."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from job.modeling.adapter_file import WEIGHTS, copy_adapter, swap_lora_tensors, write_weights

LORA = {f"q_proj.lora_{name}.weight": torch.full((2, 3), value) for name, value in (("A", 1.0), ("B", 2.0))}
EMBEDDING = {"embed_tokens.weight": torch.arange(8, dtype=torch.float16).reshape(4, 2)}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    folder.mkdir()
    write_weights(LORA | EMBEDDING, folder)
    (folder / "adapter_config.json").write_text("{}", "utf-8")
    (folder / "my notes").touch()
    return folder


@pytest.mark.parametrize("links", [True, False])
def test_an_adapter_is_copied_without_a_second_copy_of_its_weights(
    links: bool, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "half done").touch()
    copy_adapter(saved, ("adapter_config.json", WEIGHTS), tmp_path / "copy")
    assert {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()} == {
        name: (saved / name).read_bytes() for name in ("adapter_config.json", WEIGHTS)
    }
    assert (tmp_path / "copy" / WEIGHTS).samefile(saved / WEIGHTS) == links


def test_other_tensors_take_the_place_and_the_first_file_stays(saved: Path, tmp_path: Path) -> None:
    before = (saved / WEIGHTS).read_bytes()
    others = {name: 3 * tensor for name, tensor in LORA.items()}
    save_file(others, tmp_path / "other.safetensors")
    copy_adapter(saved, (WEIGHTS,), tmp_path / "copy")
    swap_lora_tensors(tmp_path / "copy", tmp_path / "other.safetensors")
    found = load_file(tmp_path / "copy" / WEIGHTS)
    assert found.keys() == LORA.keys() | EMBEDDING.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in (others | EMBEDDING).items())
    assert (saved / WEIGHTS).read_bytes() == before
    save_file(LORA, tmp_path / "own.safetensors")
    swap_lora_tensors(tmp_path / "copy", tmp_path / "own.safetensors")
    assert (tmp_path / "copy" / WEIGHTS).read_bytes() == before


@pytest.mark.parametrize(
    "others",
    [
        {"q_proj.lora_A.weight": LORA["q_proj.lora_A.weight"]},
        LORA | {"k_proj.lora_A.weight": torch.zeros(2, 3)},
        LORA | {"q_proj.lora_B.weight": torch.zeros(2, 4)},
    ],
    ids=["too few", "too many", "of another shape"],
)
def test_tensors_of_another_adapter_are_refused(others: dict[str, torch.Tensor], saved: Path, tmp_path: Path) -> None:
    save_file(others, tmp_path / "other.safetensors")
    before = (saved / WEIGHTS).read_bytes()
    with pytest.raises(ValueError, match=r"other\.safetensors is no other state of the adapter"):
        swap_lora_tensors(saved, tmp_path / "other.safetensors")
    assert (saved / WEIGHTS).read_bytes() == before
