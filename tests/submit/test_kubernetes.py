"""A Job, the Job in a Kueue queue, and a TrainJob: retry rules, and the published schemas."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.submit.manifests import DEV, FILES, IMAGE, PERMANENT, described, every_file, made, pod

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
    assert container["volumeMounts"] == [{"name": "output", "mountPath": "/output"}]
    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert spec["volumes"] == [{"name": "output", "persistentVolumeClaim": {"claimName": "YOUR_PVC"}}]


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
    models = pytest.importorskip("kubeflow_trainer_api.models", reason=f"kubeflow-trainer-api {DEV}")
    validate = pytest.importorskip("kubernetes_validate", reason=f"kubernetes-validate {DEV}")
    text = made("kubeflow", file)
    runtime, train_job = yaml.safe_load_all(text)
    assert models.TrainerV1alpha1TrainingRuntime.from_dict(runtime).to_dict() == runtime
    assert models.TrainerV1alpha1TrainJob.from_dict(train_job).to_dict() == train_job
    inner = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "node"}, "spec": pod("kubeflow", text)}
    validate.validate(inner, validate.latest_version(), strict=True)
