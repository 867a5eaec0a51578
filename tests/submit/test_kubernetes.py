"""A Job, the Job in a Kueue queue, and a TrainJob: retry rules, and the published schemas."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from job.errors import SettingsError
from job.submit import TARGETS
from job.submit.kubernetes import FILES as UPLOAD
from job.submit.kubernetes import MOST_CONFIG_BYTES
from job.submit.submission import Submission
from tests.submit.manifests import DEV, FILES, IMAGE, PERMANENT, described, every_file, made, pod, together, written

pytestmark = pytest.mark.examples
every_kind = pytest.mark.parametrize("target", ["kubernetes", "kueue", "kubeflow"])


@every_kind
def test_permanent_codes_fail_at_once_and_the_rest_counts(target: str) -> None:
    spec = pod(target, made(target, FILES[0]))
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": sorted(PERMANENT)}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (4, 86400)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["podReplacementPolicy"] == "Failed"


@every_kind
def test_a_pod_has_one_gpu_one_volume_and_no_rights(target: str) -> None:
    spec = pod(target, made(target, FILES[0]))["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["terminationGracePeriodSeconds"] == 120
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert (container["image"], container["args"]) == (IMAGE, ["run"])
    assert spec["automountServiceAccountToken"] is False
    assert container["volumeMounts"] == [
        {"name": "output", "mountPath": "/output"},
        {"name": "shared-memory", "mountPath": "/dev/shm"},
    ]
    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert spec["volumes"] == [
        {"name": "output", "persistentVolumeClaim": {"claimName": "YOUR_PVC"}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1024Mi"}},
    ]


WEEK = 7 * 24 * 3600


def test_a_finished_job_goes_after_a_week() -> None:
    """Of a TrainJob it is the JobSet that goes: without its Job it would make another."""
    for target in ("kubernetes", "kueue"):
        assert pod(target, made(target, FILES[0]))["ttlSecondsAfterFinished"] == WEEK
    assert "ttlSecondsAfterFinished" not in pod("kubeflow", made("kubeflow", FILES[0]))
    runtime = next(iter(yaml.safe_load_all(made("kubeflow", FILES[0]))))
    assert runtime["spec"]["template"]["spec"]["ttlSecondsAfterFinished"] == WEEK


def test_a_second_submission_deletes_the_first_and_waits_for_its_pods() -> None:
    """A Job's template cannot be changed: `kubectl apply` of another image would end with an error."""
    for target in TARGETS[2:5]:
        assert target.submit == "kubectl create -f FILE"
        assert target.again == "kubectl delete --ignore-not-found --cascade=foreground -f FILE"


GPU = {"requests": {"cpu": "2", "memory": "10Gi"}, "limits": {"nvidia.com/gpu": 1}}


@every_file
@pytest.mark.parametrize("target", ["kubernetes", "kueue"])
def test_a_job_has_its_name_its_gpu_and_its_secret(target: str, file: Path) -> None:
    document = yaml.load(made(target, file), yaml.CSafeLoader)
    (container,) = document["spec"]["template"]["spec"]["containers"]
    assert (document["apiVersion"], document["kind"]) == ("batch/v1", "Job")
    assert document["metadata"]["name"] == f"lora-{file.stem}"
    assert container["resources"] == GPU
    key = {"name": "YOUR_HF_SECRET", "key": "HF_TOKEN", "optional": True}
    references = [entry for entry in container["env"] if "valueFrom" in entry]
    secret = [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": key}}]
    assert references == (secret if described(file).secrets else [])
    assert {"name": "HF_HOME", "value": "/output/cache/huggingface"} in container["env"]


@every_file
@pytest.mark.parametrize("target", ["kubernetes", "kueue"])
def test_job_by_the_kubernetes_schemas(target: str, file: Path) -> None:
    """The published JSON schemas, unknown fields refused, from the package kubernetes-validate."""
    validate = pytest.importorskip("kubernetes_validate", reason=f"kubernetes-validate {DEV}")
    validate.validate(yaml.load(made(target, file), yaml.CSafeLoader), validate.latest_version(), strict=True)


def test_kueue_starts_the_job() -> None:
    job, queued = (yaml.load(made(target, FILES[0]), yaml.CSafeLoader) for target in ("kubernetes", "kueue"))
    assert queued["metadata"].pop("labels") == {"kueue.x-k8s.io/queue-name": "YOUR_LOCAL_QUEUE"}
    assert queued["spec"].pop("suspend") is True
    assert queued == job


@every_file
def test_kubeflow_by_structure(file: Path) -> None:
    """The runtime has what a TrainJob cannot say; the TrainJob has image, arguments, variables and GPU."""
    runtime, train_job = yaml.load_all(made("kubeflow", file), yaml.CSafeLoader)
    name = f"lora-{file.stem}"
    assert [document["kind"] for document in (runtime, train_job)] == ["TrainingRuntime", "TrainJob"]
    assert {document["apiVersion"] for document in (runtime, train_job)} == {"trainer.kubeflow.org/v1alpha1"}
    assert [document["metadata"]["name"] for document in (runtime, train_job)] == [name, name]
    assert train_job["spec"]["runtimeRef"] == {
        "apiGroup": "trainer.kubeflow.org",
        "kind": "TrainingRuntime",
        "name": name,
    }
    trainer = train_job["spec"]["trainer"]
    assert (trainer["image"], trainer["args"], trainer["numNodes"]) == (IMAGE, ["run"], 1)
    assert trainer["resourcesPerNode"] == GPU
    assert runtime["spec"]["mlPolicy"] == {"numNodes": 1}
    assert runtime["spec"]["template"]["spec"]["failurePolicy"] == {"maxRestarts": 0}
    (node,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    (container,) = node["template"]["spec"]["template"]["spec"]["containers"]
    assert node["name"] == container["name"] == "node"
    assert node["template"]["metadata"]["labels"] == {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    assert not {"env", "resources"} & set(container), "these are the TrainJob's"


@every_file
def test_kubeflow_by_the_trainers_models_and_the_kubernetes_schemas(file: Path) -> None:
    """The package kubeflow-trainer-api reads both documents and loses nothing; the Job inside is a Kubernetes Job."""
    by_the_trainer(made("kubeflow", file))


def by_the_trainer(text: str) -> None:
    models = pytest.importorskip("kubeflow_trainer_api.models", reason=f"kubeflow-trainer-api {DEV}")
    validate = pytest.importorskip("kubernetes_validate", reason=f"kubernetes-validate {DEV}")
    runtime, train_job = yaml.safe_load_all(text)
    assert models.TrainerV1alpha1TrainingRuntime.from_dict(runtime).to_dict() == runtime
    assert models.TrainerV1alpha1TrainJob.from_dict(train_job).to_dict() == train_job
    inner = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "node"}, "spec": pod("kubeflow", text)}
    validate.validate(inner, validate.latest_version(), strict=True)


# --- cards ------------------------------------------------------------------------------------------------------------


@every_kind
def test_a_card_is_a_label_of_the_gpu_operator_or_of_google(target: str) -> None:
    text = written(target, described(FILES[0], card="L4"))
    affinity = pod(target, text)["template"]["spec"]["affinity"]["nodeAffinity"]
    terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [term["matchExpressions"] for term in terms] == [  # one of the terms is enough
        [{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-L4"]}],
        [{"key": "cloud.google.com/gke-accelerator", "operator": "In", "values": ["nvidia-l4"]}],
    ]
    assert "affinity" not in pod(target, made(target, FILES[0]))["template"]["spec"]


def test_spot_nodes_are_tolerated_where_they_are_asked_for() -> None:
    for spot, keys in (
        (True, ["nvidia.com/gpu", "cloud.google.com/gke-spot", "kubernetes.azure.com/scalesetpriority"]),
        (False, ["nvidia.com/gpu"]),
        (None, ["nvidia.com/gpu"]),
    ):
        spec = pod("kubernetes", written("kubernetes", described(FILES[0], spot=spot)))["template"]["spec"]
        assert [one["key"] for one in spec["tolerations"]] == keys


def test_a_card_and_spot_by_the_kubernetes_schemas() -> None:
    by_the_schemas(written("kubernetes", described(FILES[0], card="H100", spot=True)))


def by_the_schemas(text: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason=f"kubernetes-validate {DEV}")
    for document in yaml.load_all(text, yaml.CSafeLoader):
        if not document["apiVersion"].startswith("trainer."):
            validate.validate(document, validate.latest_version(), strict=True)


# --- several GPUs, several hosts --------------------------------------------------------------------------------------


@every_kind
def test_a_pod_may_have_several_gpus(target: str) -> None:
    documents = list(yaml.safe_load_all(written(target, described(FILES[0], card="T4", gpus=4))))
    if target == "kubeflow":
        resources = documents[-1]["spec"]["trainer"]["resourcesPerNode"]
    else:
        (job,) = documents
        (container,) = job["spec"]["template"]["spec"]["containers"]
        resources = container["resources"]
        assert "completionMode" not in job["spec"]
    assert resources == {"requests": {"cpu": "8", "memory": "37Gi"}, "limits": {"nvidia.com/gpu": 4}}


@pytest.mark.parametrize("target", ["kubernetes", "kueue"])
def test_several_hosts_are_an_indexed_job_whose_first_pod_has_a_name(target: str) -> None:
    service, job = yaml.safe_load_all(written(target, together()))
    name = f"lora-{FILES[0].stem}"
    assert (service["kind"], service["metadata"]["name"]) == ("Service", f"{name}-hosts")
    assert service["spec"] == {
        "clusterIP": "None",  # no address of its own: it names the pods
        "publishNotReadyAddresses": True,
        "selector": {"batch.kubernetes.io/job-name": name},
        "ports": [{"name": "team", "port": 29500}],
    }
    spec = job["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert spec["backoffLimit"] == 8, "one that ends makes the other end: four tries of two pods"
    assert spec["template"]["spec"]["subdomain"] == f"{name}-hosts"
    variables = spec["template"]["spec"]["containers"][0]["env"]
    assert variables[-3:] == [
        {"name": "NNODES", "value": "2"},
        {"name": "MASTER_ADDR", "value": f"{name}-0.{name}-hosts"},
        {"name": "MASTER_PORT", "value": "29500"},
    ]
    assert spec["template"]["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": "YOUR_PVC"}
    assert spec.get("suspend", False) == (target == "kueue")


@every_kind
def test_several_hosts_retry_as_one_does(target: str) -> None:
    several, one = (pod(target, written(target, job)) for job in (together(), described(FILES[0], card="T4")))
    assert several["podFailurePolicy"] == one["podFailurePolicy"]
    assert several["podReplacementPolicy"] == one["podReplacementPolicy"]
    assert several["template"]["spec"]["restartPolicy"] == "Never"


def test_the_trainer_tells_each_node_its_place() -> None:
    """Its policy `torch` does; without a policy it sets no variable."""
    runtime, train_job = yaml.safe_load_all(written("kubeflow", together()))
    assert runtime["spec"]["mlPolicy"] == {"numNodes": 2, "torch": {}}
    assert train_job["spec"]["trainer"]["numNodes"] == 2
    assert not {"NNODES", "MASTER_ADDR"} & {one["name"] for one in train_job["spec"]["trainer"]["env"]}


@pytest.mark.parametrize("target", ["kubernetes", "kueue"])
def test_several_hosts_by_the_kubernetes_schemas(target: str) -> None:
    by_the_schemas(written(target, together()))


def test_several_hosts_by_the_trainers_models() -> None:
    by_the_trainer(written("kubeflow", together()))


# --- files ------------------------------------------------------------------------------------------------------------


def mounted(documents: list[dict[str, Any]], volume: dict[str, Any]) -> dict[str, bytes]:
    """What kubelet puts into the volume of a ConfigMap."""
    (found,) = (one for one in documents if one["metadata"]["name"] == volume["configMap"]["name"])
    texts = {key: text.encode() for key, text in found.get("data", {}).items()}
    texts |= {key: base64.b64decode(text) for key, text in found.get("binaryData", {}).items()}
    return {item["path"]: texts[item["key"]] for item in volume["configMap"]["items"]}


@every_kind
def test_small_files_travel_in_a_config_map_byte_for_byte(target: str, users_job: Submission) -> None:
    Path("data/rows.jsonl").write_bytes(b"\xff\x00 not UTF-8")
    text = written(target, users_job)
    config, *documents = yaml.load_all(text, yaml.CSafeLoader)
    spec = pod(target, "\n---\n".join(text.split("\n---\n")[1:]))["template"]["spec"]
    (container,) = spec["containers"]
    expected = {file: Path(file).read_bytes() for file in users_job.files}
    assert mounted([config, *documents], spec["volumes"][-1]) == expected
    assert container["volumeMounts"][-1] == {"name": "files", "mountPath": "/data", "readOnly": True}
    last = documents[-1]["spec"]["trainer"] if target == "kubeflow" else container
    assert last["args"] == ["--directory", "/data", "run"]
    assert list(UPLOAD.uploads(users_job)) == []
    by_the_schemas(text)


def test_a_text_with_a_token_goes_into_no_manifest(users_job: Submission) -> None:
    Path("my prompt.txt").write_text(f"Use hf_{'p' * 30}.\n", "utf-8")
    with pytest.raises(SettingsError, match=r"my prompt.txt: holds what looks like a Hub token"):
        written("kubernetes", users_job)


def test_large_files_are_copied_to_the_claim_by_the_printed_commands(users_job: Submission, tmp_path: Path) -> None:
    """The commands themselves, with a kubectl that runs here what it would run in the pod."""
    Path("data/rows.jsonl").write_bytes(b"x" * MOST_CONFIG_BYTES)
    text = written("kubernetes", users_job)
    (document,) = yaml.load_all(text, yaml.CSafeLoader)
    assert document["kind"] == "Job"
    assert document["spec"]["template"]["spec"]["containers"][0]["args"] == [
        *("--directory", "/output/lora-mine-files", "run"),
    ]
    stub = tmp_path / "kubectl"
    stub.write_text(
        f'#!/bin/sh\ncase $1 in\n  create) cat > {tmp_path}/pod.json;;\n  exec) shift 4; exec "$@";;\n'
        f'  *) echo "$@" >> {tmp_path}/calls;;\nesac\n',
        "utf-8",
    )
    stub.chmod(0o755)
    script = "\n".join(UPLOAD.uploads(users_job)).replace("/output/", f"{tmp_path}/claim/")
    subprocess.run(["sh", "-e", "-c", script], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=True)
    for file in users_job.files:
        assert (tmp_path / "claim" / "lora-mine-files" / file).read_bytes() == Path(file).read_bytes()
    assert (tmp_path / "calls").read_text("utf-8").splitlines() == [
        "wait --for=condition=Ready --timeout=15m pod/lora-mine-files",
        "delete pod lora-mine-files",
    ]
    by_the_schemas((tmp_path / "pod.json").read_text("utf-8"))
