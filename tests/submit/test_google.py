"""Google Cloud: by the service's own model or client where one can be had, and by structure where not.

Clients that are too heavy for the `dev` extra are looked for and skipped with a reason; structure holds what they check.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from job.submit.google import BATCH_FILES
from job.submit.submission import Submission
from tests.submit.manifests import (
    FILES,
    IMAGE,
    RETRIED,
    described,
    every_file,
    made,
    together,
    written,
)

pytestmark = pytest.mark.examples


# --- Google Cloud Batch -----------------------------------------------------------------------------------------------


@every_file
def test_gcp_batch_by_structure(file: Path) -> None:
    document = json.loads(made("gcp-batch", file))
    (group,) = document["taskGroups"]
    task = group["taskSpec"]
    assert group["taskCount"] == "1"
    assert task["runnables"] == [
        {"container": {"imageUri": IMAGE, "commands": ["run"], "options": "--user 0:0 --shm-size 1024m"}}
    ]
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


# --- Vertex AI --------------------------------------------------------------------------------------------------------


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
    token = {"name": "HF_TOKEN_PATH", "value": "/gcs/YOUR_BUCKET/secrets/hf_token"}
    assert (token in container["env"]) == bool(described(file).secrets)


@every_file
def test_vertex_by_googles_protobuf_types(file: Path) -> None:
    reason = "too heavy for CI: pip install google-cloud-aiplatform"
    types = pytest.importorskip("google.cloud.aiplatform_v1.types", reason=reason)
    from google.protobuf import json_format

    spec = types.CustomJobSpec()
    json_format.ParseDict(yaml.load(made("vertex", file), yaml.CSafeLoader), types.CustomJobSpec.pb(spec))
    assert spec.scheduling.strategy.name == "SPOT"


# --- cards and files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "machine", "accelerator"),
    [
        ("T4", "n1-standard-4", "nvidia-tesla-t4"),
        ("L4", "g2-standard-4", "nvidia-l4"),
        ("A100", "a2-highgpu-1g", "nvidia-tesla-a100"),
        ("H100", "a3-highgpu-1g", "nvidia-h100-80gb"),
    ],
)
def test_a_card_is_a_machine_type(card: str, machine: str, accelerator: str) -> None:
    job = described(FILES[0], card=card)
    document = json.loads(written("gcp-batch", job))
    policy = document["allocationPolicy"]["instances"][0]["policy"]
    assert (policy["machineType"], policy["accelerators"]) == (machine, [{"type": accelerator, "count": "1"}])
    assert policy["bootDisk"] == {"sizeGb": str(job.needs.disk_gb)}
    assert document["taskGroups"][0]["taskSpec"]["maxRunDuration"] == f"{job.max_seconds}s"
    pool = yaml.safe_load(written("vertex", job))["workerPoolSpecs"][0]["machineSpec"]
    assert pool == {
        "machineType": machine,
        "acceleratorType": accelerator.upper().replace("-", "_"),
        "acceleratorCount": 1,
    }


@pytest.mark.parametrize(
    ("spot", "batch", "vertex"), [(None, "SPOT", "SPOT"), (True, "SPOT", "SPOT"), (False, "STANDARD", "ON_DEMAND")]
)
def test_spot_or_on_demand(spot: bool | None, batch: str, vertex: str) -> None:
    job = described(FILES[0], spot=spot)
    policy = json.loads(written("gcp-batch", job))["allocationPolicy"]["instances"][0]["policy"]
    assert policy["provisioningModel"] == batch
    assert yaml.safe_load(written("vertex", job))["scheduling"]["strategy"] == vertex


# --- several GPUs, several hosts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "gpus", "machine"),
    [
        ("T4", 2, "n1-standard-8"),
        ("T4", 4, "n1-standard-16"),
        ("L4", 8, "g2-standard-96"),
        ("A100", 16, "a2-megagpu-16g"),
        ("H100", 8, "a3-highgpu-8g"),
    ],
)
def test_several_cards_are_another_machine_type(card: str, gpus: int, machine: str) -> None:
    job = described(FILES[0], card=card, gpus=gpus)
    document = json.loads(written("gcp-batch", job))
    policy = document["allocationPolicy"]["instances"][0]["policy"]
    assert (policy["machineType"], policy["accelerators"][0]["count"]) == (machine, str(gpus))
    assert document["taskGroups"][0]["taskSpec"]["computeResource"] == {
        "cpuMilli": str(4000 * gpus),
        "memoryMib": str(job.needs.memory_mib),
    }
    (pool,) = yaml.safe_load(written("vertex", job))["workerPoolSpecs"]
    assert (pool["machineSpec"]["machineType"], pool["machineSpec"]["acceleratorCount"]) == (machine, gpus)


def test_google_batch_starts_a_task_on_each_host_and_lists_the_hosts() -> None:
    (several,) = json.loads(written("gcp-batch", together()))["taskGroups"]
    assert {name: value for name, value in several.items() if name != "taskSpec"} == {
        "taskCount": "2",
        "parallelism": "2",
        "taskCountPerNode": "1",
        "requireHostsFile": True,
    }
    (runnable,) = several["taskSpec"]["runnables"]
    assert runnable["container"]["options"] == "--user 0:0 --shm-size 1024m --network host"
    assert runnable["container"]["volumes"] == [
        "/mnt/disks/output:/mnt/disks/output",
        "/etc/cloudbatch-taskgroup-hosts:/etc/cloudbatch-taskgroup-hosts:ro",
    ]
    (one,) = json.loads(written("gcp-batch", described(FILES[0], card="T4")))["taskGroups"]
    for name in ("lifecyclePolicies", "maxRetryCount", "volumes", "environment"):
        assert several["taskSpec"][name] == one["taskSpec"][name]


def test_vertex_has_a_second_pool_of_the_same_machines_and_begins_again_with_all() -> None:
    document = yaml.safe_load(written("vertex", together()))
    first, others = document["workerPoolSpecs"]
    assert (first["replicaCount"], others["replicaCount"]) == (1, 1)
    assert {**first, "replicaCount": 0} == {**others, "replicaCount": 0}
    assert document["scheduling"]["restartJobOnWorkerRestart"] is True
    assert yaml.safe_load(written("vertex", described(FILES[0], nodes=5)))["workerPoolSpecs"][1]["replicaCount"] == 4
    assert "restartJobOnWorkerRestart" not in made("vertex", FILES[0])


def test_several_hosts_by_googles_protobuf_types() -> None:
    reason = "too heavy for CI: pip install google-cloud-batch google-cloud-aiplatform"
    batch = pytest.importorskip("google.cloud.batch_v1.types", reason=reason)
    vertex = pytest.importorskip("google.cloud.aiplatform_v1.types", reason=reason)
    from google.protobuf import json_format

    json_format.ParseDict(json.loads(written("gcp-batch", together())), batch.Job.pb(batch.Job()))
    json_format.ParseDict(
        yaml.safe_load(written("vertex", together())), vertex.CustomJobSpec.pb(vertex.CustomJobSpec())
    )


def test_files_lie_in_the_bucket_beside_the_run(users_job: Submission) -> None:
    container = json.loads(written("gcp-batch", users_job))["taskGroups"][0]["taskSpec"]["runnables"][0]["container"]
    assert container["commands"] == ["--directory", "/mnt/disks/output/lora-mine-files", "run"]
    pool = yaml.safe_load(written("vertex", users_job))["workerPoolSpecs"][0]
    assert pool["containerSpec"]["args"] == ["--directory", "/gcs/YOUR_BUCKET/lora-mine-files", "run"]
    assert list(BATCH_FILES.uploads(users_job)) == [
        "gcloud storage cp data/rows.jsonl gs://YOUR_BUCKET/lora-mine-files/data/rows.jsonl",
        "gcloud storage cp 'my prompt.txt' 'gs://YOUR_BUCKET/lora-mine-files/my prompt.txt'",
    ]
