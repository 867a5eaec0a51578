"""Other clouds: by the service's own model or client where one can be had, and by structure where not.

Clients that are too heavy for the `dev` extra are looked for and skipped with a reason; structure holds what they check.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from job.cli import parse
from job.submit.clouds import AZURE_FILES, FLAVORS, HF_FILES, RUNPOD_FILES
from job.submit.submission import Submission
from tests.submit.manifests import (
    FILES,
    IMAGE,
    PLANTED,
    arguments,
    described,
    every_file,
    filled,
    made,
    option,
    together,
    with_secret,
    written,
)

pytestmark = pytest.mark.examples


# --- Azure Machine Learning -------------------------------------------------------------------------------------------


@every_file
def test_azureml_by_structure(file: Path) -> None:
    document = yaml.load(made("azureml", file), yaml.CSafeLoader)
    secrets = bool(described(file).secrets)
    token = 'HF_TOKEN_PATH="${{inputs.hf_token}}" ' if secrets else ""
    assert document["command"] == (
        'FINETUNE_OUTPUT_DIR="${{outputs.run}}" ' + token + "exec python3 /app/entrypoint.py run"
    )
    store = "azureml://datastores/workspaceblobstore/paths"
    run = {"type": "uri_folder", "mode": "rw_mount", "path": f"{store}/lora-job/lora-{file.stem}"}
    hf_token = {"type": "uri_file", "mode": "ro_mount", "path": f"{store}/secrets/hf_token"}
    assert document["outputs"] == {"run": run}
    assert document.get("inputs") == ({"hf_token": hf_token} if secrets else None)
    assert document["$schema"] == "https://azuremlschemas.azureedge.net/latest/commandJob.schema.json"
    assert (document["type"], document["experiment_name"]) == ("command", "lora-job")
    assert document["display_name"] == f"lora-{file.stem}"
    assert (document["compute"], document["environment"]) == ("azureml:YOUR_COMPUTE", {"image": IMAGE})
    assert document["resources"] == {"shm_size": "1024m"}
    assert document["limits"] == {"timeout": 86400}
    assert "FINETUNE_OUTPUT_DIR" not in document["environment_variables"], "the command line alone knows it"


@every_file
def test_azureml_by_its_clients_load_job(file: Path, tmp_path: Path) -> None:
    ml = pytest.importorskip("azure.ai.ml", reason="too heavy for CI: pip install azure-ai-ml")
    path = tmp_path / "job.yaml"
    path.write_text(made("azureml", file), "utf-8")
    assert ml.load_job(path)._validate().passed


# --- Hugging Face Jobs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [True, False])
def test_huggingface_by_hf_jobs_run_dry_run(secret: bool, tmp_path: Path) -> None:
    """The client itself, which reads every option and submits nothing."""
    file = with_secret(secret=secret)
    (words,) = arguments(filled(made("huggingface", file)), "hf", tmp_path)
    program = Path(sys.executable).with_name("hf")
    assert program.exists()  # it comes with huggingface_hub, which the job needs
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
    shown = subprocess.run(
        [program, "jobs", "run", "--dry-run", "--format", "human", *words[2:]],
        env=variables | {"HF_TOKEN": PLANTED},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    fields = dict(re.findall(r"^  (\w+) +(.*(?:\n {5,}.*)*)", shown, re.MULTILINE))
    assert (fields["image"], fields["flavor"], fields["timeout"]) == (IMAGE, "t4-small", "24h")
    assert fields["command"] == "python3 /app/entrypoint.py run"
    for line, value in zip(fields["env"].splitlines(), option(words, "--env"), strict=True):
        assert value.startswith(line.strip().removesuffix("…"))  # it shows the beginning of a long one
    assert ("HF_TOKEN" in fields.get("secrets", "")) == ("--secrets" in words)
    assert "Job not submitted" in shown


@every_file
def test_huggingface_by_structure(file: Path, tmp_path: Path) -> None:
    (words,) = arguments(made("huggingface", file), "hf", tmp_path)
    assert made("huggingface", file).startswith("#!/bin/sh\nhf jobs run ")
    assert option(words, "--name") == [f"lora-{file.stem}"]
    assert option(words, "--volume") == ["hf://buckets/YOUR_NAMESPACE/YOUR_BUCKET:/output"]
    assert option(words, "--secrets") == list(described(file).secrets)
    assert words[-5:] == ["--detach", IMAGE, "python3", "/app/entrypoint.py", "run"]


# --- SkyPilot ---------------------------------------------------------------------------------------------------------


@every_file
def test_skypilot_by_structure(file: Path) -> None:
    document = yaml.load(made("skypilot", file), yaml.CSafeLoader)
    name = f"lora-{file.stem}"
    assert document["name"] == name
    assert (document["resources"]["accelerators"], document["resources"]["use_spot"]) == ("T4:1", True)
    assert (document["resources"]["disk_size"], document["resources"]["memory"]) == (100, "14+")
    assert document["file_mounts"] == {"/mnt/lora-job": {"name": "YOUR_BUCKET", "mode": "MOUNT"}}
    folders, run = document["run"].split("\n", 1)
    assert folders == f'mkdir -p /mnt/lora-job/{name} "$HOME/lora-job-cache"'
    words = shlex.split(run.replace("\\\n", ""))
    assert words[:3] == ["docker", "run", "--rm"]
    assert words[-2:] == [IMAGE, "run"]
    assert (option(words, "--gpus"), option(words, "--stop-timeout")) == (["all"], ["120"])
    assert option(words, "--user") == ["$(id -u):$(id -g)"]
    assert option(words, "--volume") == [f"/mnt/lora-job/{name}:/output", "$HOME/lora-job-cache:/cache"]
    assert option(words, "--env") == [*document["envs"], *document.get("secrets", {})], "names alone"
    assert document.get("secrets") == ({"HF_TOKEN": None} if described(file).secrets else None)


def test_skypilot_recovers_what_another_try_mends() -> None:
    """These codes count against no limit; a bug (1) and a kill are left to `sky`'s own view of the machine."""
    assert yaml.load(made("skypilot", FILES[0]), yaml.CSafeLoader)["resources"]["job_recovery"] == {
        "strategy": "EAGER_NEXT_REGION",
        "max_restarts_on_errors": 0,
        "recover_on_exit_codes": [72, 73, 74, 75, 76],
    }


@every_file
def test_skypilot_by_its_task_reader(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sky = pytest.importorskip("sky", reason="too heavy for CI: pip install skypilot")
    schemas = pytest.importorskip("sky.utils.schemas")
    jsonschema = pytest.importorskip("jsonschema")
    document = yaml.safe_load(filled(made("skypilot", file)))
    jsonschema.validate(document, schemas.get_task_schema())
    secrets = [(name, PLANTED) for name in document.get("secrets", {})]
    task = sky.Task.from_yaml_config(document, secrets_overrides=secrets)
    assert next(iter(task.resources)).use_spot


# --- RunPod -----------------------------------------------------------------------------------------------------------


@every_file
def test_runpod_by_structure(file: Path) -> None:
    """With the fields of PodCreateInput in RunPod's REST API v1; its Python client speaks another one."""
    document = json.loads(made("runpod", file))
    variables = document.pop("env")
    assert document == {
        "name": f"lora-{file.stem}",
        "imageName": IMAGE,
        "computeType": "GPU",
        "gpuTypeIds": ["NVIDIA RTX A4000", "NVIDIA RTX A4500", "NVIDIA L4"],
        "gpuCount": 1,
        "minRAMPerGPU": 14,
        "containerDiskInGb": 40,
        "networkVolumeId": "YOUR_NETWORK_VOLUME_ID",
        "volumeMountPath": "/workspace",
        "interruptible": False,
        "dockerStartCmd": ["run"],
    }
    assert variables["HF_HOME"] == "/workspace/cache/huggingface"
    secret = "{{ RUNPOD_SECRET_HF_TOKEN }}" if described(file).secrets else None
    assert variables.get("HF_TOKEN") == secret


# --- cards and files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "cards"),
    [
        ("huggingface", {"T4": "--flavor t4-small", "L4": "--flavor l4x1", "A100": "--flavor a100-large"}),
        ("skypilot", {card: f"accelerators: {card}:1" for card in ("T4", "L4", "A100", "H100")}),
        ("runpod", {"L4": '"NVIDIA L4"\n', "A100": "NVIDIA A100-SXM4-80GB", "H100": "NVIDIA H100 80GB HBM3"}),
        ("azureml", {"T4": "NC4as_T4_v3", "A100": "NC24ads_A100_v4", "H100": "NC40ads_H100_v5"}),
    ],
)
def test_a_card_is_what_the_platform_calls_it(target: str, cards: dict[str, str]) -> None:
    for card, words in cards.items():
        text = written(target, described(FILES[0], card=card))
        assert words in text
        assert "A4000" not in text


@pytest.mark.parametrize(
    ("target", "card", "gpus", "words"),
    [
        ("azureml", "T4", 4, "instance_type: Standard_NC64as_T4_v3"),
        ("azureml", "", 4, "instance_type: Standard_NC64as_T4_v3"),
        ("azureml", "A100", 8, "instance_type: Standard_ND96asr_v4"),
        ("huggingface", "L4", 4, "--flavor l4x4"),
        ("huggingface", "A100", 8, "--flavor a100x8"),
        ("skypilot", "H100", 8, "accelerators: H100:8"),
        ("runpod", "L4", 3, '"gpuCount": 3,\n  "minRAMPerGPU": 11,'),
    ],
)
def test_several_cards_of_one_machine(target: str, card: str, gpus: int, words: str) -> None:
    assert words in written(target, described(FILES[0], card=card, gpus=gpus))


def test_skypilot_passes_each_nodes_place_to_its_container() -> None:
    document = yaml.safe_load(written("skypilot", together()))
    assert (document["num_nodes"], document["resources"]["accelerators"]) == (2, "T4:4")
    words = shlex.split(document["run"].split("\n", 1)[1].replace("\\\n", ""))
    assert option(words, "--env")[-3:] == ["SKYPILOT_NODE_RANK", "SKYPILOT_NUM_NODES", "SKYPILOT_NODE_IPS"]
    assert option(words, "--network") == ["host"]
    assert words[-2:] == [IMAGE, "run"]
    one = yaml.safe_load(written("skypilot", described(FILES[0], card="T4", gpus=4)))
    assert "num_nodes" not in one
    assert document["resources"]["job_recovery"] == one["resources"]["job_recovery"]


def test_several_nodes_by_skypilots_task_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sky = pytest.importorskip("sky", reason="too heavy for CI: pip install skypilot")
    schemas = pytest.importorskip("sky.utils.schemas")
    jsonschema = pytest.importorskip("jsonschema")
    document = yaml.safe_load(filled(written("skypilot", together())))
    jsonschema.validate(document, schemas.get_task_schema())
    secrets = [(name, PLANTED) for name in document.get("secrets", {})]
    assert sky.Task.from_yaml_config(document, secrets_overrides=secrets).num_nodes == 2


def test_flavors_are_those_of_the_client() -> None:
    hub = pytest.importorskip("huggingface_hub", minversion="2")
    ours = {flavor for numbers in FLAVORS.values() for flavor in numbers.values()}
    assert ours <= {flavor.value for flavor in hub.JobHardware}


@pytest.mark.parametrize(("spot", "tier"), [(True, "Spot"), (False, "Standard"), (None, "Standard")])
def test_azure_makes_a_machine_of_the_size_of_the_card(spot: bool | None, tier: str) -> None:
    document = yaml.safe_load(written("azureml", described(FILES[0], card="T4", spot=spot)))
    assert "compute" not in document
    assert document["queue_settings"] == {"job_tier": tier}
    assert document["resources"]["instance_type"] == "Standard_NC4as_T4_v3"


def test_spot_or_not() -> None:
    for spot, skypilot, runpod in ((None, True, False), (True, True, True), (False, False, False)):
        job = described(FILES[0], spot=spot)
        assert yaml.safe_load(written("skypilot", job))["resources"]["use_spot"] == skypilot
        assert json.loads(written("runpod", job))["interruptible"] == runpod


def test_azure_mounts_the_files_and_works_among_them(users_job: Submission) -> None:
    document = yaml.safe_load(written("azureml", users_job))
    assert document["command"].endswith('exec python3 /app/entrypoint.py --directory "${{inputs.files}}" run')
    store = "azureml://datastores/workspaceblobstore/paths"
    files = {"type": "uri_folder", "mode": "ro_mount", "path": f"{store}/lora-job/lora-mine-files"}
    assert document["inputs"]["files"] == files
    assert shlex.split(list(AZURE_FILES.uploads(users_job))[1])[-4:] == [
        *("--file", "my prompt.txt", "--name", "lora-job/lora-mine-files/my prompt.txt"),
    ]


def test_hugging_face_finds_the_files_in_the_bucket(users_job: Submission, tmp_path: Path) -> None:
    (words,) = arguments(written("huggingface", users_job), "hf", tmp_path)
    program = ["python3", "/app/entrypoint.py", "--directory", "/output/lora-mine-files", "run"]
    assert words[-6:] == [IMAGE, *program]
    args = parse(program)
    assert (args.command.name, args.directory) == ("run", Path("/output/lora-mine-files"))
    bucket = "hf://buckets/YOUR_NAMESPACE/YOUR_BUCKET/lora-mine-files"
    assert list(HF_FILES.uploads(users_job)) == [
        f"hf buckets cp data/rows.jsonl {bucket}/data/rows.jsonl",
        f"hf buckets cp 'my prompt.txt' '{bucket}/my prompt.txt'",
    ]


def test_skypilot_uploads_the_files_and_docker_mounts_them(users_job: Submission) -> None:
    document = yaml.safe_load(written("skypilot", users_job))
    mounts = dict(document["file_mounts"])
    assert mounts.pop("/mnt/lora-job") == {"name": "YOUR_BUCKET", "mode": "MOUNT"}
    assert mounts == {f"~/lora-mine-files/{file}": f"./{file}" for file in users_job.files}
    words = shlex.split(document["run"].split("\n", 1)[1].replace("\\\n", ""))
    assert option(words, "--volume")[-1] == "$HOME/lora-mine-files:/data:ro"
    assert option(words, "--workdir") == ["/data"]


def test_runpod_finds_the_files_on_the_volume(users_job: Submission) -> None:
    assert json.loads(written("runpod", users_job))["dockerStartCmd"] == [
        *("--directory", "/workspace/lora-mine-files", "run"),
    ]
    assert next(RUNPOD_FILES.uploads(users_job)) == (
        "aws s3 cp --region YOUR_DATA_CENTER --endpoint-url https://s3api-YOUR_DATA_CENTER.runpod.io data/rows.jsonl "
        "s3://YOUR_NETWORK_VOLUME_ID/lora-mine-files/data/rows.jsonl"
    )
