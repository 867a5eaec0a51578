"""What holds for every queue, for every env file that ships; and that a new queue is one entry of TARGETS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from job import submit
from job.hosts.places import place_of
from job.settings.env_files import read_env_file
from job.settings.fields import OUTPUT_DIR
from job.submit import TARGETS, google, targets
from job.submit.clouds import SKY_PLACE
from job.submit.estimate import Needs
from job.submit.hosts import DOCKER_BY_HAND
from job.submit.placeholders import MEANINGS
from job.submit.submission import Submission, describe
from job.submit.targets import Target, table
from tests.conftest import PROJECT, run_job
from tests.submit.manifests import (
    FILES,
    IMAGE,
    NAMES,
    PLANTED,
    PLATFORMS,
    WITH_HOSTS,
    described,
    env_file,
    environment,
    every_target,
    everything,
    made,
    together,
    written,
)

pytestmark = pytest.mark.examples
QUICKSTART = PROJECT / "env" / "quickstart.env"


def abacus(job: Submission) -> str:
    return f'job "{job.name}" {{ image = "{job.image}" }}\n'


ABACUS = Target(
    "abacus",
    what="A job for an abacus",
    submit="abacus FILE",
    retries="nothing",
    grace="5 s",
    results="host volume",
    write=abacus,
)


def test_one_entry_more_is_a_choice_has_its_help_and_is_written(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(submit, "TARGETS", (*TARGETS, ABACUS))
    monkeypatch.setattr(targets, "TARGETS", (*TARGETS, ABACUS))
    with pytest.raises(SystemExit):
        command({}, "manifest", "--help")
    shown = capsys.readouterr().out
    for target in (*TARGETS, ABACUS):
        assert f"  {target.name:<12} {target.sentence}\n" in shown
    assert "  abacus       A job for an abacus: `abacus FILE`.\n" in shown

    assert command({}, "manifest", "abacus", "--env-file", str(QUICKSTART), "--image", IMAGE) == 0
    written = capsys.readouterr()
    assert written.out == f'job "lora-quickstart" {{ image = "{IMAGE}" }}\n'
    assert written.err == "abacus: A job for an abacus: `abacus FILE`.\n"
    assert table().startswith(
        "| target | submit it with | started again | grace | results | several hosts | checked by | not checked |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    assert table().endswith(
        "| `abacus` | `abacus FILE` | nothing | 5 s | host volume | no | nothing | everything else |\n"
    )


def test_every_manifest_has_a_check_that_the_table_names() -> None:
    """The tests of a target have its name; a column that says `nothing` is for a queue that is being written."""
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    shared = {"kubernetes": "job_by_the_kubernetes_schemas", "kueue": "job_by_the_kubernetes_schemas"}
    for target in TARGETS:
        assert "nothing" not in (target.checked, target.unchecked)
        assert re.search(rf"def test_{shared.get(target.name, target.name.replace('-', '_') + '_')}", tests), (
            target.name
        )


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_the_readme_has_the_table_of_queues() -> None:
    """`python -m job.submit` prints it: put it into the page of the room after a change."""
    printed = subprocess.run([sys.executable, "-m", "job.submit"], cwd=PROJECT, capture_output=True, text=True).stdout
    assert printed == table()
    pages = [PROJECT / "README.md", *PROJECT.glob("job/*/README.md")]
    assert any(printed in page.read_text("utf-8") for page in pages)


def test_a_sentence_says_what_it_is_and_how_to_submit_it() -> None:
    sentences = {target.name: target.sentence for target in TARGETS}
    assert sentences["slurm"] == "A batch script for Slurm with Apptainer: `sbatch FILE`."


@everything
def test_env_values_are_those_of_the_file(target: str, file: Path, tmp_path: Path) -> None:
    found = environment(target, made(target, file), tmp_path)
    expected = {name: value for name, value in read_env_file(file).items() if name != OUTPUT_DIR}
    assert {name: found[name] for name in expected} == expected
    assert list(expected) == [name for name in found if name in expected], "the order is the file's"


@every_target
def test_values_that_a_reader_could_misread_stay_as_they_are(target: str, tmp_path: Path) -> None:
    values = {
        "FINETUNE_TRAIN_LEARNING_RATE": "1e-4",
        "FINETUNE_TRAIN_EPOCHS": "1.0",
        "FINETUNE_HUB_PRIVATE": "true",
        "FINETUNE_TRAIN_SEED": "0123",
        "FINETUNE_DATA_QUESTION_COLUMN": "y",
        "FINETUNE_DATA_ANSWER_COLUMN": "null",
        "FINETUNE_DATA_BRANDS": "it's,12:34,a b,#c,{x},$HOME,$(HOME),$$",
        "FINETUNE_DATA_SOURCES": "quickstart",
        "FINETUNE_MODEL_BASE": "quickstart",
        "FINETUNE_HUB_REPO_ID": "",
    }
    file = tmp_path / "Odd values_2.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), "utf-8")
    found = environment(target, made(target, file), tmp_path)
    assert {name: found[name] for name in values} == values


@everything
def test_same_bytes_each_time_and_under_a_second(target: str, file: Path) -> None:
    begun = time.monotonic()
    first = written(target, describe(file, IMAGE))
    assert time.monotonic() - begun < 1
    assert made(target, file) == first
    assert first.endswith("\n")


@everything
def test_the_output_folder_outlives_the_machine_and_is_the_same_for_the_same_file(
    target: str, file: Path, tmp_path: Path
) -> None:
    text, name, platform = made(target, file), f"lora-{file.stem}", PLATFORMS[target]
    found = environment(target, text, tmp_path)
    assert found["FINETUNE_OUTPUT_DIR"] == platform.output.replace("<name>", name)
    assert platform.mount.replace("<name>", name) in text
    assert "FINETUNE_OUTPUT_DIR=output" not in text


@every_target
def test_no_secret_value_is_written(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.env"
    file.write_text(f"FINETUNE_DATA_SOURCES=owner/name\nHF_TOKEN={PLANTED}\n", "utf-8")
    monkeypatch.setenv("HF_TOKEN", PLANTED)
    text = made(target, file)
    assert PLANTED not in text
    assert "HF_TOKEN" in text, "it goes by reference"


def test_a_run_without_the_hub_needs_no_secret() -> None:
    for target in NAMES:
        assert "HF_TOKEN" not in made(target, QUICKSTART), target


@pytest.mark.parametrize("target", ["docker", "compose", "huggingface", "vertex", "azureml", "runpod"])
def test_a_platform_that_cannot_tell_codes_apart_does_not_retry(target: str) -> None:
    text = made(target, FILES[0])
    assert not re.search(r"--restart|on-failure|--attempts|max_retries|restartJobOnWorkerRestart: true", text)


@pytest.mark.parametrize("target", ["docker", "slurm", "aws-batch", "huggingface"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shell_syntax_by_bash(target: str, file: Path) -> None:
    subprocess.run(["bash", "-n"], input=made(target, file), text=True, check=True)


def test_what_is_set_in_this_shell_does_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    before = written("compose", describe(QUICKSTART, IMAGE))
    monkeypatch.setenv("FINETUNE_LORA_R", "8")
    monkeypatch.setenv("FINETUNE_TRAIN_EPOCHS", "nonsense")
    environ = dict(os.environ)
    assert written("compose", describe(QUICKSTART, IMAGE)) == before
    assert dict(os.environ) == environ


def test_a_submission_needs_no_more_than_its_file_and_image() -> None:
    job = Submission(name="x", image="y", env=(), secrets=())
    for target in TARGETS:
        assert target.write(job)


def test_manifest_goes_to_stdout_and_what_is_left_to_do_to_stderr() -> None:
    begun = time.monotonic()
    result = run_job(
        {"HF_TOKEN": PLANTED}, "manifest", "kubernetes", "--env-file", "env/medical-t4.env", "--image", IMAGE
    )
    assert result.returncode == 0
    assert time.monotonic() - begun < 3  # start of the interpreter included; 0.5 s on idle cores
    assert result.stdout == made("kubernetes", PROJECT / "env" / "medical-t4.env")
    assert "replace YOUR_PVC (line " in result.stderr
    assert result.stderr.splitlines()[-2:] == [
        "before a second submission: `kubectl delete --ignore-not-found --cascade=foreground -f FILE`",
        "kubernetes: A Kubernetes Job that retries by exit code: `kubectl create -f FILE`.",
    ]
    assert PLANTED not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("abacus --env-file env/quickstart.env --image job", "'abacus'"),
        ("docker --image job", "--env-file"),
        ("docker --env-file env/quickstart.env", "--image"),
        ("docker --env-file env/missing.env --image job", "env/missing.env"),
        ("docker --env-file env/quickstart.env --image two;words", "two;words"),
    ],
)
def test_a_wrong_command_line_exits_64_and_says_why(
    words: str, named: str, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = command({}, "manifest", *words.split())
    except SystemExit as ended:  # by argparse
        code = int(str(ended.code))
    assert code == 64
    output = capsys.readouterr()
    assert output.out == ""
    assert named in output.err


@every_target
def test_the_time_limit_is_that_of_the_estimate(target: str) -> None:
    job = replace(described(QUICKSTART), card="L4" if target != "azureml" else "T4", needs=Needs(14, 80, 7))
    has_limit = {each.name: each.has_limit for each in TARGETS}[target]
    assert bool(re.search(r"\b(7:00:00|7h|25200s?)\b", written(target, job))) == has_limit


# --- several hosts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", WITH_HOSTS)
def test_the_hosts_share_a_run_folder_and_the_time_limit_is_that_of_all(target: str, tmp_path: Path) -> None:
    job = replace(together(QUICKSTART), needs=Needs(14, 80, 7))
    text = written(target, job)
    output = environment(target, text, tmp_path)["FINETUNE_OUTPUT_DIR"]
    platform = PLATFORMS[target]
    if target == "sagemaker":  # its folder of checkpoints is each host's own
        assert output == "/opt/ml/input/data/output/lora-quickstart"
    else:
        assert output == platform.output.replace("<name>", job.name)
        assert platform.mount.replace("<name>", job.name) in text
    has_limit = {each.name: each.has_limit for each in TARGETS}[target]
    assert bool(re.search(r"\b(7:00:00|7h|25200s?)\b", text)) == has_limit


def test_a_run_finds_its_place_by_what_the_manifests_and_their_platforms_set(tmp_path: Path) -> None:
    job = together(QUICKSTART)

    def place(environ: dict[str, str]) -> tuple[int, int, str, int]:
        found = place_of(environ)
        assert found
        return found.rank, found.processes, found.address, found.port

    pod = environment("kubernetes", written("kubernetes", job), tmp_path)
    assert place(pod | {"JOB_COMPLETION_INDEX": "1"}) == (1, 2, "lora-quickstart-0.lora-quickstart-hosts", 29500)
    trainer = {"PET_NNODES": "2", "PET_NODE_RANK": "1", "PET_MASTER_ADDR": "first", "PET_MASTER_PORT": "29500"}
    assert place(environment("kubeflow", written("kubeflow", job), tmp_path) | trainer) == (1, 2, "first", 29500)
    sky = dict(zip(SKY_PLACE, ("1", "2", "10.0.0.1\n10.0.0.2"), strict=True))
    assert place(environment("skypilot", written("skypilot", job), tmp_path) | sky)[:3] == (1, 2, "10.0.0.1")
    hand = dict(re.findall(r"-e (\w+)=(\w+)", DOCKER_BY_HAND))
    assert place(hand)[:3] == (0, 2, "ADDRESS_OF_THE_FIRST")
    assert place_of(environment("kubernetes", written("kubernetes", described(QUICKSTART)), tmp_path)) is None


def test_what_several_hosts_share_is_said(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    words = "kubernetes", "--env-file", str(QUICKSTART), "--image", IMAGE, "--gpu", "t4", "--gpus", "8", "--nodes", "3"
    assert command({}, "manifest", *words) == 0
    said = capsys.readouterr().err.splitlines()
    assert any(line.startswith("3 hosts with 8 T4 each, a base of ") for line in said)
    shared = "an indexed Job and a headless Service; all mount the claim, which has to allow ReadWriteMany"
    assert f"3 hosts run the same command: {shared}" in said
    idle = "8 of 24 GPUs stay idle: a step has 16 rows (FINETUNE_TRAIN_BATCH_SIZE)"
    assert idle in said


@pytest.mark.parametrize("word", ["0", "-1", "two", "1.5"])
@pytest.mark.parametrize("option", ["--gpus", "--nodes"])
def test_a_number_of_hosts_or_gpus_is_a_number(
    option: str, word: str, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command({}, "manifest", "docker", "--env-file", str(QUICKSTART), "--image", IMAGE, option, word)
    assert ended.value.code == 64
    assert f"must be a number from 1, not '{word}'" in capsys.readouterr().err or word == "-1"


# --- values -----------------------------------------------------------------------------------------------------------


LETTERS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n\0\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    max_size=12,
)
AWKWARD = st.text(st.sampled_from(" #$\"'\\`é日=:{}()&|;<>*?!~-%\t"), max_size=8)
VALUES = st.lists(LETTERS | AWKWARD, max_size=30)


@every_target
@settings(max_examples=12, deadline=None, derandomize=True)
@given(values=VALUES)
def test_every_value_arrives_byte_for_byte(target: str, values: list[str]) -> None:
    """As its own reader reads it: real shells, parsers of YAML and JSON, and the client of Hugging Face."""
    values = [value.replace("{{", "{") for value in values]  # refused where it would be a reference
    env = {f"FINETUNE_{number}": value for number, value in enumerate(values)}
    hosts = (1, 2) if target in WITH_HOSTS else (1,)
    for nodes in hosts:
        job = Submission(name="lora-x", image=IMAGE, env=tuple(env.items()), secrets=(), nodes=nodes)
        with tempfile.TemporaryDirectory() as folder:
            found = environment(target, written(target, job), Path(folder))
        assert {name: found[name] for name in env} == env


# --- the command ------------------------------------------------------------------------------------------------------


def test_uploads_come_before_the_submission(
    users_job: Submission, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    words = "manifest", "vertex", "--env-file", f"{tmp_path}/mine.env", "--image", IMAGE, "--gpu", "L4", "--no-spot"
    assert command({}, *words) == 0
    output = capsys.readouterr()
    assert output.out == written("vertex", describe(tmp_path / "mine.env", IMAGE, card="L4", spot=False))
    lines = output.err.splitlines()
    begins = (
        "L4, a base of 3.0 billion parameters: 14 GiB of memory, 80 GB of disk; time limit 2 h: 3 times the estimate"
    )
    assert lines[-6].startswith(begins)
    assert lines[-5:-1] == [
        "bring 2 of your files there first, from this folder:",
        *(f"  {one}" for one in google.VERTEX_FILES.uploads(users_job)),
        "token: gcloud storage cp TOKENFILE gs://YOUR_BUCKET/secrets/hf_token",
    ]
    assert lines[-1].startswith("vertex: Vertex AI, ")
    assert f"replace YOUR_REGION (in the commands below): {MEANINGS['YOUR_REGION']}" in lines


def test_what_prepares_a_submission_is_said(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command({}, "manifest", "compose", "--env-file", str(QUICKSTART), "--image", IMAGE) == 0
    said = capsys.readouterr().err
    assert 'first: `mkdir -p output/lora-quickstart && export UID GID="$(id -g)"`\ncompose: ' in said


def test_a_folder_that_is_mounted_is_said(
    users_job: Submission, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    words = "manifest", "docker", "--env-file", f"{tmp_path}/mine.env", "--image", IMAGE, "--gpu", "T4"
    assert command({}, *words) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[-3:-1] == [
        "keep FILE in this folder and submit it from here: the folder is mounted, read-only, with your files",
        "token: export HF_TOKEN before you submit it",
    ]
    assert lines[-4].endswith("80 GB of disk"), "docker has no time limit"


@pytest.mark.parametrize(
    ("target", "more", "said"),
    [
        ("vertex", [], "mine.txt is a path of this machine, which vertex does not have"),
        ("docker", ["--spot"], "--spot: docker knows no Spot machines"),
        ("runpod", ["--gpu", "T4"], "--gpu T4: runpod offers L4, A100, H100"),
        ("huggingface", ["--gpus", "2"], "--gpus 2: huggingface has machines with 1 GPUs"),
        ("huggingface", ["--nodes", "2"], "--nodes 2: huggingface starts a job on one host"),
    ],
)
def test_what_a_queue_cannot_do_ends_with_64(
    target: str,
    more: list[str],
    said: str,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mine.txt").write_text("You repair bicycles.\n", "utf-8")
    prompt = f"FINETUNE_DATA_SYSTEM_PROMPT_FILE={tmp_path}/mine.txt"
    file = env_file(tmp_path, "FINETUNE_DATA_SOURCES=quickstart", prompt)
    assert command({}, "manifest", target, "--env-file", str(file), "--image", IMAGE, *more) == 64
    output = capsys.readouterr()
    assert output.out == ""
    assert said in output.err
