"""The image's bytecode: what a run imports comes compiled, and nobody writes more. Run as the head of test_image.py says."""

from __future__ import annotations

import os
import re

import pytest

from tests.conftest import PROJECT
from tests.engine import SHORT, docker, require_image

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PACKAGES = "/venv/lib/python3*/site-packages"
MAY_WRITE = ("--user", "0", "-e", "PYTHONDONTWRITEBYTECODE=")
"""With these Python keeps the bytecode of every module for which it found none that is valid."""


@pytest.fixture(scope="module")
def image() -> str:
    return require_image()


def bytecode_written(image: str, command: str, *options: str) -> set[str]:
    """The modules whose bytecode a shell command wrote in a container of its own."""
    name = f"lora-job-test-{os.getpid()}"
    settings = [part for variable, value in SHORT.items() for part in ("-e", f"{variable}={value}")]
    env_file = ("--env-file", str(PROJECT / "env" / "quickstart.env"))
    start = ("run", "--name", name, "--network", "none", *env_file, *settings, "--entrypoint", "sh")
    try:
        ended = docker(*start, *options, image, "-c", command, timeout=600)
        assert ended.returncode == 0, ended.stderr
        paths = re.findall(r"^[AC] (.+\.pyc)$", docker("diff", name).stdout, re.MULTILINE)
    finally:
        docker("rm", "-f", "-v", name)
    return {path.replace("/__pycache__", "").partition(".cpython")[0].rpartition("-packages/")[2] for path in paths}


def test_what_a_run_imports_comes_compiled(image: str) -> None:
    """A run of every stage, then what only some runs need: over 4,000 modules, and ten of them small and not worth naming."""
    job = "python3 /app/entrypoint.py"
    late = "python3 -c 'import openpyxl, pandas, py3langid, charset_normalizer'"
    merged = ("-e", "FINETUNE_EXPORT=adapter,lora,merged")
    written = bytecode_written(image, f"{job} && {job} plan && {late}", *MAY_WRITE, *merged)
    assert len(written) < 20, sorted(written)
    assert not [name for name in written if name.startswith("/app")], written


def test_missing_or_outdated_bytecode_is_told_and_a_run_leaves_it_so(image: str) -> None:
    """Even as root a run writes none where the image's PYTHONDONTWRITEBYTECODE stands."""
    change = f"rm {PACKAGES}/packaging/__pycache__/version.*.pyc; touch {PACKAGES}/yaml/loader.py /app/job/errors.py"
    command = f"{change}; cd /app; python3 -c 'import job.errors, packaging.version, yaml'"
    assert bytecode_written(image, command, *MAY_WRITE) == {"packaging/version", "yaml/loader", "/app/job/errors"}
    assert bytecode_written(image, command, "--user", "0") == set()


@pytest.mark.parametrize(("user", "can"), [("", False), ("12345:12345", False), ("0:0", True)])
def test_nobody_but_root_can_write_code(user: str, can: bool, image: str) -> None:
    """Bytecode is code, and so is all that lies where Python looks for it."""
    folders = "-path /venv* -o -path /nvidia* -o -path /app* -o -path */python3*"
    search = ("/", "-xdev", "(", *folders.split(), ")", "!", "-type", "l", "-writable", "-print", "-quit")
    options = ("--user", user) if user else ()
    shown = docker("run", "--rm", "--network", "none", *options, "--entrypoint", "find", image, *search)
    assert shown.returncode in (0, 1) and bool(shown.stdout) == can, shown
