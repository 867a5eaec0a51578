"""A run goes into an empty folder or its own, and replaces nothing that its user has put there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from job.errors import FolderError, SettingsError
from job.results import SCHEMA_VERSION, Choice, Failure
from job.runs import pins
from job.runs.claim import require_own, strangers
from job.runs.endings import record_failure, refused
from job.runs.files import open_sealed, write_json, write_sealed
from job.runs.folder import RunDir
from job.runs.identity import new_run_id
from job.runs.lock import FolderLock
from job.runs.metrics import MetricsFile, MetricsWriter
from job.settings.loading import load_settings

pytestmark = pytest.mark.light


def step(root: Path) -> None:
    RunDir(root).step("train", lambda: Choice(value="", reason=""), Choice, {})


@pytest.mark.parametrize(
    "leave_a_mark",
    [
        step,
        lambda root: (step(root), (root / "train.json").write_text("{", "utf-8")),
        lambda root: MetricsWriter(RunDir(root), {"lora": {"r": 16}}, MetricsFile(root).take).write(),
        lambda root: pins.write(root, []),
    ],
    ids=["record", "copy of a record", "metrics", "pins"],
)
def test_one_mark_of_a_run_is_enough(leave_a_mark: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "settings.json").write_text("torn", "utf-8")
    assert strangers(tmp_path) == ["adapter", "settings.json"]
    leave_a_mark(tmp_path)
    assert strangers(tmp_path) == []


@pytest.mark.parametrize(
    "leave",
    [
        lambda root: refused(SettingsError(["A: wrong"]), root, "settings"),
        lambda root: record_failure(root, Failure(kind="A", message="b", remedy="c", details=""), 64, "refused.json"),
        lambda root: FolderLock(root).take(),
        lambda root: (root / "settings.json.partial").touch(),
        new_run_id,
    ],
    ids=["metrics", "refused", "owner", "killed at its first file", "name"],
)
def test_what_a_start_leaves_that_was_never_accepted_claims_nothing_beside_it(
    leave: Callable[[Path], object], tmp_path: Path
) -> None:
    leave(tmp_path)
    assert strangers(tmp_path) == [], "the next start may begin"
    (tmp_path / "adapter").mkdir()
    assert strangers(tmp_path) == ["adapter"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", json.dumps({"accuracy": 0.9})),
        ("settings.json", json.dumps({"theme": "dark"})),
        ("train.json", json.dumps([{"question": "a", "answer": "b"}])),
        ("run_id", "run 7"),
        ("run_id", ""),
        ("report.html", "<p>Mine.</p>"),
        ("clean/rows.jsonl", "{}"),
    ],
)
def test_files_of_such_names_alone_are_the_users(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content, "utf-8")
    (tmp_path / "notes.txt").write_text("no obstacle", "utf-8")
    assert strangers(tmp_path) == [name.partition("/")[0]]


def test_whatever_bears_such_a_name_is_not_read_for_ever(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "train.json")
    with (tmp_path / "metrics.json").open("wb") as file:
        file.truncate(2**40)
    assert strangers(tmp_path) == ["metrics.json", "train.json"]


def test_a_folder_with_other_things_an_empty_and_a_missing_one_are_free(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    (tmp_path / "lost+found").mkdir()
    assert strangers(tmp_path) == strangers(tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("DATA_SOURCES", "clean/train.jsonl"),
        ("DATA_SOURCES", "clean"),
        ("MODEL_BASE", "adapter"),
        ("DATA_SYSTEM_PROMPT_FILE", "probe/prompt.txt"),
    ],
)
def test_what_a_run_reads_must_not_lie_where_it_writes(
    variable: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, path = tmp_path / "output", tmp_path / "output" / place
    path.mkdir(parents=True) if not path.suffix else path.parent.mkdir(parents=True)
    for file in [path] if path.suffix else [path / ("config.json" if variable == "MODEL_BASE" else "rows.jsonl")]:
        file.write_text("{}", "utf-8")
    pins.write(output, [])
    given = {"DATA_SOURCES": "quickstart", "MODEL_BASE": "quickstart", "OUTPUT_DIR": str(output), variable: str(path)}
    for name, value in given.items():
        monkeypatch.setenv(f"FINETUNE_{name}", value)
    with pytest.raises(SettingsError, match=f"FINETUNE_{variable}: {path} lies where the run writes its own files"):
        require_own(load_settings())
    monkeypatch.setenv("FINETUNE_OUTPUT_DIR", str(tmp_path / "another"))
    require_own(load_settings())


def test_the_folder_of_the_base_is_no_output_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's metrics.json would count as a file of the base, which so changes while it is read."""
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}", "utf-8")
    (tmp_path / "link").symlink_to(base)
    given = {"DATA_SOURCES": "quickstart", "MODEL_BASE": str(base), "OUTPUT_DIR": str(tmp_path / "link")}
    for name, value in given.items():
        monkeypatch.setenv(f"FINETUNE_{name}", value)
    with pytest.raises(SettingsError, match=r"FINETUNE_OUTPUT_DIR: .*/link is FINETUNE_MODEL_BASE too"):
        require_own(load_settings())
    monkeypatch.setenv("FINETUNE_OUTPUT_DIR", str(base / "output"))
    require_own(load_settings())


def change_of_version(root: Path, names: tuple[str, ...]) -> None:
    for name in names:
        record = open_sealed(root / name)
        write_sealed(root / name, record | {"schema_version": SCHEMA_VERSION + 1})


def without_seal(root: Path) -> None:
    """As 0.1.0 wrote them."""
    write_json(root / "train.json", open_sealed(root / "train.json"))
    (root / ".train.json").unlink()


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        (lambda root: change_of_version(root, ("train.json", ".train.json")), True),
        (without_seal, True),
        (lambda root: change_of_version(root, ("train.json",)), False),
        (lambda root: (root / "train.json").write_text("{", "utf-8"), False),
        (lambda root: (root / "train.json").unlink(), False),
    ],
    ids=["another version", "0.1.0", "a flipped bit", "torn", "gone"],
)
def test_a_run_of_another_version_is_not_trained_over(
    change: Callable[[Path], object], is_refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"DATA_SOURCES": "quickstart", "OUTPUT_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(f"FINETUNE_{name}", value)
    step(tmp_path)
    change(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    if is_refused:
        with pytest.raises(FolderError, match=r"another version of this program wrote: train\.json") as caught:
            require_own(load_settings())
        assert "new folder" in caught.value.remedy
    else:
        require_own(load_settings())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_rows_that_were_edited_twice_are_kept_twice(tmp_path: Path) -> None:
    from tests.runs.test_folder import INPUTS, Left

    def write() -> Left:
        (tmp_path / "rows").write_text("rows", "utf-8")
        return Left(rows_path="rows")

    for edit in ("first", "second", ""):
        RunDir(tmp_path).step("clean", write, Left, INPUTS)
        if edit:
            (tmp_path / "rows").write_text(edit, "utf-8")
    kept = [(tmp_path / name).read_text("utf-8") for name in ("broken-rows", "broken-rows.2")]
    assert kept == ["first", "second"]
