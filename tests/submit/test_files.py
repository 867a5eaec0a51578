"""The user's files: which ones the settings name, how they travel, and what cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from job.inputs import clean_inputs, probe_inputs
from job.settings.fields import SECTIONS
from job.settings.loading import load_file
from job.settings.values import _rule_file, _text_file
from job.submit.files import NOTHING_TO_DO, SHIPPED, Named, Way, each, named, obstacles, travelling
from job.submit.submission import Submission, describe
from tests.conftest import PROJECT
from tests.submit.manifests import FILES, IMAGE, env_file, users_folder

pytestmark = pytest.mark.light


def found_in(folder: Path, *lines: str) -> list[Named]:
    return list(named(load_file(env_file(folder, *lines))[0]))


def test_everything_that_the_settings_name_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(users_folder(tmp_path))
    found = found_in(
        tmp_path,
        "FINETUNE_DATA_SOURCES=quickstart,owner/name=5,data/rows.jsonl=7,./more,data/*.csv",
        "FINETUNE_DATA_SYSTEM_PROMPT_FILE=my prompt.txt",
        "FINETUNE_DATA_RULES_FILE=rules.txt",
        "FINETUNE_MODEL_BASE=./base",
        "FINETUNE_MODEL_CHAT_TEMPLATE_FILE=chat.jinja",
        "FINETUNE_PROBE_QUESTIONS_FILE=questions.txt",
        f"OTHER_FILE={tmp_path}",
    )
    assert {(one.variable, one.name): one.files for one in found} == {
        ("FINETUNE_DATA_SYSTEM_PROMPT_FILE", "my prompt.txt"): ("my prompt.txt",),
        ("FINETUNE_DATA_RULES_FILE", "rules.txt"): ("rules.txt",),
        ("FINETUNE_DATA_SOURCES", "data/rows.jsonl"): ("data/rows.jsonl",),
        ("FINETUNE_DATA_SOURCES", "./more"): ("more/a.jsonl", "more/b.jsonl"),  # no README.md, no hidden file
        ("FINETUNE_DATA_SOURCES", "data/*.csv"): ("data/x.csv",),
        ("FINETUNE_MODEL_BASE", "./base"): ("base/config.json", "base/model.safetensors"),
        ("FINETUNE_MODEL_CHAT_TEMPLATE_FILE", "chat.jinja"): ("chat.jinja",),
        ("FINETUNE_PROBE_QUESTIONS_FILE", "questions.txt"): ("questions.txt",),
    }
    assert travelling((*found, *found)) == tuple(sorted(file for one in found for file in one.files))


def test_every_setting_that_takes_a_text_file_is_named_so() -> None:
    """By its name a file is found: a new setting must keep to that."""
    for section in SECTIONS.values():
        for name, field in section.model_fields.items():
            checks = {getattr(one, "func", None) for one in field.metadata}
            assert name.endswith("_file") == bool(checks & {_text_file, _rule_file}), name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_the_image_contains_stays_there(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert describe(file, IMAGE).named == ()


def test_a_file_of_the_users_beside_the_env_files_travels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image has none of theirs."""
    monkeypatch.setattr("job.submit.files.SHIPPED", tuple(tmp_path / path.relative_to(PROJECT) for path in SHIPPED))
    monkeypatch.chdir(tmp_path)
    for name in ("env/medical/prompt.txt", "env/rules.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("greeting = Hello\\.\n", "utf-8")
    (found,) = found_in(
        tmp_path,
        "FINETUNE_DATA_SOURCES=quickstart",
        "FINETUNE_DATA_SYSTEM_PROMPT_FILE=env/medical/prompt.txt",
        "FINETUNE_DATA_RULES_FILE=env/rules.txt",
    )
    assert found.files == ("env/rules.txt",)


@pytest.mark.parametrize("volume", ["a folder", "a ConfigMap"])
def test_the_inputs_of_a_run_are_the_same_in_the_folder_of_a_queue(
    volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a run that began here goes on there, and one that began there goes on after a second submission."""
    monkeypatch.chdir(users_folder(tmp_path / "here"))
    file = env_file(
        tmp_path,
        "FINETUNE_DATA_SOURCES=quickstart,./more,data/*.csv,data/rows.jsonl",
        "FINETUNE_MODEL_BASE=./base",
        "FINETUNE_DATA_RULES_FILE=rules.txt",
        "FINETUNE_PROBE_QUESTIONS_FILE=questions.txt",
    )
    here = load_file(file)[0]
    before = clean_inputs(here), probe_inputs(here)
    job = describe(file, IMAGE)
    there = tmp_path / "there"
    content = there / "..2026_11" if volume == "a ConfigMap" else there
    for one in job.files:
        (content / one).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one, content / one)
    if volume == "a ConfigMap":  # as kubelet lays it out
        (there / "..data").symlink_to(content.name)
        for name in {one.partition("/")[0] for one in job.files}:
            (there / name).symlink_to(f"..data/{name}")
    monkeypatch.chdir(there)
    moved = load_file(env_file(tmp_path, *(f"{name}={value}" for name, value in job.env)))[0]
    assert (clean_inputs(moved), probe_inputs(moved)) == before


NO_MOUNT, MOUNT = Way(volume="/vol"), Way(mounts=True)


@pytest.mark.parametrize(
    ("name", "files", "way", "said"),
    [
        ("data/rows.jsonl", ("data/rows.jsonl",), NO_MOUNT, ""),
        ("data/rows.jsonl", ("data/rows.jsonl",), MOUNT, ""),
        ("/srv/rows.jsonl", ("/srv/rows.jsonl",), MOUNT, ""),
        ("/vol/rows.jsonl", ("/vol/rows.jsonl",), NO_MOUNT, ""),
        (
            "/volume/rows.jsonl",
            ("/volume/rows.jsonl",),
            NO_MOUNT,
            "such as data/rows.jsonl, or keep it below /vol, the",
        ),
        (
            "/srv/rows.jsonl",
            ("/srv/rows.jsonl",),
            NOTHING_TO_DO,
            "is a path of this machine, which abacus does not have",
        ),
        (
            "../rows.jsonl",
            ("../rows.jsonl",),
            MOUNT,
            "has '..' in its name; make the manifest in a folder that contains",
        ),
        ("/srv/a:b/*.jsonl", ("/srv/a:b/x.jsonl",), MOUNT, "with a colon or a comma cannot be mounted; rename it"),
        ("rows.jsonl", ("/app/rows.jsonl",), NO_MOUNT, "is not in this folder"),
        ("a\tb.jsonl", ("a\tb.jsonl",), NO_MOUNT, "holds a control character, or is not UTF-8; rename the file"),
        (
            "data",
            ("data/caf\udce9.jsonl",),
            MOUNT,
            r"the name 'data/caf\udce9.jsonl' holds a control character, or is not",
        ),
        (
            "a[1].jsonl",
            ("a[1].jsonl",),
            Way(patterns=True),
            "the upload would take a[1].jsonl for a pattern; rename the file",
        ),
        ("a[1].jsonl", ("a[1].jsonl",), NO_MOUNT, ""),
        ("out", ("out/one.jsonl", "out/two.jsonl"), MOUNT, "out/one.jsonl is a link to what a container does not see"),
        ("out", ("out/one.jsonl", "out/two.jsonl"), NO_MOUNT, ""),  # an upload follows it
    ],
)
def test_what_cannot_travel_is_said_with_what_to_do(
    name: str, files: tuple[str, ...], way: Way, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "out").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / "here")
    found = list(obstacles((Named("FINETUNE_DATA_SOURCES", name, files),), way, "abacus"))
    assert len(found) == bool(said)
    assert said in "".join(found)
    assert all(one.startswith("FINETUNE_DATA_SOURCES: ") for one in found)


def test_a_folder_that_cannot_be_mounted_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a:b").mkdir()
    monkeypatch.chdir(tmp_path / "a:b")
    row = Named("FINETUNE_DATA_SOURCES", "rows.jsonl", ("rows.jsonl",))
    assert list(obstacles((row,), MOUNT, "docker")) == [
        f"FINETUNE_DATA_SOURCES: {tmp_path}/a:b cannot be mounted, because of the colon or comma in it; rename the folder"
    ]
    assert list(obstacles((row,), NO_MOUNT, "vertex")) == []


def test_an_absolute_name_is_mounted_at_its_place(tmp_path: Path) -> None:
    users_folder(tmp_path)
    folder = str(tmp_path / "more")
    assert Named("X", folder, (f"{folder}/a.jsonl",)).folders == (folder,)
    pattern = Named(
        "X", f"{tmp_path}/*/*.jsonl", (f"{folder}/a.jsonl", f"{folder}/b.jsonl", f"{tmp_path}/data/rows.jsonl")
    )
    assert pattern.folders == (f"{tmp_path}/data", folder)
    job = Submission(name="x", image="y", env=(), secrets=(), named=(pattern,))
    assert (job.mounted, job.files) == ((f"{tmp_path}/data", folder), ())


def test_a_file_is_one_command_with_its_name_in_quotes() -> None:
    relative = Named("X", "x", ("-rows.jsonl", "data/rows.jsonl", "it's mine.txt"))
    job = Submission(name="lora-x", image="y", env=(), secrets=(), named=(relative,))
    assert list(each("put {path} bucket/{name}-files/{path}", before="mount it")(job)) == [
        "mount it",
        "put ./-rows.jsonl bucket/lora-x-files/-rows.jsonl",
        "put data/rows.jsonl bucket/lora-x-files/data/rows.jsonl",
        """put 'it'"'"'s mine.txt' 'bucket/lora-x-files/it'"'"'s mine.txt'""",
    ]
    assert list(each("put {path}", before="mount it")(Submission(name="x", image="y", env=(), secrets=()))) == []
