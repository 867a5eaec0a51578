"""The process that loads what was saved: what it finds, and what is said where it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from job.errors import JobError, MemoryExhausted
from job.modeling.fresh import environment, fresh_process
from tests.conftest import PROJECT, WRITE_TOKEN
from tests.memory_groups import group_with


def test_the_fresh_process_finds_its_modules_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITE_TOKEN)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:correct-horse@proxy:3128")
    code = "import os, job.errors; print(*(f'{name}={value}' for name, value in os.environ.items()), sep='\\n')"
    child = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd="/", capture_output=True, text=True, check=True
    )
    assert "HF_HUB_OFFLINE=1" in child.stdout
    assert WRITE_TOKEN not in child.stdout
    assert "correct-horse" not in child.stdout


@pytest.mark.parametrize(("seen", "spread", "first"), [("3,1", False, "3"), ("3,1", True, "3,1"), ("", False, "")])
def test_it_sees_one_card_unless_the_model_takes_more(
    seen: str, spread: bool, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is loaded with device_map="auto" would otherwise be shared out over cards on which others work."""
    (tmp_path / "seeing.py").write_text("import os; print('\"' + os.environ['CUDA_VISIBLE_DEVICES'] + '\"')", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    assert fresh_process("seeing", {}, {"a": torch.zeros(1)}, tmp_path / "lamp", "The lamp", spread=spread) == first


def test_a_process_that_fails_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"(?s)The lamp does not load in a fresh process:.*No module named job\.none"):
        fresh_process("job.none", {}, {"a": torch.zeros(1)}, tmp_path / "lamp", "The lamp")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "said",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        "ValueError: Some modules are dispatched on the CPU or the disk. Make sure you have enough GPU RAM",
    ],
)
def test_a_card_without_room_is_62_and_no_fault_of_the_program(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full.py").write_text(f"raise SystemExit({said!r})", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(MemoryExhausted, match=f"no room for the lamp in GPU memory: {said[:20]}"):
        fresh_process("full", {}, {"a": torch.zeros(1)}, tmp_path / "lamp", "The lamp")


def test_a_process_that_the_kernel_kills_for_memory_is_no_fault_of_the_program(tmp_path: Path) -> None:
    """Ours is the smaller one, and goes on."""
    (tmp_path / "hungry.py").write_text("hungry = b'x' * (2 << 30)", "utf-8")
    code = (
        "from pathlib import Path; from job.errors import HostUnfit; from job.modeling.fresh import fresh_process\n"
        f"try: fresh_process('hungry', {{}}, {{}}, Path({str(tmp_path / 'lamp')!r}), 'the lamp')\n"
        "except HostUnfit as error: print(error)"
    )
    try:
        with group_with(1 << 30) as group:
            variables = {**environment(), "PYTHONPATH": f"{PROJECT}:{tmp_path}"}
            child = subprocess.run(
                [sys.executable, "-c", code], env=variables, preexec_fn=group.enter, capture_output=True, text=True
            )
    except OSError:
        pytest.skip("no control group with a memory limit can be made here")
    said = "The kernel killed the process that loaded the lamp, because main memory ran out.\n"
    assert (child.returncode, child.stdout) == (0, said), child.stderr
