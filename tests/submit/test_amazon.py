"""AWS Batch and SageMaker, by botocore and by structure."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from job.submit.amazon import BATCH_FILES, CARDS, SAGEMAKER_FILES
from job.submit.submission import Submission
from tests.submit.manifests import (
    DEV,
    FILES,
    IMAGE,
    PERMANENT,
    RETRIED,
    arguments,
    batch_container,
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


# --- AWS --------------------------------------------------------------------------------------------------------------


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
    assert container["linuxParameters"] == {"sharedMemorySize": 1024}
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
    assert document["Environment"]["HF_TOKEN_PATH"] == "/opt/ml/input/data/secrets/hf_token"
    without = json.loads(made("sagemaker", with_secret(secret=False)))
    assert "InputDataConfig" not in without
    assert "HF_TOKEN_PATH" not in without["Environment"]


@pytest.mark.parametrize(("card", "instance"), [("T4", "g4dn.xlarge"), ("L4", "g6.xlarge"), ("H100", "p5.4xlarge")])
def test_a_card_is_an_instance_type_that_botocore_knows(card: str, instance: str) -> None:
    job = described(FILES[0], card=card)
    document = json.loads(filled(written("sagemaker", job)))
    assert document["ResourceConfig"] == {
        "InstanceType": f"ml.{instance}",
        "InstanceCount": 1,
        "VolumeSizeInGB": job.needs.disk_gb,
    }
    session = pytest.importorskip("botocore.session", reason=f"botocore {DEV}").get_session()
    assert f"ml.{instance}" in session.get_service_model("sagemaker").shape_for("TrainingInstanceType").enum


# --- several GPUs, several hosts --------------------------------------------------------------------------------------


def test_every_instance_type_is_one_that_botocore_knows() -> None:
    session = pytest.importorskip("botocore.session", reason=f"botocore {DEV}").get_session()
    known = session.get_service_model("sagemaker").shape_for("TrainingInstanceType").enum
    assert {f"ml.{machine}" for machines in CARDS.values() for machine in machines.values()} <= set(known)
    eight = json.loads(written("sagemaker", described(FILES[0], card="A100", gpus=8)))
    assert eight["ResourceConfig"]["InstanceType"] == "ml.p4d.24xlarge"


def batch_of(job: Submission, folder: Path) -> dict[str, Any]:
    """The job definition, as botocore's model takes it."""
    define = arguments(filled(written("aws-batch", job)), "aws", folder)[0]
    definition: dict[str, Any] = json.loads(option(define, "--cli-input-json")[0])
    assert botocore_report("batch", "RegisterJobDefinition", definition) == ""
    return definition


def test_aws_batch_gives_several_gpus_to_one_container(tmp_path: Path) -> None:
    container = batch_of(described(FILES[0], card="T4", gpus=4), tmp_path)["containerProperties"]
    assert container["resourceRequirements"] == [
        {"type": "GPU", "value": "4"},
        {"type": "VCPU", "value": "16"},
        {"type": "MEMORY", "value": "41000"},
    ]


def test_aws_batch_runs_several_hosts_as_one_multi_node_job(tmp_path: Path) -> None:
    """The same container on each; the main node's end, retries and time are those of the job."""
    (tmp_path / "one").mkdir()
    several, one = (
        batch_of(together(), tmp_path),
        batch_of(described(FILES[0], card="T4", gpus=4), tmp_path / "one"),
    )
    assert several["type"] == "multinode"
    nodes = several["nodeProperties"]
    assert (nodes["numNodes"], nodes["mainNode"]) == (2, 0)
    assert [every["targetNodes"] for every in nodes["nodeRangeProperties"]] == ["0:1"]
    assert batch_container(several) == batch_container(one)
    assert several["retryStrategy"] == one["retryStrategy"]
    assert "containerProperties" not in several


def test_sagemaker_shares_a_file_system_among_several_hosts() -> None:
    """/opt/ml/checkpoints is each host's own."""
    document = json.loads(filled(written("sagemaker", together())))
    assert botocore_report("sagemaker", "CreateTrainingJob", document) == ""
    assert (document["ResourceConfig"]["InstanceType"], document["ResourceConfig"]["InstanceCount"]) == (
        "ml.g4dn.12xlarge",
        2,
    )
    (channel,) = (one for one in document["InputDataConfig"] if one["ChannelName"] == "output")
    system = channel["DataSource"]["FileSystemDataSource"]
    assert (system["FileSystemType"], system["FileSystemAccessMode"]) == ("EFS", "rw")
    name = f"lora-{FILES[0].stem}"
    assert document["Environment"]["FINETUNE_OUTPUT_DIR"] == f"/opt/ml/input/data/output/{name}"
    assert document["VpcConfig"] == {"SecurityGroupIds": ["my-security-group-id"], "Subnets": ["my-subnet-id"]}
    assert "CheckpointConfig" not in document
    assert document["StoppingCondition"].keys() == {"MaxRuntimeInSeconds", "MaxWaitTimeInSeconds"}


def test_on_demand_waits_for_no_spot_machine() -> None:
    document = json.loads(filled(written("sagemaker", described(FILES[0], spot=False))))
    assert document["EnableManagedSpotTraining"] is False
    assert document["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert botocore_report("sagemaker", "CreateTrainingJob", document) == ""


def test_sagemaker_copies_the_files_from_a_channel(users_job: Submission) -> None:
    document = json.loads(filled(written("sagemaker", users_job)))
    assert document["AlgorithmSpecification"]["ContainerEntrypoint"] == ["python3", "/app/entrypoint.py"]
    words = document["AlgorithmSpecification"]["ContainerArguments"]
    assert words == ["--directory", "/opt/ml/input/data/files", "run"]
    (channel,) = (one for one in document["InputDataConfig"] if one["ChannelName"] == "files")
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == "s3://my-bucket/lora-mine-files/"
    assert botocore_report("sagemaker", "CreateTrainingJob", document) == ""
    assert list(SAGEMAKER_FILES.uploads(users_job)) == [
        "aws s3 cp data/rows.jsonl s3://YOUR_BUCKET/lora-mine-files/data/rows.jsonl",
        "aws s3 cp 'my prompt.txt' 's3://YOUR_BUCKET/lora-mine-files/my prompt.txt'",
    ]


def test_aws_batch_finds_the_files_on_efs(users_job: Submission, tmp_path: Path) -> None:
    """By the printed commands themselves, on a folder in place of the mount."""
    define = arguments(filled(written("aws-batch", users_job)), "aws", tmp_path)[0]
    definition = json.loads(option(define, "--cli-input-json")[0])
    assert definition["containerProperties"]["command"] == ["--directory", "/output/lora-mine-files", "run"]
    assert botocore_report("batch", "RegisterJobDefinition", definition) == ""
    mount, *copies = BATCH_FILES.uploads(users_job)
    assert mount.endswith("mount -t efs -o tls,accesspoint=YOUR_ACCESS_POINT_ID YOUR_FILE_SYSTEM_ID:/ /mnt/efs")
    script = "\n".join(copies).replace("/mnt/efs", str(tmp_path / "efs"))
    subprocess.run(["sh", "-e", "-c", script], check=True)
    for file in users_job.files:
        assert (tmp_path / "efs" / "lora-mine-files" / file).read_bytes() == Path(file).read_bytes()
