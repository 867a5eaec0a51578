"""Forms are made once, and again where one is missing, broken, or of another adapter."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job.errors import JobError, NotFound, Stopped
from job.exporting import stage
from job.exporting.source import Source
from job.exporting.stage import Kind, export
from job.modeling.adapter_file import WEIGHTS
from job.results import Agreement, Exported, Form
from job.runs.deadline import Deadline
from job.runs.folder import RunDir
from job.runs.signals import StopRequest
from job.settings.fields import ModelSettings, ProbeSettings
from tests.sample_results import CLEANED, PROBED, TRAINED

AGREEMENT = Agreement(answers=1, same_answers=1, tokens=2, same_tokens=2, least_share=0.9)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of forms as they are made: files of one word."""
    names: list[str] = []

    def kind(name: str) -> Kind:
        def write(source: Source, folder: Path) -> None:
            names.append(name)
            folder.mkdir()
            (folder / "weights").write_text(f"{name} {source.merge_into}", "utf-8")

        def check(source: Source, folder: Path) -> Form:
            return Form(name=name, dtype="bfloat16", bytes=5, agreement=AGREEMENT)  # type: ignore[arg-type]

        return Kind(name, write, check)

    monkeypatch.setattr(stage, "KINDS", (kind("lora"), kind("merged")))
    return names


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., Exported]:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / WEIGHTS).write_bytes(b"adapter")

    def run(*forms: str, into: str = "dequantized", tokens: str | None = None, **changes: Any) -> Exported:
        given: dict[str, Any] = {"stop": StopRequest(), "deadline": Deadline(), "token": "", "root": tmp_path}
        model = ModelSettings(base="quickstart")
        probed = PROBED.model_copy(update={"tokens_path": tokens})
        return export(CLEANED, TRAINED, probed, model, ProbeSettings(), forms, into, **given | changes)

    return run


def test_only_what_is_missing_is_made(made: list[str], exported: Callable[..., Exported], tmp_path: Path) -> None:
    assert exported("adapter").forms == []
    first = exported("adapter", "lora")
    assert ([file.path for file in first.lora_files], first.merged_path) == (["lora/weights"], None)
    both = exported("lora", "merged")
    assert [form.name for form in both.forms] == made == ["lora", "merged"]
    assert exported("adapter") == exported("lora") == both, "what is there stays part of the result"
    assert made == ["lora", "merged"]
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("how", ["changed", "gone", "another adapter", "another note"])
def test_a_form_that_is_no_longer_as_it_was_proven_is_made_again(
    how: str, made: list[str], exported: Callable[..., Exported], tmp_path: Path
) -> None:
    exported("lora")
    if how == "changed":
        (tmp_path / "lora" / "weights").write_text("lamp", "utf-8")
    elif how == "gone":
        shutil.rmtree(tmp_path / "lora")
    elif how == "another adapter":
        (tmp_path / "adapter" / WEIGHTS).write_bytes(b"adopter")
    else:
        (tmp_path / "export" / "lora.json").write_text("{}", "utf-8")
    assert exported("adapter").forms == []
    exported("lora")
    assert made == ["lora", "lora"]
    assert (tmp_path / "lora" / "weights").read_text("utf-8") == "lora dequantized"


def test_what_a_killed_export_has_left_of_another_adapter_goes(
    made: list[str], exported: Callable[..., Exported], tmp_path: Path
) -> None:
    exported("lora", "merged", into="unquantized")
    (tmp_path / "merged" / "Modelfile").write_text("mine", "utf-8")
    (tmp_path / "merged.partial").mkdir()
    exported("lora")
    assert (tmp_path / "merged" / "weights").exists(), "other weights of the base are another form of the same adapter"
    (tmp_path / "adapter" / WEIGHTS).write_bytes(b"adopter")
    exported("adapter")
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if "export" not in path.parts}
    assert names == {"adapter", f"adapter/{WEIGHTS}", "merged", "merged/Modelfile"}


def test_other_weights_of_the_base_make_another_merged_model_where_that_is_asked_for(
    made: list[str], exported: Callable[..., Exported]
) -> None:
    exported("lora", "merged")
    assert exported("lora", into="unquantized").merged_path == "merged"
    assert made == ["lora", "merged"]
    exported("lora", "merged", into="unquantized")
    assert made == ["lora", "merged", "merged"]


def test_what_comes_after_it_is_not_made_again_for_another_form_or_a_card(
    made: list[str], exported: Callable[..., Exported], tmp_path: Path
) -> None:
    def earlier(*forms: str) -> dict[str, str]:
        run_dir = RunDir(tmp_path)
        run_dir.step("export", lambda: exported(*forms), Exported, {"export": {"forms": list(forms)}}, replaceable=True)
        return run_dir.earlier()

    before = earlier("lora")
    (tmp_path / "lora" / "README.md").write_text("# The card\n", "utf-8")
    assert earlier("lora", "merged") == before
    shutil.rmtree(tmp_path / "merged")
    assert earlier("lora") == before
    assert made == ["lora", "merged"]


def test_without_the_answers_of_the_probe_nothing_is_made(
    made: list[str], exported: Callable[..., Exported], tmp_path: Path
) -> None:
    """Before, `export merged` found 0 of 0 answers the same, and called that proven."""
    with pytest.raises(NotFound, match=r"probe/tokens\.jsonl in .* is gone") as caught:
        exported("merged", tokens="probe/tokens.jsonl")
    assert made == [] and "Restore the file" in caught.value.remedy
    lora = exported("lora")
    assert exported("lora", tokens="probe/tokens.jsonl") == lora, "it is proven already"


def test_a_form_that_is_refused_takes_no_place(
    made: list[str], exported: Callable[..., Exported], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Source, folder: Path) -> Form:
        raise JobError("It says something else.")

    lora, merged = stage.KINDS
    monkeypatch.setattr(stage, "KINDS", (lora, Kind("merged", merged.write, refuse)))
    with pytest.raises(JobError, match="something else"):
        exported("lora", "merged")
    assert not (tmp_path / "merged").exists()
    assert [form.name for form in exported("adapter").forms] == ["lora"]


def test_a_request_to_stop_ends_it_between_two_forms(made: list[str], exported: Callable[..., Exported]) -> None:
    stop = StopRequest()
    stop.requested = True
    with pytest.raises(Stopped, match="while the tuned model was exported"):
        exported("lora", stop=stop)
    assert made == []
