"""What is refused before any long work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from job.errors import HostUnfit, SettingsError
from job.hosts import checks
from job.hosts import main_memory as memory
from job.hosts.checks import Driver
from job.hosts.libraries import usable_cpus
from job.hosts.places import Place
from job.modeling import early
from job.modeling.architecture import Architecture
from job.modeling.memory import GIB
from job.results import Host
from job.settings.fields import DataSettings, HubSettings, LoraSettings, ModelSettings, Settings, TrainSettings
from job.settings.files import QUICKSTART
from job.settings.sources import Source
from tests.bench.parallel_paper import SEVENTY_B, base_of
from tests.families import FAMILIES, make_family_base

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
    ("train", "message"),
    [({"optimizer": "paged_adamw_32bit"}, "no GPU is visible"), ({"precision": "float16"}, "needs a GPU")],
)
def test_settings_that_the_machine_cannot_serve(train: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(HostUnfit, match=message) as caught:
        checks.check(settings(train=TrainSettings.model_validate(train)), "", tmp_path, CPU)
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
    checks._check_gpu_memory(llama_3b, wanted, T4, 14 * 2**30, 2, ["0"], None)
    with pytest.raises(
        HostUnfit, match=r"Tesla T4 has 1\.0 of 14\.0 GiB free, but one row of 512 tokens needs about"
    ) as caught:
        checks._check_gpu_memory(llama_3b, wanted, T4, 2**30, 2, ["0"], None)
    assert "nvidia-smi" in caught.value.remedy


# --- a base that one card does not hold ------------------------------------------------------------------------------

L4 = T4.model_copy(update={"gpu": "NVIDIA L4", "compute_capability": "8.9", "gpu_bytes": int(22 * GIB)})
H100 = T4.model_copy(update={"gpu": "NVIDIA H100", "compute_capability": "9.0", "gpu_bytes": int(79 * GIB)})


@pytest.fixture(scope="module")
def seventy_b() -> Architecture:
    return base_of(SEVENTY_B, "seventy-b")


def check_memory(base: Architecture, host: Host, gpus: int, place: Place | None = None, **train: object) -> None:
    """All of each card is free."""
    wanted = settings(lora=LoraSettings(), train=TrainSettings(**({"max_tokens": 512} | train)))  # type: ignore[arg-type]
    cards = [str(number) for number in range(gpus)]
    checks._check_gpu_memory(base, wanted, host, host.gpu_bytes, 2, cards, place)


@pytest.fixture
def main_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def of(gib: float) -> None:
        monkeypatch.setattr(memory, "main_memory_bytes", lambda: int(gib * GIB))

    of(200)
    return of


def test_workers_for_which_main_memory_has_no_room_are_refused_before_they_start(
    main_memory: Callable[[float], None], tmp_path: Path
) -> None:
    """The kernel would kill one of them, or the leader."""
    three = settings(train=TrainSettings(devices=3))
    main_memory(0.5)
    with pytest.raises(
        HostUnfit, match=r"0\.5 GB of main memory are free; starting 2 workers beside this process needs about "
    ) as caught:
        checks.check(three, "", tmp_path, CPU)
    assert caught.value.remedy.startswith("Set FINETUNE_TRAIN_DEVICES lower")
    torchrun = Place(0, 3, 0, "host", 29500, "torchrun")
    checks._check_gpu_settings(three, CPU, torchrun)  # each of its processes is one worker
    main_memory(1)
    checks._check_gpu_settings(three, CPU, None)


@pytest.mark.usefixtures("main_memory")
def test_a_base_that_no_card_holds_is_refused_only_if_the_cards_together_do_not(seventy_b: Architecture) -> None:
    """On the cards of four L4, in the main memory of four T4."""
    check_memory(seventy_b, L4, 4)
    check_memory(seventy_b, T4, 4)
    with pytest.raises(
        HostUnfit, match=r"NVIDIA L4 has 22\.0 of 22\.0 GiB free, but one row of 512 .* 4\d\.\d GiB\."
    ) as caught:
        check_memory(seventy_b, L4, 1)
    assert caught.value.remedy == "Use 4 such GPUs in one host, or use a larger GPU."
    with pytest.raises(HostUnfit, match=r"even if 8 workers share the base's layers; 8% of a card") as caught:
        check_memory(seventy_b, T4, 8, max_tokens=131072)
    assert caught.value.remedy.startswith("Lower FINETUNE_TRAIN_MAX_TOKENS (")


@pytest.mark.usefixtures("main_memory")
def test_settings_that_forbid_sharing_are_the_cause(seventy_b: Architecture) -> None:
    with pytest.raises(HostUnfit, match=r"needs about 4\d\.\d GiB\.") as caught:
        check_memory(seventy_b, L4, 8, shard="none")
    assert caught.value.remedy.startswith("Set FINETUNE_TRAIN_SHARD=auto: 8 workers that share")
    with pytest.raises(HostUnfit) as caught:
        check_memory(seventy_b, L4, 8, devices=1)
    assert "use 4 such gpus in one host and finetune_train_devices=auto" in caught.value.remedy.lower()


def test_a_base_to_be_shared_is_read_into_main_memory(
    seventy_b: Architecture, main_memory: Callable[[float], None]
) -> None:
    main_memory(20)
    for card in (T4, L4):
        with pytest.raises(HostUnfit, match=r"There it takes 39\.8 GiB, and beside .* 1\d\.\d GiB are free") as caught:
            check_memory(seventy_b, card, 8)
        assert caught.value.remedy == "Use a host with more main memory or larger GPUs."
    with pytest.raises(HostUnfit, match=r"4 workers that share the base's layers read it into main memory") as caught:
        check_memory(seventy_b, H100, 4, shard="full")
    assert caught.value.remedy.endswith(", or set FINETUNE_TRAIN_SHARD=auto.")
    check_memory(seventy_b, H100, 4)
    main_memory(42)
    with pytest.raises(HostUnfit, match=r"takes 39\.8 GiB, and beside the workers of this host themselves 3\d\.\d GiB"):
        check_memory(seventy_b, T4, 8)
    main_memory(50)
    check_memory(seventy_b, T4, 8)
    check_memory(seventy_b, L4, 8)


@pytest.mark.usefixtures("main_memory")
def test_a_base_that_workers_cannot_share_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    (falcon,) = (family for family in FAMILIES if family.name == "falcon")
    base = make_family_base(tmp_path / "base", falcon)
    model = ModelSettings(base=str(base), allow_unquantized=True)
    for place, devices in ((None, 2), (Place(0, 2, None, "host", 29500, "a test"), 1)):
        train = TrainSettings(shard="full", devices=devices)
        wanted = Settings(data=DataSettings(sources="quickstart"), model=model, train=train)  # type: ignore[arg-type]
        with pytest.raises(SettingsError, match=r"FINETUNE_TRAIN_SHARD: .* has no layers in 4 bits"):
            checks.check(wanted, "", tmp_path, CPU, place=place)
    checks.check(wanted, "", tmp_path, CPU)


@pytest.mark.usefixtures("main_memory")
def test_the_cards_of_one_host_have_to_load_it(seventy_b: Architecture) -> None:
    """Where a run ends with the round-trip check, whatever number of hosts trained."""
    four_hosts = Place(0, 4, None, "host", 29500, "a test")
    with pytest.raises(
        HostUnfit, match=r"the GPUs of a host \(2 x Tesla T4\) have .* the round-trip check and the probe"
    ):
        check_memory(seventy_b, T4, 2, four_hosts)
    check_memory(seventy_b, T4, 4, four_hosts)


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


def test_weights_that_are_here_are_those_that_loading_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = QUICKSTART / "base" / "model.safetensors"
    assert checks._weights_here(ModelSettings(base="quickstart")) == [whole.resolve()]
    snapshot = tmp_path / "models--meta--base" / "snapshots" / ("1" * 40)
    base = ModelSettings(base="meta/base", revision="1" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert checks._weights_here(base) == []
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    assert checks._weights_here(base) == [], "the config alone"
    (snapshot / "consolidated.safetensors").touch()  # the same weights once more, under other names
    (snapshot / "model.safetensors").symlink_to(whole)
    assert checks._weights_here(base) == [whole.resolve()]
    (snapshot / "model.safetensors").rename(snapshot / "a.safetensors")
    index = snapshot / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}))
    assert checks._weights_here(base) == [whole.resolve()], "as far as they are here"
    for damaged in ("{}", "[]", "no JSON", '{"weight_map": {"x": ' + "[" * 100_000, '{"weight_map": null}'):
        index.write_text(damaged)
        assert checks._weights_here(base) == [], damaged[:30]


def test_the_weights_of_a_base_that_just_fits_are_not_there_before_it(
    llama_3b: Architecture, seventy_b: Architecture
) -> None:
    assert checks._room_ahead(llama_3b, T4, int(14.5 * GIB), 2) > 6.4e9, "all of them"
    assert 0 < checks._room_ahead(llama_3b, T4, 6 * GIB, 2) < 2 * GIB
    assert checks._room_ahead(seventy_b, T4, int(14.5 * GIB), 2) <= 0


@pytest.mark.usefixtures("main_memory")
@pytest.mark.parametrize(
    ("trains", "processes", "free", "begun"),
    [(True, 1, 14 * GIB, True), (False, 1, 14 * GIB, False), (True, 2, 14 * GIB, False), (True, 1, GIB, False)],
)
def test_weights_are_on_their_way_to_a_card_that_has_room_and_trains_alone(
    trains: bool, processes: int, free: int, begun: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine without a card knows what one would be asked."""
    asked = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, T4.gpu_bytes))
    monkeypatch.setattr(early, "begin", lambda paths, room: asked.append((paths, room > 0)))
    place = Place(0, processes, None, "host", 29500, "a test") if processes > 1 else None
    checks.check(settings(), "", tmp_path, T4, trains=trains, place=place)
    assert asked == ([([(QUICKSTART / "base" / "model.safetensors").resolve()], True)] if begun else [])


@pytest.mark.gpu
def test_the_weights_are_on_the_card(tmp_path: Path) -> None:
    checks.check(settings(), "", tmp_path, checks.inspect(tmp_path))
    (read,) = early._begun
    early._begun.clear()
    read.thread.join()
    assert {tensor.device.type for tensor in read.close().values()} == {"cuda"} and not read.failure
