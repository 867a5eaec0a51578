"""What the tests of manifests share: manifests of the shipped env files, and readers that read them as the platforms do."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from job.submit import TARGETS
from job.submit.submission import Submission, describe
from tests.conftest import PROJECT

FILES = sorted((PROJECT / "env").glob("*.env"))
IMAGE = "registry.example/team/lora-job:0.1.0"
PLANTED = "hf_" + "p" * 30
NAMES = [target.name for target in TARGETS]
WITH_HOSTS = [target.name for target in TARGETS if target.hosts]

# The exit codes, literally: what the tests of retry rules compare with must not come from the code that they test.
PERMANENT = {60, 61, 62, 63, 64, 65, 66, 67, 68, 69}
MENDED_BY_ANOTHER_TRY = {72, 73, 74, 75, 76}
RETRIED = {1, 72, 73, 74, 75, 76, 137, 143}

FILLED = {
    "YOUR_ROLE_ARN": "arn:aws:iam::123456789012:role/lora-job",
    "YOUR_EXECUTION_ROLE_ARN": "arn:aws:iam::123456789012:role/lora-job",
    "YOUR_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hf",
}
DEV = "comes with: pip install '.[dev]'"
every_target = pytest.mark.parametrize("target", NAMES)
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
everything = pytest.mark.parametrize(
    ("target", "file"),
    [pytest.param(target, file, id=f"{target}-{file.stem}") for target, file in itertools.product(NAMES, FILES)],
)


def env_file(folder: Path, *lines: str, name: str = "mine.env") -> Path:
    file = folder / name
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return file


def users_folder(folder: Path) -> Path:
    """A folder as a user may have it, with files of every kind that a setting can name."""
    files = {
        "data/rows.jsonl": '{"question": "How do I oil a chain?", "answer": "Wipe it, then one drop a link."}\n',
        "data/x.csv": "question,answer\nWhich oil?,A dry one.\n",
        "more/a.jsonl": "{}\n",
        "more/b.jsonl": "{}\n",
        "more/README.md": "Rows of the workshop.\n",
        "more/.hidden.jsonl": "{}\n",
        "base/config.json": "{}",
        "base/model.safetensors": "weights",
        "my prompt.txt": "You repair “bicycles”.\r\n  Be brief: $HOME is no #answer.\n",
        "rules.txt": "thanks = thank you\n",
        "chat.jinja": "{{ messages }}\n",
        "questions.txt": "Which oil?\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


@cache
def described(file: Path, *, card: str = "", gpus: int = 1, nodes: int = 1, spot: bool | None = None) -> Submission:
    """Read once: the same few files go to every target."""
    return describe(file, IMAGE, card=card, gpus=gpus, nodes=nodes, spot=spot)


def together(file: Path = FILES[0]) -> Submission:
    """Two hosts with four T4 each."""
    return described(file, card="T4", gpus=4, nodes=2)


def with_secret(*, secret: bool = True) -> Path:
    return next(file for file in FILES if bool(described(file).secrets) == secret)


@cache
def made(target: str, file: Path) -> str:
    return written(target, described(file))


def written(target: str, job: Submission) -> str:
    return {each.name: each.write for each in TARGETS}[target](job)


def filled(text: str) -> str:
    """The manifest as a user completes it: every placeholder replaced."""
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


def environment(target: str, text: str, folder: Path) -> dict[str, str]:
    """The variables that the job gets, read from the manifest as the platform reads them."""
    return PLATFORMS[target].variables(text, folder)


def pod(target: str, text: str) -> dict[str, Any]:
    """The specification of the Kubernetes Job in a manifest."""
    kind = "TrainingRuntime" if target == "kubeflow" else "Job"
    documents = yaml.load_all(text, yaml.CSafeLoader)
    spec: dict[str, Any] = next(one["spec"] for one in documents if one["kind"] == kind)
    if target == "kubeflow":
        spec = spec["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]
    return spec


def _pairs(items: list[dict[str, str]]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in items if "value" in item}


def _docker(text: str, folder: Path) -> dict[str, str]:
    words = option(arguments(text, "docker", folder)[0], "--env")
    return dict(word.split("=", 1) for word in words if "=" in word)


def _huggingface(text: str, folder: Path) -> dict[str, str]:
    """By the client's own reader: `hf` takes each --env for a line of a dotenv file."""
    from huggingface_hub.cli._cli_utils import parse_env_map

    return {
        name: value or "" for name, value in parse_env_map(option(arguments(text, "hf", folder)[0], "--env")).items()
    }


def _compose(text: str, _: Path) -> dict[str, str]:
    variables = yaml.load(text, yaml.CSafeLoader)["services"]["job"]["environment"]
    return _expanded({name: value for name, value in variables.items() if value is not None})


def _pod(text: str, _: Path) -> dict[str, str]:
    return _expanded(_pairs(pod("kubernetes", text)["template"]["spec"]["containers"][0]["env"]))


def _train_job(text: str, _: Path) -> dict[str, str]:
    return _expanded(_pairs(list(yaml.load_all(text, yaml.CSafeLoader))[-1]["spec"]["trainer"]["env"]))


def _expanded(variables: dict[str, str]) -> dict[str, str]:
    """As Compose and kubelet read them: `$$` is a dollar, and a single dollar may begin a reference."""
    for name, value in variables.items():
        assert "$" not in value.replace("$$", ""), f"{name} would be expanded"
    return {name: value.replace("$$", "$") for name, value in variables.items()}


def _aws_batch(text: str, folder: Path) -> dict[str, str]:
    definition = json.loads(option(arguments(text, "aws", folder)[0], "--cli-input-json")[0])
    return _pairs(batch_container(definition)["environment"])


def batch_container(definition: dict[str, Any]) -> dict[str, Any]:
    """Of one host, or the same of each."""
    if definition["type"] == "container":
        return dict(definition["containerProperties"])
    (every,) = definition["nodeProperties"]["nodeRangeProperties"]
    return dict(every["container"])


def _azureml(text: str, _: Path) -> dict[str, str]:
    """With what the command line adds."""
    document = yaml.load(text, yaml.CSafeLoader)
    added = dict(word.split("=", 1) for word in shlex.split(document["command"]) if "=" in word)
    return dict(document["environment_variables"]) | added


def _slurm(text: str, _: Path) -> dict[str, str]:
    lines = [line for line in text.split("\n") if line.startswith("export APPTAINERENV_FINETUNE")]
    show = "".join(f"{line}\n" for line in lines) + "env -0"
    shown = subprocess.run(["bash", "-c", show], env={}, capture_output=True, text=True, check=True).stdout
    variables = dict(entry.split("=", 1) for entry in shown.split("\0") if "=" in entry)
    names = [line.partition("=")[0].removeprefix("export ") for line in lines]
    return {name.removeprefix("APPTAINERENV_"): variables[name] for name in names}


@dataclass(frozen=True)
class Platform:
    """How the platform of a target reads its manifest. <name> stands for the job's name."""

    variables: Callable[[str, Path], dict[str, str]]
    """From a manifest and an empty folder for scripts that run."""
    output: str
    """The output folder of the job."""
    mount: str
    """Words of the manifest that make the platform keep what the job writes there."""


PLATFORMS = {
    "docker": Platform(_docker, "/output", '"$PWD/output/<name>:/output"'),
    "compose": Platform(_compose, "/output", "./output/<name>:/output"),
    "kubernetes": Platform(_pod, "/output/<name>", "mountPath: /output"),
    "kueue": Platform(_pod, "/output/<name>", "mountPath: /output"),
    "kubeflow": Platform(_train_job, "/output/<name>", "mountPath: /output"),
    "gcp-batch": Platform(
        lambda text, _: dict(json.loads(text)["taskGroups"][0]["taskSpec"]["environment"]["variables"]),
        "/mnt/disks/output/<name>",
        '"mountPath": "/mnt/disks/output"',
    ),
    "aws-batch": Platform(_aws_batch, "/output/<name>", '"containerPath": "/output"'),
    "vertex": Platform(
        lambda text, _: _pairs(yaml.load(text, yaml.CSafeLoader)["workerPoolSpecs"][0]["containerSpec"]["env"]),
        "/gcs/YOUR_BUCKET/<name>",
        "gs://YOUR_BUCKET",
    ),
    "sagemaker": Platform(
        lambda text, _: dict(json.loads(text)["Environment"]), "/opt/ml/checkpoints", "s3://YOUR_BUCKET/<name>/"
    ),
    "azureml": Platform(_azureml, "${{outputs.run}}", "paths/lora-job/<name>"),
    "huggingface": Platform(_huggingface, "/output/<name>", "hf://buckets/YOUR_NAMESPACE/YOUR_BUCKET:/output"),
    "skypilot": Platform(
        lambda text, _: dict(yaml.load(text, yaml.CSafeLoader)["envs"]), "/output", "/mnt/lora-job/<name>:/output"
    ),
    "slurm": Platform(_slurm, "/output", "YOUR_SHARED_FOLDER/<name>:/output"),
    "runpod": Platform(
        lambda text, _: dict(json.loads(text)["env"]), "/workspace/<name>", '"volumeMountPath": "/workspace"'
    ),
}
