"""What the result of a stage depends on, and what changes none."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from job.errors import DataError, NotFound
from job.inputs import (
    PIECE_BYTES,
    WEIGHTS,
    absent_as_recorded,
    base_files,
    clean_inputs,
    fingerprint,
    hash_ahead,
    push_inputs,
    sha256,
    train_inputs,
)
from job.runs.folder import difference
from job.runs.progress import counts
from job.settings.fields import Settings
from job.settings.loading import load_settings
from job.settings.sources import Source
from tests.conftest import write_rows
from tests.test_pipeline import settings


@pytest.mark.light
def test_the_cleaned_rows_depend_on_texts_and_not_on_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).write_text("You repair things.\n", "utf-8")
    one = clean_inputs(settings(monkeypatch, DATA_SYSTEM_PROMPT_FILE=str(tmp_path / "one")))
    other = clean_inputs(settings(monkeypatch, DATA_SYSTEM_PROMPT_FILE=str(tmp_path / "other")))
    assert one == other
    assert one["data"]["system_prompt"] == "You repair things."
    (tmp_path / "other").write_text("You sell things.\n", "utf-8")
    assert clean_inputs(load_settings()) != one


@pytest.mark.light
@pytest.mark.parametrize(
    ("inputs", "name", "value"),
    [
        (clean_inputs, "DATA_WORKERS", "3"),
        (clean_inputs, "DATA_ENGINE", "ray"),
        (clean_inputs, "MODEL_SAVE_EMBEDDING", "none"),
        (clean_inputs, "TRAIN_LEARNING_RATE", "0.1"),
        (train_inputs, "TRAIN_LOG_STEPS", "1"),
        (train_inputs, "PROBE_MAX_NEW_TOKENS", "1"),
        (train_inputs, "TRAIN_CHECKPOINT_MINUTES", "1"),
        (train_inputs, "DEADLINE_MINUTES", "60"),
        (train_inputs, "DATA_WORKERS", "3"),
        (push_inputs, "HUB_RETRY_MINUTES", "3"),
    ],
)
def test_what_changes_no_result_is_no_input(
    inputs: Callable[[Settings], object], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inputs(settings(monkeypatch))
    assert inputs(settings(monkeypatch, **{name: value})) == before


@pytest.mark.light
@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_TOKENS", "256"), ("LOSS_ON", "text"), ("SEED", "1")],
)
def test_settings_of_training_that_change_the_rows_are_inputs_of_cleaning(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = clean_inputs(settings(monkeypatch))
    assert clean_inputs(settings(monkeypatch, **{f"TRAIN_{name}": value})) != before


@pytest.mark.light
def test_how_many_adapters_training_keeps_for_the_probe_is_an_input_of_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = train_inputs(settings(monkeypatch))
    assert before["probe"] == {"checkpoints": 3}
    assert train_inputs(settings(monkeypatch, PROBE_CHECKPOINTS="1"))["probe"] == {"checkpoints": 1}


@pytest.mark.light
def test_a_file_of_rows_is_known_by_its_content(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}])
    source, folder = Source.parse(str(file)), Source.parse(str(tmp_path))
    before = fingerprint(source), fingerprint(folder)
    file.touch()
    assert (fingerprint(source), fingerprint(folder)) == before
    write_rows(file, [{"question": "a", "answer": "c"}])
    assert fingerprint(source) != before[0]
    assert fingerprint(folder) != before[1]
    assert fingerprint(Source.parse("quickstart")) == "embedded"


@pytest.mark.light
def test_files_that_a_pattern_names_are_known_by_their_contents(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", [{"question": "a", "answer": "b"}])
    source = Source.parse(f"{tmp_path}/*.jsonl")
    before = fingerprint(source)
    (tmp_path / "notes.txt").touch()
    assert fingerprint(source) == before
    write_rows(tmp_path / "b.jsonl", [{"question": "a", "answer": "b"}])
    assert fingerprint(source) != before


@pytest.mark.light
def test_a_file_is_hashed_once_in_a_start_and_its_bytes_are_progress(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}])
    os.utime(file, (1, 1))  # it has settled long ago
    before = counts().get("bytes", 0)
    first = fingerprint(Source.parse(str(file)))
    assert fingerprint(Source.parse(str(file))) == first
    assert counts()["bytes"] - before == file.stat().st_size
    write_rows(file, [{"question": "a", "answer": "c"}])
    os.utime(file, (1, 1))
    assert fingerprint(Source.parse(str(file))) != first, "the same size and time"


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of each piece that is hashed."""
    found: list[int] = []
    monkeypatch.setattr("job.inputs.advance", lambda _unit, count: found.append(count))
    return found


@pytest.mark.light
def test_the_main_thread_answers_signals_between_short_pieces(
    tmp_path: Path, pieces: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.inputs.MAIN_PIECE_BYTES", 4096)
    (tmp_path / "rows.jsonl").write_bytes(b"a" * 10_000)  # just written, so each call hashes it
    sha256(tmp_path / "rows.jsonl")
    assert pieces == [4096, 4096, 1808]
    with ThreadPoolExecutor(1) as pool:
        pool.submit(sha256, tmp_path / "rows.jsonl")
    assert pieces[3:] == [10_000]


@pytest.mark.light
def test_a_file_whose_size_is_not_known_is_read_in_pieces_too(pieces: list[int]) -> None:
    known = Path("/proc/version").read_bytes()
    assert not Path("/proc/version").stat().st_size
    assert sha256(Path("/proc/version")) == hashlib.sha256(known).digest()
    assert pieces == [len(known)]


@pytest.fixture
def local_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Settings]:
    folder = tmp_path / "base"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors", "README.md"):
        (folder / name).write_text("{}", "utf-8")
    return folder, settings(monkeypatch, MODEL_BASE=str(folder))


@pytest.mark.light
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("config.json", (True, True)),
        ("tokenizer.json", (True, True)),
        ("chat_template.jinja", (True, True)),
        ("model.safetensors", (False, True)),
        ("README.md", (False, False)),
    ],
)
def test_a_base_in_a_folder_is_known_by_its_files(
    name: str, changes: tuple[bool, bool], local_base: tuple[Path, Settings]
) -> None:
    """Cleaning reads no weights."""
    folder, wanted = local_base
    before = clean_inputs(wanted), train_inputs(wanted)
    (folder / name).write_text("[]", "utf-8")
    after = clean_inputs(wanted), train_inputs(wanted)
    for then, now, changed in zip(before, after, changes, strict=True):
        assert [field.partition(":")[0] for field in difference(then, now)] == [f"model.files.{name}"] * changed


@pytest.mark.light
@pytest.mark.parametrize("piece", [PIECE_BYTES, 4096], ids=["at once", "in pieces and a rest"])
def test_weights_are_hashed_ahead_in_threads_and_not_once_more(
    piece: int, local_base: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, given = local_base
    monkeypatch.setattr("job.inputs.PIECE_BYTES", piece)
    for name in ("model.safetensors", "model-2.safetensors"):
        (folder / name).write_bytes(name.encode() * 10_000)
        os.utime(folder / name, (1, 1))  # it has settled long ago
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    before = counts()["bytes"]
    pool = hash_ahead(given)
    assert pool
    found = base_files(given, WEIGHTS)
    pool.shutdown(wait=True)
    assert found == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.safetensors")}
    assert counts()["bytes"] - before == size


@pytest.mark.light
def test_weights_that_cannot_be_hashed_ahead_fail_where_they_are_asked_for(
    local_base: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("job.inputs.sha256", refuse)
    pool = hash_ahead(local_base[1])
    assert pool
    pool.shutdown(wait=True)
    with pytest.raises(NotFound, match=r"model\.safetensors of the base model cannot be read: Permission denied"):
        base_files(local_base[1], WEIGHTS)


@pytest.mark.light
def test_nothing_is_hashed_ahead_of_a_base_that_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hash_ahead(settings(monkeypatch)) is None


@pytest.mark.light
def test_a_base_that_is_not_on_this_machine_counts_as_recorded(local_base: tuple[Path, Settings]) -> None:
    folder, wanted = local_base
    recorded = train_inputs(wanted)
    assert absent_as_recorded(recorded, recorded) == (recorded, [])
    folder.rename(folder.with_name("away"))
    inputs = train_inputs(wanted)
    assert inputs != recorded
    assert absent_as_recorded(inputs, recorded) == (recorded, [str(folder)])
    assert absent_as_recorded(inputs, {}) == (inputs, [])


@pytest.mark.light
def test_the_embedded_base_and_one_on_the_hub_are_known_by_name_and_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    for base in ("quickstart", "meta/base"):
        assert train_inputs(settings(monkeypatch, MODEL_BASE=base))["model"]["files"] == {}


@pytest.mark.light
def test_a_file_of_a_base_that_cannot_be_read_is_named(
    local_base: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    folder, wanted = local_base
    monkeypatch.setattr("job.inputs.sha256", refuse)
    with pytest.raises(NotFound, match=rf"{folder}/config\.json of the base model cannot be read: Permission denied"):
        clean_inputs(wanted)


@pytest.mark.light
def test_so_is_one_whose_disk_fails(local_base: tuple[Path, Settings]) -> None:
    folder, wanted = local_base
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("/proc/self/mem")  # its first bytes are never there
    words = rf"{folder}/model\.safetensors of the base model cannot be read: Input/output"
    with pytest.raises(NotFound, match=words) as failed:
        base_files(wanted, WEIGHTS)
    assert "FINETUNE_MODEL_BASE" in failed.value.remedy


@pytest.mark.light
def test_so_is_one_of_a_source(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").symlink_to("/proc/self/mem")
    words = rf"{tmp_path}/rows\.jsonl of the source {tmp_path} cannot be read: Input/output error"
    with pytest.raises(DataError, match=words) as failed:
        fingerprint(Source.parse(str(tmp_path)))
    assert "FINETUNE_DATA_SOURCES" in failed.value.remedy
