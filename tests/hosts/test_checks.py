"""What is refused before any long work."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from job.errors import HostUnfit
from job.hosts import checks
from job.hosts.checks import Driver
from job.hosts.libraries import usable_cpus
from job.modeling.architecture import Architecture
from job.results import Host
from job.settings.fields import DataSettings, HubSettings, LoraSettings, ModelSettings, Settings, TrainSettings
from job.settings.sources import Source

CPU = Host(
    device="cpu",
    gpu="",
    compute_capability="",
    gpu_bytes=0,
    cpus=2,
    memory_bytes=1,
    disk_free_bytes=1,
    platform="",
    versions={},
)
T4 = CPU.model_copy(
    update={"device": "cuda", "gpu": "Tesla T4", "compute_capability": "7.5", "gpu_bytes": 15_000_000_000}
)


def settings(**sections: object) -> Settings:
    base = {
        "data": DataSettings(sources=(Source.parse("quickstart"),)),
        "model": ModelSettings(base="quickstart"),
        "train": TrainSettings(),
        "hub": HubSettings(),
    }
    return Settings.model_construct(**(base | sections))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "train", "message"),
    [
        (CPU, {"precision": "float16"}, "needs a GPU"),
        (CPU, {"optimizer": "paged_adamw_32bit"}, "no GPU is visible"),
        (T4, {"precision": "bfloat16"}, "has no bfloat16"),
    ],
)
def test_settings_that_the_machine_cannot_serve(host: Host, train: dict[str, str], message: str) -> None:
    with pytest.raises(HostUnfit, match=message) as caught:
        checks._check_gpu_settings(settings(train=TrainSettings.model_validate(train)), host)
    assert "FINETUNE_TRAIN_" in caught.value.remedy


def test_a_gpu_or_driver_that_is_too_old_is_named() -> None:
    old = T4.model_copy(update={"gpu": "Tesla P100", "compute_capability": "6.0"})
    with pytest.raises(HostUnfit, match=r"Tesla P100 \(compute capability 6.0\) is too old"):
        checks._check_gpu(old, Driver(13000), "13.0")
    for capability in ("7.5", "9.0", "10.0"):
        checks._check_gpu(T4.model_copy(update={"compute_capability": capability}), Driver(13000), "13.0")
    with pytest.raises(HostUnfit, match=r"supports CUDA 12\.8, but this PyTorch is built for CUDA 13\.0") as caught:
        checks._check_gpu(CPU, Driver(12080), "13.0")
    assert "R580" in caught.value.remedy
    # Without a driver or a card what the weights ask for decides later. None is a CPU build of PyTorch.
    for driver, cuda in (
        (Driver(0), "13.0"),
        (Driver(13000, "CUDA_ERROR_NO_DEVICE"), "13.0"),
        (Driver(12080), None),
        (Driver(13000, "CUDA_ERROR_UNKNOWN"), None),
    ):
        checks._check_gpu(CPU, driver, cuda)


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [
        ("CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "Install driver R580"),
        ("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "Restart the host"),
        ("CUDA_ERROR_UNKNOWN", "nvidia-smi"),
    ],
)
def test_a_driver_that_does_not_start_is_no_machine_without_a_gpu(failure: str, remedy: str) -> None:
    """Before, it was a CPU: `No GPU is visible`, or a small base trained without the card that was paid for."""
    with pytest.raises(HostUnfit, match=failure) as caught:
        checks._check_gpu(CPU, Driver(13000, failure), "13.0")
    assert remedy in caught.value.remedy


def test_a_gpu_that_is_full_is_found_before_the_download(llama_3b: Architecture) -> None:
    wanted = settings(lora=LoraSettings(), train=TrainSettings(max_tokens=512))
    checks._check_gpu_memory(llama_3b, wanted, T4, 14 * 2**30)
    with pytest.raises(
        HostUnfit, match=r"Tesla T4 has 1\.0 of 14\.0 GiB free, but one row of 512 tokens needs about"
    ) as caught:
        checks._check_gpu_memory(llama_3b, wanted, T4, 2**30)
    assert "nvidia-smi" in caught.value.remedy


def test_a_large_base_without_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "LARGE_FOR_CPU_BYTES", 1000)  # the quickstart's base is two megabytes
    with pytest.raises(HostUnfit, match="No GPU is visible") as caught:
        checks.check(settings(), "", tmp_path, CPU)
    assert "--gpus all" in caught.value.remedy


def test_offline_too_a_large_base_without_a_gpu_is_refused(llama_3b: Architecture) -> None:
    """Its size is that of its config: no Hub is asked, and nothing of the cache is looked at."""
    with pytest.raises(HostUnfit, match=r"the base model has 6\.4 GB of weights"):
        checks._check_cpu(CPU, llama_3b)
    checks._check_cpu(T4, llama_3b)


def test_a_cache_that_cannot_take_the_weights_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    base = ModelSettings(base="meta/base")
    monkeypatch.setattr(checks, "listed_weights", lambda *_: {"model.safetensors": 5})
    for cache in ("/dev/null/hub", str(tmp_path / "file" / "hub")):
        (tmp_path / "file").touch()
        monkeypatch.setattr(constants, "HF_HUB_CACHE", cache)
        with pytest.raises(HostUnfit, match="has to be downloaded, but the cache") as caught:
            checks._check_cache(base, "")
        assert "HF_HUB_CACHE" in caught.value.remedy
    # Whoever has them all needs no right to write.
    monkeypatch.setattr(checks, "try_to_load_from_cache", lambda *_, **__: "/dev/null")
    checks._check_cache(base, "")


def test_a_run_that_goes_on_needs_less_than_one_that_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 60_000_000}))
    with pytest.raises(HostUnfit, match=r"0\.06 GB free; rows, checkpoints and adapter need up to 0\.07 GB"):
        checks._check_disk(tmp_path, 70_000_000)
    (tmp_path / "adapter").mkdir()
    with (tmp_path / "adapter" / "adapter_model.safetensors").open("wb") as file:
        file.truncate(20_000_000)
    checks._check_disk(tmp_path, 70_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 5_000_000}))
    with pytest.raises(HostUnfit, match=r"need up to 0\.01 GB"):
        checks._check_disk(tmp_path, 20_000_000)


def test_the_host_is_described(tmp_path: Path) -> None:
    host = checks.inspect(tmp_path)
    assert host.cpus == usable_cpus()
    assert host.versions["torch"]
