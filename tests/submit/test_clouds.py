"""Queues of clouds, by the service's own model or client where one can be had, and by structure where not.

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
from typing import Any

import pytest
import yaml

from tests.submit.manifests import (
    DEV,
    FILES,
    IMAGE,
    PERMANENT,
    PLANTED,
    RETRIED,
    arguments,
    described,
    every_file,
    filled,
    made,
    option,
)

pytestmark = pytest.mark.examples
TOKEN_FILE = {
    "vertex": "/gcs/YOUR_BUCKET/secrets/hf_token",
    "sagemaker": "/opt/ml/input/data/secrets/hf_token",
}


def with_secret(*, secret: bool = True) -> Path:
    return next(file for file in FILES if bool(described(file).secrets) == secret)


# --- Google Cloud Batch ----------------------------------------------------------------------------------------------


@every_file
def test_gcp_batch_by_structure(file: Path) -> None:
    document = json.loads(made("gcp-batch", file))
    (group,) = document["taskGroups"]
    task = group["taskSpec"]
    assert group["taskCount"] == "1"
    assert task["runnables"] == [{"container": {"imageUri": IMAGE, "commands": ["run"], "options": "--user 0:0"}}]
    assert task["volumes"] == [{"gcs": {"remotePath": "YOUR_BUCKET"}, "mountPath": "/mnt/disks/output"}]
    assert task["environment"]["variables"]["FINETUNE_OUTPUT_DIR"] == f"/mnt/disks/output/lora-{file.stem}"
    assert task["computeResource"] == {"cpuMilli": "4000", "memoryMib": "14000"}
    assert task["maxRunDuration"] == "86400s"
    assert document["allocationPolicy"] == {
        "location": {"allowedLocations": ["regions/YOUR_REGION"]},
        "instances": [
            {
                "installGpuDrivers": True,
                "policy": {
                    "machineType": "n1-standard-4",
                    "provisioningModel": "SPOT",
                    "accelerators": [{"type": "nvidia-tesla-t4", "count": "1"}],
                    "bootDisk": {"sizeGb": "80"},
                },
            }
        ],
    }
    assert document["logsPolicy"] == {"destination": "CLOUD_LOGGING"}
    secrets = {"HF_TOKEN": "projects/YOUR_PROJECT/secrets/YOUR_SECRET/versions/latest"}
    assert task["environment"].get("secretVariables", {}) == (secrets if described(file).secrets else {})


def test_gcp_batch_retries_the_codes_worth_another_try_and_a_lost_machine() -> None:
    task = json.loads(made("gcp-batch", FILES[0]))["taskGroups"][0]["taskSpec"]
    (policy,) = task["lifecyclePolicies"]
    assert policy["action"] == "RETRY_TASK"
    assert set(policy["actionCondition"]["exitCodes"]) == RETRIED | {50001, 50002, 50003, 50004, 50006}
    assert task["maxRetryCount"] == 4


@every_file
def test_gcp_batch_by_googles_protobuf_types(file: Path) -> None:
    types = pytest.importorskip(
        "google.cloud.batch_v1.types", reason="too heavy for CI: pip install google-cloud-batch"
    )
    from google.protobuf import json_format

    json_format.ParseDict(json.loads(made("gcp-batch", file)), types.Job.pb(types.Job()))


# --- AWS -------------------------------------------------------------------------------------------------------------


def botocore_report(service: str, operation: str, parameters: dict[str, Any]) -> str:
    session = pytest.importorskip("botocore.session", reason=f"botocore {DEV}").get_session()
    from botocore.validate import ParamValidator

    shape = session.get_service_model(service).operation_model(operation).input_shape
    return str(ParamValidator().validate(parameters, shape).generate_report())


def aws_batch(file: Path, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Job definition and submission."""
    define, submit = arguments(made("aws-batch", file), "aws", folder)
    assert (define[:2], submit[:2]) == (["batch", "register-job-definition"], ["batch", "submit-job"])
    definition, submission = (json.loads(option(words, "--cli-input-json")[0]) for words in (define, submit))
    return definition, submission


@every_file
def test_aws_batch_by_structure(file: Path, tmp_path: Path) -> None:
    definition, submission = aws_batch(file, tmp_path)
    name = f"lora-{file.stem}"
    assert submission == {"jobName": name, "jobQueue": "YOUR_JOB_QUEUE", "jobDefinition": name}
    assert (definition["jobDefinitionName"], definition["type"]) == (name, "container")
    assert (definition["platformCapabilities"], definition["timeout"]) == (["EC2"], {"attemptDurationSeconds": 86400})
    container = definition["containerProperties"]
    assert (container["image"], container["command"]) == (IMAGE, ["run"])
    assert {"name": "HF_HOME", "value": "/output/cache/huggingface"} in container["environment"]
    assert container["resourceRequirements"] == [
        {"type": "GPU", "value": "1"},
        {"type": "VCPU", "value": "4"},
        {"type": "MEMORY", "value": "14000"},
    ]
    assert container["volumes"] == [
        {
            "name": "output",
            "efsVolumeConfiguration": {
                "fileSystemId": "YOUR_FILE_SYSTEM_ID",
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": "YOUR_ACCESS_POINT_ID"},
            },
        }
    ]
    assert container["mountPoints"] == [{"sourceVolume": "output", "containerPath": "/output"}]
    assert container["executionRoleArn"] == "YOUR_EXECUTION_ROLE_ARN"
    secrets = [{"name": "HF_TOKEN", "valueFrom": "YOUR_SECRET_ARN"}]
    assert container["secrets"] == (secrets if described(file).secrets else [])


def test_aws_batch_stops_where_the_definition_is_refused(tmp_path: Path) -> None:
    assert made("aws-batch", FILES[0]).startswith("#!/bin/sh\nset -e\naws batch register-job-definition ")


@every_file
def test_aws_batch_by_botocores_service_model(file: Path, tmp_path: Path) -> None:
    define, submit = arguments(filled(made("aws-batch", file)), "aws", tmp_path)
    for words, operation in ((define, "RegisterJobDefinition"), (submit, "SubmitJob")):
        assert botocore_report("batch", operation, json.loads(option(words, "--cli-input-json")[0])) == ""


def test_aws_batch_retries_the_codes_worth_another_try(tmp_path: Path) -> None:
    """By the service's rule: the first that matches decides; without one it retries."""
    strategy = aws_batch(FILES[0], tmp_path)[0]["retryStrategy"]
    rules = strategy["evaluateOnExit"]
    assert strategy["attempts"] == 5
    assert rules == [  # five at most
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onExitCode": "6*", "action": "EXIT"},
        {"onExitCode": "7*", "action": "RETRY"},
        {"onReason": "CannotPullContainerError*", "action": "EXIT"},
    ]
    for code in RETRIED | PERMANENT:
        by_code = (rule for rule in rules if "onExitCode" in rule)
        matching = (rule for rule in by_code if re.fullmatch(rule["onExitCode"].replace("*", ".*"), str(code)))
        action = next((rule["action"] for rule in matching), "RETRY")
        assert (action == "RETRY") == (code in RETRIED), code


@every_file
def test_sagemaker_by_structure(file: Path) -> None:
    document = json.loads(made("sagemaker", file))
    name = f"lora-{file.stem}"
    assert (document["TrainingJobName"], document["RoleArn"]) == (name, "YOUR_ROLE_ARN")
    assert document["AlgorithmSpecification"] == {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    assert document["ResourceConfig"] == {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 80}
    assert document["CheckpointConfig"] == {"S3Uri": f"s3://YOUR_BUCKET/{name}/", "LocalPath": "/opt/ml/checkpoints"}
    assert document["OutputDataConfig"] == {"S3OutputPath": f"s3://YOUR_BUCKET/{name}-model/"}
    assert document["EnableManagedSpotTraining"] is True
    assert document["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400, "MaxWaitTimeInSeconds": 172800}
    assert document["Environment"]["FINETUNE_OUTPUT_DIR"] == "/opt/ml/checkpoints"


@every_file
def test_sagemaker_by_botocores_service_model(file: Path) -> None:
    document = json.loads(filled(made("sagemaker", file)))
    assert botocore_report("sagemaker", "CreateTrainingJob", document) == ""
    assert max(map(len, document["Environment"].values())) <= 512


def test_sagemaker_reads_the_token_from_an_input_channel() -> None:
    document = json.loads(made("sagemaker", with_secret()))
    (channel,) = document["InputDataConfig"]
    assert channel["ChannelName"] == "secrets"
    assert channel["DataSource"]["S3DataSource"] == {
        "S3DataType": "S3Prefix",
        "S3Uri": "s3://YOUR_BUCKET/secrets/",
        "S3DataDistributionType": "FullyReplicated",
    }
    assert document["Environment"]["HF_TOKEN_PATH"] == TOKEN_FILE["sagemaker"]
    without = json.loads(made("sagemaker", with_secret(secret=False)))
    assert "InputDataConfig" not in without
    assert "HF_TOKEN_PATH" not in without["Environment"]


# --- Vertex AI -------------------------------------------------------------------------------------------------------


@every_file
def test_vertex_by_structure(file: Path) -> None:
    document = yaml.load(made("vertex", file), yaml.CSafeLoader)
    (pool,) = document["workerPoolSpecs"]
    assert pool["machineSpec"] == {
        "machineType": "n1-standard-4",
        "acceleratorType": "NVIDIA_TESLA_T4",
        "acceleratorCount": 1,
    }
    assert (pool["replicaCount"], pool["diskSpec"]) == (1, {"bootDiskType": "pd-ssd", "bootDiskSizeGb": 100})
    container = pool["containerSpec"]
    assert (container["imageUri"], container["args"]) == (IMAGE, ["run"])
    assert document["scheduling"] == {"strategy": "SPOT", "timeout": "86400s", "disableRetries": False}
    assert document["baseOutputDirectory"] == {"outputUriPrefix": f"gs://YOUR_BUCKET/lora-{file.stem}"}
    token = {"name": "HF_TOKEN_PATH", "value": TOKEN_FILE["vertex"]}
    assert (token in container["env"]) == bool(described(file).secrets)


@every_file
def test_vertex_by_googles_protobuf_types(file: Path) -> None:
    reason = "too heavy for CI: pip install google-cloud-aiplatform"
    types = pytest.importorskip("google.cloud.aiplatform_v1.types", reason=reason)
    from google.protobuf import json_format

    spec = types.CustomJobSpec()
    json_format.ParseDict(yaml.load(made("vertex", file), yaml.CSafeLoader), types.CustomJobSpec.pb(spec))
    assert spec.scheduling.strategy.name == "SPOT"


# --- Azure Machine Learning ------------------------------------------------------------------------------------------


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
    assert document["limits"] == {"timeout": 86400}
    assert "FINETUNE_OUTPUT_DIR" not in document["environment_variables"], "the command line alone knows it"


@every_file
def test_azureml_by_its_clients_load_job(file: Path, tmp_path: Path) -> None:
    ml = pytest.importorskip("azure.ai.ml", reason="too heavy for CI: pip install azure-ai-ml")
    path = tmp_path / "job.yaml"
    path.write_text(made("azureml", file), "utf-8")
    assert ml.load_job(path)._validate().passed


# --- Hugging Face Jobs -----------------------------------------------------------------------------------------------


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


# --- SkyPilot --------------------------------------------------------------------------------------------------------


@every_file
def test_skypilot_by_structure(file: Path) -> None:
    document = yaml.load(made("skypilot", file), yaml.CSafeLoader)
    name = f"lora-{file.stem}"
    assert document["name"] == name
    assert (document["resources"]["accelerators"], document["resources"]["use_spot"]) == ("T4:1", True)
    assert document["resources"]["disk_size"] == 100
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


# --- RunPod ----------------------------------------------------------------------------------------------------------


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
        "containerDiskInGb": 40,
        "networkVolumeId": "YOUR_NETWORK_VOLUME_ID",
        "volumeMountPath": "/workspace",
        "interruptible": False,
        "dockerStartCmd": ["run"],
    }
    assert variables["HF_HOME"] == "/workspace/cache/huggingface"
    secret = "{{ RUNPOD_SECRET_HF_TOKEN }}" if described(file).secrets else None
    assert variables.get("HF_TOKEN") == secret
