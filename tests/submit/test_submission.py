"""What every queue needs to know about a run: its name, its variables, its secrets, and which exit codes are retried."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from job.errors import SettingsError
from job.submit.files import Named
from job.submit.submission import Submission, describe
from tests.conftest import PROJECT
from tests.submit.manifests import (
    FILES,
    IMAGE,
    MENDED_BY_ANOTHER_TRY,
    PERMANENT,
    PLANTED,
    RETRIED,
    env_file,
    users_folder,
)

pytestmark = pytest.mark.light


def test_exit_codes_are_split_into_what_is_retried_and_what_is_not() -> None:
    job = describe(FILES[0], IMAGE)
    assert (set(job.again), set(job.never), set(job.retried)) == (MENDED_BY_ANOTHER_TRY, PERMANENT, RETRIED)
    for codes in (job.again, job.never):
        assert list(codes) == sorted(codes)
    assert len(job.retried) == len(RETRIED)


def test_the_limits_of_a_job() -> None:
    job = describe(FILES[0], IMAGE)
    assert (job.attempts, job.grace_seconds, job.max_hours, job.max_seconds) == (5, 120, 24, 86400)
    assert (job.output, job.cache) == ("/output", "/cache")
    assert job.program == ("python3", "/app/entrypoint.py")


def test_a_number_of_gpus_in_the_file_fits_the_hosts(tmp_path: Path) -> None:
    file = env_file(tmp_path, "FINETUNE_DATA_SOURCES=a/b", "FINETUNE_TRAIN_DEVICES=4", "FINETUNE_TRAIN_BATCH_SIZE=12")
    assert describe(file, IMAGE, gpus=4, nodes=3).nodes == 3
    with pytest.raises(
        SettingsError, match=r"FINETUNE_TRAIN_DEVICES=4 asks for more than the 2 of --gpus; write --gpus 4"
    ):
        describe(file, IMAGE, gpus=2)
    with pytest.raises(
        SettingsError, match=r"=4 on 4 hosts is more than the 12 rows of a step \(FINETUNE_TRAIN_BATCH_SIZE"
    ):
        describe(file, IMAGE, gpus=4, nodes=4)


def test_gpus_beyond_the_rows_of_a_step_are_idle(tmp_path: Path) -> None:
    file = env_file(tmp_path, "FINETUNE_DATA_SOURCES=a/b", "FINETUNE_TRAIN_BATCH_SIZE=12")
    found = [describe(file, IMAGE, gpus=gpus, nodes=nodes).idle for gpus, nodes in ((1, 1), (4, 3), (8, 2))]
    assert found == [0, 0, 4]


def test_the_hardware_in_words() -> None:
    found = [
        Submission("x", "y", (), (), card="T4", gpus=gpus, nodes=nodes) for gpus, nodes in ((1, 1), (4, 1), (4, 2))
    ]
    assert [job.hardware for job in found] == ["T4", "4 T4", "2 hosts with 4 T4 each"]
    assert [job.team("first") for job in found] == [
        {},
        {},
        {"NNODES": "2", "MASTER_ADDR": "first", "MASTER_PORT": "29500"},
    ]


def test_variables_are_the_files_then_the_queues_then_the_output_folder() -> None:
    job = Submission(name="x", image="y", env=(("B", "1"), ("HF_HOME", "mine")), secrets=())
    assert list(job.environment("/out", HF_HOME="ours", A="2").items()) == [
        ("B", "1"),
        ("HF_HOME", "mine"),
        ("A", "2"),
        ("FINETUNE_OUTPUT_DIR", "/out"),
    ]


def test_the_output_folder_and_the_token_of_the_file_stay_behind(tmp_path: Path) -> None:
    lines = "FINETUNE_DATA_SOURCES=owner/name", "FINETUNE_OUTPUT_DIR=here", f"HF_TOKEN={PLANTED}", "HF_HOME=/cache"
    job = describe(env_file(tmp_path, *lines), IMAGE)
    assert job.env == (("FINETUNE_DATA_SOURCES", "owner/name"), ("HF_HOME", "/cache"))
    assert job.secrets == ("HF_TOKEN",)
    assert job.image == IMAGE


def test_the_path_of_a_token_on_this_machine_stays_here(tmp_path: Path) -> None:
    """The token goes by reference; a path that is not here may be one of the queue's machine."""
    (tmp_path / "token").write_text("x", "utf-8")
    for path, kept in ((tmp_path / "token", False), ("/mnt/secrets/token", True)):
        job = describe(env_file(tmp_path, "FINETUNE_DATA_SOURCES=owner/name", f"HF_TOKEN_PATH={path}"), IMAGE)
        assert (("HF_TOKEN_PATH", str(path)) in job.env) == kept


def test_a_run_without_the_hub_has_no_secrets() -> None:
    assert describe(PROJECT / "env" / "quickstart.env", IMAGE).secrets == ()


STEMS = (
    "medical-t4",
    "Medical T4_v2",
    "medical-t4-v2",
    "_",
    "ü",
    "x" * 80,
    "x" * 79 + "y",
    "0.a-",
    "x" * 32 + "-" + "y" * 9,
)


def test_every_file_has_a_name_of_its_own_that_fits_every_platform(tmp_path: Path) -> None:
    files = [env_file(tmp_path, "FINETUNE_DATA_SOURCES=quickstart", name=f"{stem}.env") for stem in STEMS]
    names = [describe(file, IMAGE).name for file in files]
    assert names[0] == "lora-medical-t4"
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"lora(-[a-z0-9]+)+", name) and len(name) <= 45 for name in names)
    assert names[1].startswith("lora-medical-t4-v2-")


@pytest.mark.parametrize("image", ["job", "localhost:5000/team/job", "job:1.2", "a/b@sha256:" + "0" * 64])
def test_images_have_a_registry_a_tag_or_a_digest(image: str) -> None:
    assert describe(FILES[0], image).image == image


@pytest.mark.parametrize("image", ["", "two words", "$(image)", "-job", "job;rm"])
def test_what_is_no_image_name_is_refused(image: str) -> None:
    with pytest.raises(SettingsError, match="not an image name") as caught:
        describe(FILES[0], image)
    assert f"--image {image}:" in str(caught.value)


def test_what_looks_like_a_secret_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    file = env_file(
        tmp_path,
        *("FINETUNE_DATA_SOURCES=quickstart", "AWS_SECRET_ACCESS_KEY", f"FINETUNE_HUB_REPO_ID=a/{PLANTED}"),
        *("HTTPS_PROXY=http://user:word@proxy:3128", "HTTP_PROXY=http://proxy:3128"),
    )
    with pytest.raises(SettingsError) as caught:
        describe(file, IMAGE)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        f"AWS_SECRET_ACCESS_KEY in {file}",
        f"FINETUNE_HUB_REPO_ID in {file}",
        f"HTTPS_PROXY in {file}",
    ]
    assert "planted" not in str(caught.value)
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *("MY_TOKEN", "CLIENT_SECRET", "DB_PASSWORD", "API_KEY", "GOOGLE_CREDENTIALS"),
        *("DB_PASS", "KEY_PASSPHRASE", "my_secret_key", "hf_token"),
    ],
)
def test_a_variable_named_like_a_secret_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"{name} in .*: looks like a secret"):
        describe(env_file(tmp_path, "FINETUNE_DATA_SOURCES=quickstart", f"{name}=x"), IMAGE)


@pytest.mark.parametrize("name", ["NNODES", "NODE_RANK", "MASTER_ADDR", "WORLD_SIZE", "LOCAL_RANK", "PET_NNODES"])
def test_the_place_of_a_host_is_not_for_the_file_to_say(name: str, tmp_path: Path) -> None:
    """NNODES=3 of the file and two hosts of --nodes: the run would wait for a third."""
    with pytest.raises(SettingsError, match=rf"{name} in .*: the platform and the manifest tell each host its place"):
        describe(env_file(tmp_path, "FINETUNE_DATA_SOURCES=quickstart", f"{name}=3"), IMAGE, nodes=2)


def test_a_value_that_cannot_be_written_down_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a variable that the file names alone."""
    monkeypatch.setenv("OTHER", "caf\udce9")
    with pytest.raises(SettingsError, match=r"OTHER in .*: its value is not UTF-8 text"):
        describe(env_file(tmp_path, "FINETUNE_DATA_SOURCES=quickstart", "OTHER"), IMAGE)


def test_settings_of_ours_may_have_token_in_their_names(tmp_path: Path) -> None:
    lines = "FINETUNE_DATA_SOURCES=quickstart", "FINETUNE_MODEL_PAD_TOKEN=reserved", "TOKENIZERS_PARALLELISM=false"
    assert len(describe(env_file(tmp_path, *lines), IMAGE).env) == 3


@pytest.mark.parametrize("name", ["9LIVES", "a-b", "FINETUNE.X"])
def test_a_name_that_a_shell_or_a_cluster_refuses_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=rf"{name} in .*: no queue takes this name"):
        describe(env_file(tmp_path, "FINETUNE_DATA_SOURCES=quickstart", f"{name}=x"), IMAGE)


def test_the_folder_of_the_files_makes_way_for_a_mount() -> None:
    """docker cannot mount /data/rows.jsonl in a /data that is mounted read-only."""
    for path, data in (("/data/rows.jsonl", "/lora-job-data"), ("/srv/data/rows.jsonl", "/data")):
        named = Named("FINETUNE_DATA_SOURCES", path, (path,))
        assert Submission(name="x", image="y", env=(), secrets=(), named=(named,)).data == data


def test_the_program_works_in_the_folder_with_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(users_folder(tmp_path))
    job = describe(env_file(tmp_path, "FINETUNE_DATA_SOURCES=data/rows.jsonl"), IMAGE, card="L4", spot=True)
    assert (job.files, job.folder) == (("data/rows.jsonl",), "lora-mine-files")
    assert job.arguments("/there") == ["--directory", "/there", "run"]
    assert (job.card, job.spot, job.needs.max_hours) == ("L4", True, 2)
    assert describe(FILES[0], IMAGE).arguments("/there") == ["run"]
