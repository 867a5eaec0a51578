"""The command `export`: on a finished run it makes what is missing, and says why it cannot on anything else."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from job import pipeline
from job.errors import HostUnfit, Stopped
from job.exporting import stage as exporting
from job.exporting.source import Source
from job.exporting.stage import Kind
from job.hosts import main_memory
from job.inputs import sha256
from job.modeling.adapter_file import WEIGHTS
from job.results import SCHEMA_VERSION, Agreement, Cleaned, Form, Probed, Result, Trained
from job.runs.files import open_sealed, write_json, write_sealed
from job.runs.lock import FolderLock
from tests.conftest import make_base, metrics_of
from tests.sample_results import CLEANED, DONE, PROBED, TRAINED

AGREEMENT = Agreement(answers=16, same_answers=15, tokens=1_000, same_tokens=998, least_share=0.9)
BASE_FILES = ("config.json", "model.safetensors")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    """What the forms are made from, as they are made: files of one word."""
    found: list[Source] = []

    def kind(name: str) -> Kind:
        def write(source: Source, folder: Path) -> None:
            found.append(source)
            folder.mkdir()
            (folder / "weights").write_text(name, "utf-8")

        return Kind(name, write, lambda *_: Form(name=name, dtype="float16", bytes=5, agreement=AGREEMENT))  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "KINDS", (kind("lora"), kind("merged")))
    return found


@pytest.fixture
def finished(tmp_path: Path, base: Path) -> Path:
    """A run whose stages up to the probe are done."""
    root = tmp_path / "output"
    shutil.copytree(base, tmp_path / "base")
    (root / "adapter").mkdir(parents=True)
    (root / "adapter" / WEIGHTS).write_bytes(b"adapter")
    files = {name: sha256(tmp_path / "base" / name).hex() for name in BASE_FILES}
    model = {
        "base": str(tmp_path / "base"),
        "revision": "main",
        "pad_token": "add",
        "save_embedding": "full",
        "files": files,
    }
    inputs = {
        Cleaned: {"data": {}},
        Trained: {"model": model},
        Probed: {"probe": {"max_new_tokens": 77, "repetition_penalty": 1.1}},
    }
    results: dict[type[Result], Result] = {Cleaned: CLEANED, Trained: TRAINED, Probed: PROBED}
    for stage in pipeline.STAGES[:3]:
        record = {"inputs": inputs[stage.result], "result": results[stage.result].model_dump(mode="json")}
        write_sealed(root / f"{stage.name}.json", {**facts(stage.name), **record})
    write_json(root / "settings.json", {"data": {}, "hf_token": ""})
    write_json(root / "metrics.json", DONE.model_copy(update={"export": None}).model_dump(mode="json"))
    return root


def facts(name: str) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "stage": name, "earlier": {}, "seconds": 1.0, "files": {}}


def test_a_form_is_made_once_from_what_the_records_say(
    finished: Path, made: list[Source], command: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert command({}, "export", "merged", "--output", str(finished)) == 0
    line = f"{finished}/merged: 5 bytes, float16; of the probe's answers it says 15 of 16 word for word, 998 of 1,000 tokens"
    assert capfd.readouterr().out == line + "\n"
    (source,) = made
    assert (source.max_new_tokens, source.repetition_penalty, source.merge_into) == (77, 1.1, "dequantized")
    assert metrics_of(finished)["export"]["merged_path"] == "merged"
    assert not (finished / "owner.json").exists()
    assert command({"FINETUNE_OUTPUT_DIR": str(finished)}, "export") == 0, "the default: adapter and lora"
    assert len(made) == 2
    assert open_sealed(finished / "export.json")["inputs"]["export"]["forms"] == ["adapter", "lora", "merged"]
    assert [form["name"] for form in metrics_of(finished)["export"]["forms"]] == ["lora", "merged"]


def test_a_merged_model_that_was_moved_away_is_made_again(
    finished: Path, made: list[Source], command: Callable[..., int]
) -> None:
    arguments = ("export", "merged", "--output", str(finished))
    assert command({}, *arguments) == command({}, *arguments) == 0
    assert len(made) == 1
    shutil.rmtree(finished / "merged")
    assert command({}, *arguments) == 0
    assert len(made) == 2
    assert command({"FINETUNE_MERGE_INTO": "unquantized"}, *arguments) == 0
    assert made[-1].merge_into == "unquantized"


def test_what_was_moved_away_or_did_not_fit_is_not_made_with_another_form(
    finished: Path, made: list[Source], command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, `export lora` ended with 68 as well, once `export merged` had."""
    lora, merged = exporting.KINDS

    def too_large(*_: object) -> None:
        raise HostUnfit("0.7 GB of main memory are free.", remedy="End other processes.")

    with monkeypatch.context() as small:
        small.setattr(exporting, "KINDS", (lora, replace(merged, write=too_large)))
        assert command({}, "export", "merged", "--output", str(finished)) == 68
    assert command({}, "export", "lora", "--output", str(finished)) == 0
    assert len(made) == 1 and not (finished / "merged").exists()
    assert command({}, "export", "merged", "--output", str(finished)) == 0
    (finished / "merged").rename(finished.parent / "elsewhere")
    assert command({}, "export", "lora", "--output", str(finished)) == 0
    assert len(made) == 2 and not (finished / "merged").exists()
    assert [form["name"] for form in metrics_of(finished)["export"]["forms"]] == ["lora"]


def test_a_stop_says_that_the_command_may_be_given_again(
    finished: Path, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before, it said that the run continues, which is long done."""

    def stopped(*_: object) -> None:
        raise Stopped("SIGTERM arrived.")

    monkeypatch.setattr(exporting, "KINDS", (Kind("merged", stopped, stopped),))  # type: ignore[arg-type]
    assert command({}, "export", "merged", "--output", str(finished)) == 75
    line = "SIGTERM arrived. The run is what it was; the same command makes what is still missing."
    assert line in capfd.readouterr().err
    assert metrics_of(finished)["status"] == "succeeded"


def test_a_base_that_was_moved_is_named_by_its_variable(
    finished: Path, made: list[Source], command: Callable[..., int]
) -> None:
    moved = (finished.parent / "base").rename(finished.parent / "moved")
    assert command({"FINETUNE_MODEL_BASE": str(moved)}, "export", "merged", "--output", str(finished)) == 0
    assert len(made) == 1


def test_without_a_form_the_settings_name_them(
    finished: Path, made: list[Source], command: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    """Those of the environment, and of an env file, which also says where the base is now."""
    assert command({"FINETUNE_EXPORT": "merged"}, "export", "--output", str(finished)) == 0
    assert {path.name for path in finished.iterdir()} & {"lora", "merged"} == {"merged"}
    shutil.rmtree(finished / "merged")
    moved = (finished.parent / "base").rename(finished.parent / "moved")
    file = finished.parent / "my.env"
    file.write_text(f"FINETUNE_EXPORT=lora\nFINETUNE_MODEL_BASE={moved}\nFINETUNE_OUTPUT_DIR={finished}\n", "utf-8")
    assert command({}, "export", "--env-file", str(file)) == 0
    assert (finished / "lora").exists()
    assert command({"FINETUNE_EXPORT": "gguf"}, "export", "--output", str(finished)) == 64
    assert "there is no form gguf" in capfd.readouterr().err


def test_a_form_that_is_made_anew_has_the_card_of_the_adapter(
    finished: Path, made: list[Source], command: Callable[..., int]
) -> None:
    (finished / "adapter" / "README.md").write_text("# Tuned", "utf-8")
    assert command({}, "export", "lora", "--output", str(finished)) == 0
    assert (finished / "lora" / "README.md").read_text("utf-8") == "# Tuned"


def test_memory_too_small_for_the_libraries_is_told_before_they_are_loaded(
    finished: Path,
    made: list[Source],
    command: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before, the kernel killed the command as it imported them, without a word."""
    monkeypatch.setattr(main_memory, "main_memory_bytes", lambda: 300_000_000)
    assert command({}, "export", "merged", "--output", str(finished)) == 68
    errors = capfd.readouterr().err
    assert "0.3 GB of main memory are free; loading PyTorch needs about 0.5 GB." in errors
    assert "export a copy of the run folder on a larger machine" in errors
    assert made == [] and not (finished / "export.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["merge"], 64, "there is no form merge; did you mean merged?"),
        (["lora,MERGED"], 64, "there is no form MERGED; did you mean merged?"),
        (["gguf"], 64, "there is no form gguf; there are adapter, lora, merged"),
        (["gguf"], 64, "1 argument is wrong"),
        (["merged", "--into"], 64, "there is no option --into"),
    ],
)
def test_a_wrong_command_line_ends_with_64(
    arguments: list[str],
    code: int,
    said: str,
    finished: Path,
    command: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    try:
        found = command({"FINETUNE_OUTPUT_DIR": str(finished)}, "export", *arguments)
    except SystemExit as ended:
        found = int(ended.code or 0)
    assert found == code
    assert said in capfd.readouterr().err


def other_base(folder: Path) -> None:
    shutil.rmtree(folder.parent / "base")
    make_base(folder.parent / "base", seed=5)


SPOILT: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "no run": (shutil.rmtree, 64, "holds no run"),
    "not finished": (lambda folder: (folder / "probe.json").unlink(), 64, "is not finished, probe is not done"),
    "another version": (
        lambda folder: [
            write_sealed(path, open_sealed(path) | {"schema_version": SCHEMA_VERSION - 1})
            for path in (folder / "clean.json", folder / "train.json", folder / "probe.json")
        ],
        61,
        "another version of this program wrote: clean.json, train.json, probe.json",
    ),
    "no adapter": (
        lambda folder: write_sealed(
            folder / "probe.json",
            open_sealed(folder / "probe.json") | {"files": {"adapter/gone": {"bytes": 1, "sha256": ""}}},
        ),
        66,
        "adapter/gone of probe",
    ),
    "no base": (lambda folder: shutil.rmtree(folder.parent / "base"), 66, "was trained on is gone"),
    "another base": (other_base, 66, "the adapter belongs to another base model"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_cannot_be_exported_is_said(
    how: str,
    finished: Path,
    made: list[Source],
    command: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    spoil, code, said = SPOILT[how]
    spoil(finished)
    assert command({}, "export", "merged", "--output", str(finished)) == code
    assert said in capfd.readouterr().err
    assert made == []
    assert not (finished / "merged").exists()
    assert finished.exists() == (how != "no run")


def test_a_misspelt_variable_is_no_default(
    finished: Path, made: list[Source], command: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert command({"FINETUNE_MERGEINTO": "unquantized"}, "export", "merged", "--output", str(finished)) == 64
    assert "did you mean FINETUNE_MERGE_INTO?" in capfd.readouterr().err
    assert made == []


def test_a_folder_in_use_is_left_alone(
    finished: Path, made: list[Source], command: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    lock = FolderLock(finished)
    lock.take()
    assert command({}, "export", "merged", "--output", str(finished)) == 72
    assert "Another process is working in" in capfd.readouterr().err
    assert made == []


def test_what_a_form_does_not_fit_into_ends_with_its_code(
    finished: Path, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "KINDS", (Kind("merged", full, full),))  # type: ignore[arg-type]
    assert command({}, "export", "merged", "--output", str(finished)) == 73
    assert re.search(rf"The disk of {finished} is full, with [\d,]+ bytes free now", capfd.readouterr().err)
    assert json.loads((finished / "metrics.json").read_text("utf-8"))["status"] == "succeeded", "the run is what it was"
    assert not (finished / "owner.json").exists()
