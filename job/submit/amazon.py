"""Amazon: AWS Batch with a shared file system (EFS), and SageMaker with a bucket."""

from __future__ import annotations

from typing import Any

from job.submit.estimate import SHARED_MIB
from job.submit.files import Way, each
from job.submit.submission import Submission
from job.submit.text import as_json, command

CARDS = {
    "T4": {1: "g4dn.xlarge", 4: "g4dn.12xlarge"},
    "L4": {1: "g6.xlarge", 4: "g6.12xlarge", 8: "g6.48xlarge"},
    "A100": {8: "p4d.24xlarge"},
    "H100": {1: "p5.4xlarge", 8: "p5.48xlarge"},
}
"""Instance types by the number of their cards."""
BATCH_CARDS = CARDS | {"T4": CARDS["T4"] | {8: "g4dn.metal"}}
"""Of EC2, on which Batch runs a job; SageMaker has no metal."""
BATCH_OUTPUT, CHECKPOINTS, CHANNELS = "/output", "/opt/ml/checkpoints", "/opt/ml/input/data"
BATCH_FILES = Way(
    # EFS has no upload from outside its network
    each(
        "install -D -m 644 {path} /mnt/efs/{name}-files/{path}",
        before="sudo mkdir -p /mnt/efs && "  # on a machine there
        "sudo mount -t efs -o tls,accesspoint=YOUR_ACCESS_POINT_ID YOUR_FILE_SYSTEM_ID:/ /mnt/efs",
    ),
    volume=BATCH_OUTPUT,
)
SAGEMAKER_FILES = Way(each("aws s3 cp {path} s3://YOUR_BUCKET/{name}-files/{path}"), volume=CHANNELS)


def aws_batch(job: Submission) -> str:
    """A script that registers an AWS Batch job definition and submits the job; results on EFS."""
    # At most five rules are allowed. Batch retries any code that no rule names (1, 137 and 143), and never a timeout.
    definition = {
        "jobDefinitionName": job.name,
        "type": "container" if job.nodes == 1 else "multinode",
        "platformCapabilities": ["EC2"],
        **_nodes(job),
        "timeout": {"attemptDurationSeconds": job.max_seconds},
        "retryStrategy": {
            "attempts": job.attempts,
            "evaluateOnExit": [
                {"onStatusReason": "Host EC2*", "action": "RETRY"},
                *({"onExitCode": decade, "action": "EXIT"} for decade in _decades(job.never)),
                *({"onExitCode": decade, "action": "RETRY"} for decade in _decades(job.again)),
                {"onReason": "CannotPullContainerError*", "action": "EXIT"},
            ],
        },
    }
    submission = {"jobName": job.name, "jobQueue": "YOUR_JOB_QUEUE", "jobDefinition": job.name}
    return "#!/bin/sh\nset -e\n" + "".join(
        command([["aws", "batch", verb, "--cli-input-json"], [as_json(value).strip()]])
        for verb, value in (("register-job-definition", definition), ("submit-job", submission))
    )


def _nodes(job: Submission) -> dict[str, Any]:
    """One container, or the same one on each host. The end of the main node is that of the job, and is tried again."""
    container = _container(job)
    if job.nodes == 1:
        return {"containerProperties": container}
    every = {"targetNodes": f"0:{job.nodes - 1}", "container": container}
    return {"nodeProperties": {"numNodes": job.nodes, "mainNode": 0, "nodeRangeProperties": [every]}}


def _container(job: Submission) -> dict[str, Any]:
    values = job.environment(f"{BATCH_OUTPUT}/{job.name}", HF_HOME=f"{BATCH_OUTPUT}/cache/huggingface")
    return {
        "image": job.image,
        "command": job.arguments(f"{BATCH_OUTPUT}/{job.folder}"),
        "environment": [{"name": name, "value": value} for name, value in values.items()],
        "executionRoleArn": "YOUR_EXECUTION_ROLE_ARN",
        "resourceRequirements": [
            {"type": "GPU", "value": str(job.gpus)},
            {"type": "VCPU", "value": str(4 * job.gpus)},
            {"type": "MEMORY", "value": str(job.needs.memory_mib)},
        ],
        "linuxParameters": {"sharedMemorySize": SHARED_MIB},
        "volumes": [
            {
                "name": "output",
                "efsVolumeConfiguration": {
                    "fileSystemId": "YOUR_FILE_SYSTEM_ID",
                    "transitEncryption": "ENABLED",
                    "authorizationConfig": {"accessPointId": "YOUR_ACCESS_POINT_ID"},
                },
            }
        ],
        "mountPoints": [{"sourceVolume": "output", "containerPath": BATCH_OUTPUT}],
        "secrets": [{"name": name, "valueFrom": "YOUR_SECRET_ARN"} for name in job.secrets],
    }


def _decades(codes: tuple[int, ...]) -> list[str]:
    """`6*` for 60 to 69: EXIT_CODES groups its codes by tens, so that one glob covers a group."""
    return sorted({f"{code // 10}*" for code in codes})


def sagemaker(job: Submission) -> str:
    """A SageMaker training job."""
    # SageMaker copies /opt/ml/checkpoints to S3 while the job runs, and back before a restart; /opt/ml/model only at the end.
    # Its environment takes no secrets: the token is a file of an input channel.
    token = {"HF_TOKEN_PATH": f"{CHANNELS}/secrets/hf_token"} if job.secrets else {}
    algorithm: dict[str, Any] = {"TrainingImage": job.image, "TrainingInputMode": "File"}
    channels: list[dict[str, Any]] = [_channel("secrets", "secrets")] if job.secrets else []
    if job.files:
        algorithm["ContainerEntrypoint"] = list(job.program)
        algorithm["ContainerArguments"] = job.arguments(f"{CHANNELS}/files")
        channels.append(_channel("files", job.folder))
    limits = {"MaxRuntimeInSeconds": job.max_seconds}
    if job.spot is not False:
        limits["MaxWaitTimeInSeconds"] = 2 * job.max_seconds
    kept: dict[str, Any] = {"CheckpointConfig": {"S3Uri": f"s3://YOUR_BUCKET/{job.name}/", "LocalPath": CHECKPOINTS}}
    output = CHECKPOINTS
    if job.nodes > 1:
        # A host has /opt/ml/checkpoints for itself: what all share is a file system, which needs a network of yours.
        output = f"{CHANNELS}/output/{job.name}"
        kept = {"VpcConfig": {"SecurityGroupIds": ["YOUR_SECURITY_GROUP_ID"], "Subnets": ["YOUR_SUBNET_ID"]}}
        channels.append(EFS_CHANNEL)
    document: dict[str, Any] = {
        "TrainingJobName": job.name,
        "RoleArn": "YOUR_ROLE_ARN",
        "AlgorithmSpecification": algorithm,
        "Environment": job.environment(output, **token),
        "ResourceConfig": {
            "InstanceType": f"ml.{CARDS[job.card or 'T4'][job.gpus]}",
            "InstanceCount": job.nodes,
            "VolumeSizeInGB": job.needs.disk_gb,
        },
        **kept,
        "OutputDataConfig": {"S3OutputPath": f"s3://YOUR_BUCKET/{job.name}-model/"},
        "EnableManagedSpotTraining": job.spot is not False,
        "StoppingCondition": limits,
    }
    if channels:
        document["InputDataConfig"] = channels
    return as_json(document)


EFS_CHANNEL = {
    "ChannelName": "output",
    "DataSource": {
        "FileSystemDataSource": {
            "FileSystemId": "YOUR_FILE_SYSTEM_ID",
            "FileSystemType": "EFS",
            "DirectoryPath": "/",
            "FileSystemAccessMode": "rw",
        }
    },
}


def _channel(name: str, folder: str) -> dict[str, Any]:
    """Files of the bucket, which SageMaker copies to a folder of that name."""
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": f"s3://YOUR_BUCKET/{folder}/",
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }
