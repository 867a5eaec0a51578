"""Each launcher's variables become a place, and what does not add up is refused with their names."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from job.errors import SettingsError
from job.hosts import places
from job.hosts.places import Place, expand, left_out, place_of

pytestmark = pytest.mark.light


TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29400",
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_RESTART_COUNT": "0",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}
CLUSTER = {
    "cluster": {"workerpool0": ["pool0-0:2222"], "workerpool1": ["pool1-0:2222", "pool1-1:2222"]},
    "task": {"type": "workerpool1", "index": 1},
}
SLURM = {
    "SLURM_PROCID": "1",
    "SLURM_NTASKS": "2",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_LOCALID": "0",
    "SLURM_JOB_ID": "1234567",
}
NUMBER = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "10.0.0.1"}
KUBEFLOW = {"PET_NNODES": "2", "PET_NODE_RANK": "1", "PET_MASTER_ADDR": "job-node-0-0.job", "PET_MASTER_PORT": "29400"}
INDEXED = {"NNODES": "2", "JOB_COMPLETION_INDEX": "1", "MASTER_ADDR": "job-0.job", "MASTER_PORT": "1234"}
AWS = {
    "AWS_BATCH_JOB_NODE_INDEX": "1",
    "AWS_BATCH_JOB_NUM_NODES": "2",
    "AWS_BATCH_JOB_MAIN_NODE_INDEX": "0",
    "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "10.0.0.1",
}
SKYPILOT = {"SKYPILOT_NODE_RANK": "1", "SKYPILOT_NUM_NODES": "2", "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2"}

KNOWN: tuple[tuple[dict[str, str], Place], ...] = (
    (TORCHRUN, Place(3, 4, 1, "10.0.0.1", 29400, "torchrun", "lora-job/none/0")),
    (KUBEFLOW, Place(1, 2, None, "job-node-0-0.job", 29400, "Kubeflow Trainer")),
    (NUMBER, Place(1, 2, None, "10.0.0.1", 29500, "plain variables")),
    (NUMBER | {"MASTER_ADDR": "fd00::1"}, Place(1, 2, None, "fd00::1", 29500, "plain variables")),
    (INDEXED, Place(1, 2, None, "job-0.job", 1234, "an indexed Job of Kubernetes")),
    (SLURM, Place(1, 2, None, "gpu07", 19567, "Slurm's srun")),
    (SLURM | {"MASTER_ADDR": "head", "MASTER_PORT": "1"}, Place(1, 2, None, "head", 1, "Slurm's srun")),
    (
        SLURM | {"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1"},
        Place(5, 8, 1, "gpu07", 19567, "Slurm's srun"),
    ),
    ({"CLUSTER_SPEC": json.dumps(CLUSTER)}, Place(2, 3, None, "pool0-0", 2222, "Vertex AI")),
    (AWS, Place(1, 2, None, "10.0.0.1", 29500, "AWS Batch")),
    (AWS | {"AWS_BATCH_JOB_NODE_INDEX": "0"}, Place(0, 2, None, "127.0.0.1", 29500, "AWS Batch")),
    (
        AWS | {"AWS_BATCH_JOB_NODE_INDEX": "0", "AWS_BATCH_JOB_MAIN_NODE_INDEX": "1"},
        Place(1, 2, None, "10.0.0.1", 29500, "AWS Batch"),
    ),
    (SKYPILOT, Place(1, 2, None, "10.0.0.1", 29500, "SkyPilot")),
)


@pytest.mark.parametrize(("variables", "place"), KNOWN)
def test_each_launcher_says_where_a_process_stands(variables: dict[str, str], place: Place) -> None:
    assert place_of(variables) == place


def test_sagemaker_says_it_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "RESOURCES", tmp_path / "resourceconfig.json")
    places.RESOURCES.write_text(json.dumps({"current_host": "algo-2", "hosts": ["algo-2", "algo-1"]}), "utf-8")
    assert place_of({}) == Place(1, 2, None, "algo-1", 29500, "SageMaker")
    places.RESOURCES.write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}), "utf-8")
    assert place_of({}) is None
    places.RESOURCES.write_text(json.dumps({"current_host": "algo-3", "hosts": ["algo-1", "algo-2"]}), "utf-8")
    with pytest.raises(SettingsError, match="current_host: algo-3 is no rank among the 2 of hosts"):
        place_of({})


def test_on_google_batch_the_first_host_of_the_file_leads(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    variables = {"BATCH_HOSTS_FILE": str(hosts), "BATCH_TASK_INDEX": "0", "BATCH_TASK_COUNT": "2"}
    hosts.write_text(f"other.internal\n{socket.gethostname()}.internal\n", "utf-8")
    assert place_of(variables) == Place(1, 2, None, "other.internal", 29500, "Google Batch")
    hosts.write_text("other\nthird\n", "utf-8")  # a container with a name of its own
    assert place_of(variables) == Place(0, 2, None, "other", 29500, "Google Batch")
    hosts.unlink()
    with pytest.raises(SettingsError, match="BATCH_HOSTS_FILE: it does not say where rank 0 is"):
        place_of(variables)


ALONE: tuple[dict[str, str], ...] = (
    {},
    {"JOB_COMPLETION_INDEX": "3"},
    {"NNODES": "1", "NODE_RANK": "0"},
    {"PET_NNODES": "1"},
    {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"},
    {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"},
    {"BATCH_TASK_INDEX": "2", "BATCH_TASK_COUNT": "10"},
    {"SKYPILOT_NUM_NODES": "1", "SKYPILOT_NODE_RANK": "0", "SKYPILOT_NODE_IPS": "10.0.0.1"},
    {"CLUSTER_SPEC": json.dumps({"cluster": {"workerpool0": ["a:2222"]}, "task": {"type": "workerpool0", "index": 0}})},
)


@pytest.mark.parametrize("variables", ALONE)
def test_one_process_is_no_team_nor_are_tasks_of_an_array_or_a_batch_script(variables: dict[str, str]) -> None:
    assert place_of(variables) is None


HALF: tuple[tuple[dict[str, str], str], ...] = (
    ({"NNODES": "2"}, "NNODES=2 is set, but NODE_RANK and MASTER_ADDR are not"),
    ({"NODE_RANK": "1", "MASTER_ADDR": "10.0.0.1"}, "NODE_RANK and MASTER_ADDR are set, but NNODES is not"),
)


@pytest.mark.parametrize(("variables", "sentence"), HALF)
def test_variables_that_say_half_of_it_are_named_and_the_process_is_alone(
    variables: dict[str, str], sentence: str
) -> None:
    assert place_of(variables) is None
    assert left_out(variables) == sentence


@pytest.mark.parametrize("variables", [*ALONE, *(known for known, _ in KNOWN), {"NNODES": "1"}, {"NODE_RANK": "0"}])
def test_nothing_is_left_out_where_all_is_said_or_nothing(variables: dict[str, str]) -> None:
    assert left_out(variables) == ""


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    (TORCHRUN | {"RANK": "4"}, "RANK: 4 is no rank among the 4 of WORLD_SIZE"),
    (TORCHRUN | {"LOCAL_RANK": "one"}, "LOCAL_RANK: one is no number of a GPU"),
    (TORCHRUN | {"MASTER_ADDR": ""}, "MASTER_ADDR: it does not say where rank 0 is"),
    (KUBEFLOW | {"PET_NNODES": "1:2"}, "PET_NNODES: 1:2 is no number of processes"),
    (NUMBER | {"NODE_RANK": "-1"}, "NODE_RANK: -1 is no rank among the 2 of NNODES"),
    (NUMBER | {"MASTER_PORT": "http"}, "MASTER_PORT: http is no port"),
    (NUMBER | {"MASTER_PORT": "65536"}, "MASTER_PORT: 65536 is no port"),
    ({"NNODES": "2", "NODE_RANK": "0"}, "MASTER_ADDR: it does not say where rank 0 is"),
    ({"NNODES": "2", "MASTER_ADDR": "10.0.0.1"}, "NODE_RANK: nothing is no rank among the 2 of NNODES"),
    (NUMBER | {"MASTER_ADDR": "10.0.0.1:29500"}, "MASTER_ADDR: 10.0.0.1:29500 is no name or IP address alone"),
    (NUMBER | {"MASTER_ADDR": "tcp://10.0.0.1"}, "MASTER_ADDR: tcp://10.0.0.1 is no name or IP address alone"),
    (NUMBER | {"NNODES": "two"}, "NNODES: two is no number of processes"),
    (INDEXED | {"JOB_COMPLETION_INDEX": "2"}, "JOB_COMPLETION_INDEX: 2 is no rank among the 2 of NNODES"),
    (SLURM | {"SLURM_PROCID": "2"}, "SLURM_PROCID: 2 is no rank among the 2 of SLURM_STEP_NUM_TASKS"),
    ({"CLUSTER_SPEC": "{}"}, "CLUSTER_SPEC: 0 is no number of processes"),
    (
        {"CLUSTER_SPEC": json.dumps(CLUSTER | {"task": {"type": "workerpool2", "index": 0}})},
        "CLUSTER_SPEC: .*workerpool2.* is no rank among the 3",
    ),
    (AWS | {"AWS_BATCH_JOB_NODE_INDEX": "7"}, "AWS_BATCH_JOB_NODE_INDEX: 7 is no rank among the 2"),
    (
        AWS | {"AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": ""},
        "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS: it does not say",
    ),
    (SKYPILOT | {"SKYPILOT_NODE_IPS": ""}, "SKYPILOT_NODE_IPS: it does not say where rank 0 is"),
)


@pytest.mark.parametrize(("variables", "sentence"), WRONG)
def test_what_does_not_add_up_is_refused_with_the_variable(variables: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        place_of(variables)


def test_slurms_short_form_of_host_names() -> None:
    assert expand("gpu[01-03,7],login") == ["gpu01", "gpu02", "gpu03", "gpu7", "login"]
    assert expand("r[1-2]n[0-1]") == ["r1n0", "r1n1", "r2n0", "r2n1"]
    assert expand("node") == ["node"]
    assert expand("") == []
