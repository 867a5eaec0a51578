"""Queues of clouds. Each puts the output folder where it outlives the machine, so that the next attempt continues the run."""

from __future__ import annotations

from typing import Any

from job.submit.submission import Submission
from job.submit.text import Raw, as_json, as_yaml, command


def gcp_batch(job: Submission) -> str:
    """A Google Cloud Batch job with a bucket as its volume."""
    # Root mounts the bucket, on a machine that lives for this task alone, so the job runs as root there.
    # Batch's own codes: 50001 preempted ... 50006 VM recreated. Not 50005, the time limit: another try would hit it again.
    bucket = "/mnt/disks/output"
    environment: dict[str, Any] = {"variables": job.environment(f"{bucket}/{job.name}")}
    if job.secrets:
        secret = "projects/YOUR_PROJECT/secrets/YOUR_SECRET/versions/latest"
        environment["secretVariables"] = dict.fromkeys(job.secrets, secret)
    return as_json(
        {
            "taskGroups": [
                {
                    "taskCount": "1",
                    "taskSpec": {
                        "runnables": [
                            {"container": {"imageUri": job.image, "commands": ["run"], "options": "--user 0:0"}}
                        ],
                        "environment": environment,
                        "volumes": [{"gcs": {"remotePath": "YOUR_BUCKET"}, "mountPath": bucket}],
                        "computeResource": {"cpuMilli": "4000", "memoryMib": "14000"},
                        "maxRunDuration": f"{job.max_seconds}s",
                        "maxRetryCount": job.attempts - 1,
                        "lifecyclePolicies": [
                            {
                                "action": "RETRY_TASK",
                                "actionCondition": {"exitCodes": [*job.retried, 50001, 50002, 50003, 50004, 50006]},
                            }
                        ],
                    },
                }
            ],
            "allocationPolicy": {
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
            },
            "logsPolicy": {"destination": "CLOUD_LOGGING"},
        }
    )


def aws_batch(job: Submission) -> str:
    """A script that registers an AWS Batch job definition and submits the job; results on EFS."""
    # At most five rules are allowed. Batch retries any code that no rule names (1, 137 and 143), and never a timeout.
    container: dict[str, Any] = {
        "image": job.image,
        "command": ["run"],
        "environment": [
            {"name": name, "value": value}
            for name, value in job.environment(
                f"{job.output}/{job.name}", HF_HOME=f"{job.output}/cache/huggingface"
            ).items()
        ],
        "executionRoleArn": "YOUR_EXECUTION_ROLE_ARN",
        "resourceRequirements": [
            {"type": "GPU", "value": "1"},
            {"type": "VCPU", "value": "4"},
            {"type": "MEMORY", "value": "14000"},
        ],
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
        "mountPoints": [{"sourceVolume": "output", "containerPath": job.output}],
        "secrets": [{"name": name, "valueFrom": "YOUR_SECRET_ARN"} for name in job.secrets],
    }
    definition = {
        "jobDefinitionName": job.name,
        "type": "container",
        "platformCapabilities": ["EC2"],
        "containerProperties": container,
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


def _decades(codes: tuple[int, ...]) -> list[str]:
    """`6*` for 61 to 68: EXIT_CODES groups its codes by tens, so that one glob covers a group."""
    return sorted({f"{code // 10}*" for code in codes})


def vertex(job: Submission) -> str:
    """A Vertex AI custom job."""
    # Its env takes no secrets: the token is a file in the bucket, which Vertex mounts under /gcs.
    values = job.environment(f"/gcs/YOUR_BUCKET/{job.name}", **_token_file(job, "/gcs/YOUR_BUCKET/secrets/hf_token"))
    return as_yaml(
        {
            "workerPoolSpecs": [
                {
                    "replicaCount": 1,
                    "machineSpec": {
                        "machineType": "n1-standard-4",
                        "acceleratorType": "NVIDIA_TESLA_T4",
                        "acceleratorCount": 1,
                    },
                    "diskSpec": {"bootDiskType": "pd-ssd", "bootDiskSizeGb": 100},
                    "containerSpec": {
                        "imageUri": job.image,
                        "args": ["run"],
                        "env": [{"name": name, "value": value} for name, value in values.items()],
                    },
                }
            ],
            "scheduling": {"strategy": "SPOT", "timeout": f"{job.max_seconds}s", "disableRetries": False},
            "baseOutputDirectory": {"outputUriPrefix": f"gs://YOUR_BUCKET/{job.name}"},
        }
    )


def sagemaker(job: Submission) -> str:
    """A SageMaker training job."""
    # SageMaker copies /opt/ml/checkpoints to S3 while the job runs, and back before a restart; /opt/ml/model only at the end.
    # Its environment takes no secrets: the token is a file of an input channel.
    values = job.environment("/opt/ml/checkpoints", **_token_file(job, "/opt/ml/input/data/secrets/hf_token"))
    channel = {
        "ChannelName": "secrets",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": "s3://YOUR_BUCKET/secrets/",
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }
    document: dict[str, Any] = {
        "TrainingJobName": job.name,
        "RoleArn": "YOUR_ROLE_ARN",
        "AlgorithmSpecification": {"TrainingImage": job.image, "TrainingInputMode": "File"},
        "Environment": values,
        "ResourceConfig": {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 80},
        "CheckpointConfig": {"S3Uri": f"s3://YOUR_BUCKET/{job.name}/", "LocalPath": "/opt/ml/checkpoints"},
        "OutputDataConfig": {"S3OutputPath": f"s3://YOUR_BUCKET/{job.name}-model/"},
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": job.max_seconds, "MaxWaitTimeInSeconds": 2 * job.max_seconds},
    }
    if job.secrets:
        document["InputDataConfig"] = [channel]
    return as_json(document)


def azureml(job: Submission) -> str:
    """An Azure Machine Learning command job."""
    # Only the command line can refer to outputs and inputs. The output's path is fixed, so that the next job finds it.
    store = "azureml://datastores/workspaceblobstore/paths"
    ours = {"FINETUNE_OUTPUT_DIR": "${{outputs.run}}"}
    if job.secrets:
        ours["HF_TOKEN_PATH"] = "${{inputs.hf_token}}"
    document: dict[str, Any] = {
        "$schema": "https://azuremlschemas.azureedge.net/latest/commandJob.schema.json",
        "type": "command",
        "display_name": job.name,
        "experiment_name": "lora-job",
        "compute": "azureml:YOUR_COMPUTE",
        "environment": {"image": job.image},
        "environment_variables": dict(job.env),
        "command": " ".join([*(f'{name}="{value}"' for name, value in ours.items()), "exec", *job.command]),
        "outputs": {"run": {"type": "uri_folder", "mode": "rw_mount", "path": f"{store}/lora-job/{job.name}"}},
        "limits": {"timeout": job.max_seconds},
    }
    if job.secrets:
        document["inputs"] = {"hf_token": {"type": "uri_file", "mode": "ro_mount", "path": f"{store}/secrets/hf_token"}}
    return as_yaml(document)


def huggingface(job: Submission) -> str:
    """A command for Hugging Face Jobs, with a bucket of the Hub as its volume."""
    # No --attempts: it would retry permanent failures too. Without --timeout a job ends after 30 minutes.
    values = job.environment(f"{job.output}/{job.name}")
    return "#!/bin/sh\n" + command(
        [
            ["hf", "jobs", "run", "--name", job.name, "--flavor", "t4-small", "--timeout", f"{job.max_hours}h"],
            ["--volume", f"hf://buckets/YOUR_NAMESPACE/YOUR_BUCKET:{job.output}"],
            *(["--env", f"{name}={value}"] for name, value in values.items()),
            *(["--secrets", name] for name in job.secrets),
            ["--detach", job.image, *job.command],
        ]
    )


def skypilot(job: Submission) -> str:
    """A SkyPilot managed job."""
    # The image is a program, not a machine to log into: docker runs it, and its exit code becomes the job's.
    # recover_on_exit_codes has no limit, so it holds only the codes worth another try. A lost machine needs no code.
    values = job.environment(job.output)
    mount = "/mnt/lora-job"
    run = f'mkdir -p {mount}/{job.name} "$HOME/lora-job-cache"\n' + command(
        [
            ["docker", "run", "--rm", "--gpus", "all", "--stop-timeout", str(job.grace_seconds)],
            ["--user", Raw('"$(id -u):$(id -g)"'), "--volume", f"{mount}/{job.name}:{job.output}"],
            ["--volume", Raw(f'"$HOME/lora-job-cache:{job.cache}"')],
            *(["--env", name] for name in [*values, *job.secrets]),
            [job.image, "run"],
        ]
    )
    document: dict[str, Any] = {
        "name": job.name,
        "resources": {
            "accelerators": "T4:1",
            "use_spot": True,
            "disk_size": 100,
            "job_recovery": {
                "strategy": "EAGER_NEXT_REGION",
                "max_restarts_on_errors": 0,
                "recover_on_exit_codes": list(job.again),
            },
        },
        "envs": values,
        "file_mounts": {mount: {"name": "YOUR_BUCKET", "mode": "MOUNT"}},
        "run": run,
    }
    if job.secrets:
        document["secrets"] = dict.fromkeys(job.secrets)  # no value: `sky` takes the caller's
    return as_yaml(document)


def runpod(job: Submission) -> str:
    """The body of a request that creates a RunPod pod."""
    # RunPod has no T4 and no retries. Double braces refer to a secret of the account.
    values = job.environment(f"/workspace/{job.name}", HF_HOME="/workspace/cache/huggingface")
    return as_json(
        {
            "name": job.name,
            "imageName": job.image,
            "computeType": "GPU",
            "gpuTypeIds": ["NVIDIA RTX A4000", "NVIDIA RTX A4500", "NVIDIA L4"],
            "gpuCount": 1,
            "containerDiskInGb": 40,
            "networkVolumeId": "YOUR_NETWORK_VOLUME_ID",
            "volumeMountPath": "/workspace",
            "interruptible": False,
            "env": values | {name: f"{{{{ RUNPOD_SECRET_{name} }}}}" for name in job.secrets},
            "dockerStartCmd": ["run"],
        }
    )


def _token_file(job: Submission, path: str) -> dict[str, str]:
    return {"HF_TOKEN_PATH": path} if job.secrets else {}
