"""CUDA source is compiled once and kept; where it cannot be, the run goes on without. NVRTC compiles without a card."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from job.training.optimizations import kernels, nvrtc
from job.training.optimizations.nvrtc import Unavailable, compiled, kept, key_of, options_for, source_of
from tests.conftest import PROJECT

T4, H100 = (7, 5), (9, 0)
SOURCES = sorted(path.stem for path in (PROJECT / "job" / "training" / "optimizations").glob("*.cu"))
needs_nvrtc = pytest.mark.skipif(torch.version.cuda is None, reason="torch's builds for CPUs bring no NVRTC")


@needs_nvrtc
@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    ("dtype", "capability"),
    [
        *((torch.float32, T4), (torch.float16, T4), (torch.float32, H100)),
        *((torch.float16, H100), (torch.bfloat16, H100), (torch.bfloat16, (8, 0))),
    ],
)
def test_every_source_compiles(name: str, dtype: torch.dtype, capability: tuple[int, int]) -> None:
    assert compiled(source_of(name), options_for(dtype, capability)).startswith(b"\x7fELF")


@needs_nvrtc
def test_a_source_that_does_not_compile_is_told_with_its_first_error() -> None:
    with pytest.raises(Unavailable, match=r"sm_75\): kernels.cu\(2\): error: identifier \"undefined\""):
        compiled("__global__ void broken() {\nundefined = 1; }", options_for(torch.float16, T4))


@needs_nvrtc
def test_a_card_that_nvrtc_does_not_know_is_told() -> None:
    with pytest.raises(Unavailable, match="sm_30"):
        compiled(source_of("activation"), options_for(torch.float16, (3, 0)))


def test_a_t4_has_no_bfloat16() -> None:
    with pytest.raises(Unavailable, match="bfloat16 needs compute capability"):
        options_for(torch.bfloat16, T4)


@pytest.mark.parametrize(
    ("version", "reason"), [(None, "brings no NVRTC"), ("99.0", "cannot be loaded: libnvrtc.so.99")]
)
def test_without_nvrtc_the_reason_is_told(version: str | None, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", version)
    nvrtc._nvrtc.cache_clear()
    with pytest.raises(Unavailable, match=reason):
        compiled("", ())
    nvrtc._nvrtc.cache_clear()


# --- what is kept ----------------------------------------------------------------------------------------------------


class Made:
    """Counts how often code is made."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return b"machine code"


def test_code_is_made_once(tmp_path: Path) -> None:
    made = Made()
    assert [kept(tmp_path / "new", "key", made) for _ in range(3)] == [b"machine code"] * 3
    assert made.times == 1
    kept(tmp_path / "new", "another", made)
    assert made.times == 2
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["another.cubin", "key.cubin"]


@needs_nvrtc
def test_what_a_thread_compiles_ahead_is_compiled_once_and_its_failure_is_whoevers_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compilations: list[tuple[str, ...]] = []
    real = nvrtc.compiled

    def compiled_too(source: str, options: tuple[str, ...]) -> bytes:
        compilations.append(options)
        return real(source, options)

    monkeypatch.setattr(nvrtc, "compiled", compiled_too)
    monkeypatch.setattr(nvrtc, "cache_folder", lambda: tmp_path)
    nvrtc._machine_code.cache_clear()
    thread = kernels.compile_ahead((torch.float16, torch.bfloat16), T4)
    codes = [nvrtc.machine_code(name, torch.float16, T4) for name in SOURCES]
    thread.join(60)
    assert all(code.startswith(b"\x7fELF") for code in codes)
    assert compilations == [options_for(torch.float16, T4)] * len(SOURCES)
    with pytest.raises(Unavailable, match="bfloat16 needs compute capability"):
        nvrtc.machine_code("activation", torch.bfloat16, T4)
    nvrtc._machine_code.cache_clear()


def test_a_torn_file_is_made_anew(tmp_path: Path) -> None:
    made, path = Made(), tmp_path / "key.cubin"
    kept(tmp_path, "key", made)
    path.write_bytes(path.read_bytes()[:-1])
    assert kept(tmp_path, "key", made) == b"machine code"
    assert kept(tmp_path, "key", made) == b"machine code"
    assert made.times == 2


def test_where_nothing_can_be_written_code_is_made_each_time_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = Made()
    (tmp_path / "file").write_text("in the way")
    for key in ("one", "two"):
        assert kept(tmp_path / "file" / "folder", key, made) == b"machine code"
    assert made.times == 2
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "kernels=not_kept" in warning.getMessage() and "compiled at each start" in warning.getMessage()


def test_errors_that_name_their_files_are_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(path: Path, _: bytes) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_bytes", refused)
    assert [kept(tmp_path, key, Made()) for key in ("one", "two")] == [b"machine code"] * 2
    (warning,) = caplog.records
    assert "Permission denied" in warning.getMessage()


def test_a_disk_that_is_full_is_told_and_keeps_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert kept(tmp_path, "key", Made()) == b"machine code"
    assert not list(tmp_path.iterdir())
    assert "No space left on device" in caplog.text


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What lies there runs on the card."""
    made = Made()
    tmp_path.chmod(0o777)
    kept(tmp_path, "key", made)
    kept(tmp_path, "key", made)
    assert made.times == 2 and not list(tmp_path.iterdir())
    assert f"other users may write {tmp_path}" in caplog.text


def test_the_key_changes_with_card_dtype_torch_and_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(text: str = "source", dtype: torch.dtype = torch.float16, capability: tuple[int, int] = H100) -> str:
        return key_of(text, options_for(dtype, capability))

    keys = [key(), key("another"), key(dtype=torch.float32), key(capability=T4)]
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    keys.append(key())
    monkeypatch.setattr(torch.version, "cuda", "14.0")
    keys.append(key())
    assert len(set(keys)) == len(keys)
    assert key() == key()


def test_the_folder_is_that_of_torchs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert nvrtc.cache_folder() == tmp_path / "torch" / "lora-job"
