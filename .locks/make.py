"""Makes the lock files of the image anew, or checks without network that they belong to pyproject.toml:

    python .locks/make.py              keeps each version that still fits
    python .locks/make.py --upgrade    takes the newest versions that fit
    python .locks/make.py --check      exit code 1 if pyproject.toml has changed since

One resolution for both variants and both Python versions, split by name: `common.txt` for every image, `cuda.txt` or `cpu.txt`
with torch. Needs uv (`pip install uv`). TORCH_INDEX names another index than PyTorch's for its CPU build.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

LOCKS = Path(__file__).resolve().parent
PYPROJECT = LOCKS.parent / "pyproject.toml"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PARTS = (
    ("cuda.txt", re.compile(r"torch$|nvidia-|cuda-")),
    ("common.txt", re.compile("")),
)
"""File -> names of its packages; the first that fits."""
LEFT_OUT = "triton"
"""torch asks for it, and nothing here uses it: 0.8 GB with the compiler that it needs at run time."""
COMPILE = (
    *("uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"),
    *("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"),
)
"""For the oldest Python that the job takes, whose versions the newer one takes too."""


def inputs() -> str:
    """A digest of what is resolved: the lines of pyproject.toml, and how."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    asked = [project["requires-python"], project["dependencies"], COMPILE]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def blocks(text: str) -> list[str]:
    """A package's lines each: `name==version` and its hashes."""
    return re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]


def split(resolved: str) -> dict[str, str]:
    found = {file: "" for file, _ in PARTS}
    for block in blocks(resolved):
        name = block.partition("==")[0]
        if name == LEFT_OUT:
            continue
        found[next(file for file, names in PARTS if names.match(name))] += block
    return found


def resolve(asked: Path, before: str, options: list[str]) -> str:
    """`before`: versions to keep where they fit. pip's settings are left out: they may name local builds of torch."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "lock.txt"
        lock.write_text(before, "utf-8")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        subprocess.run([*COMPILE, str(asked), "--output-file", str(lock), *options], env=environ, check=True)
        return lock.read_text("utf-8")


def make(upgrade: list[str]) -> None:
    before = "".join(path.read_text("utf-8") for path in LOCKS.glob("*.txt") if path.name != "cpu.txt")
    found = split(resolve(PYPROJECT, before, upgrade))
    version = re.search(r"^torch==(\S+)", found["cuda.txt"], re.MULTILINE)
    assert version, "torch is a dependency"
    with tempfile.TemporaryDirectory() as folder:
        torch = Path(folder) / "torch.in"
        torch.write_text(f"torch=={version[1]}+cpu\n", "utf-8")
        found["cpu.txt"] = resolve(
            torch, "", ["--no-deps", "--default-index", os.environ.get("TORCH_INDEX", CPU_INDEX)]
        )
    for file, text in found.items():
        (LOCKS / file).write_text(f"# made by .locks/make.py from {inputs()}\n{text}", "utf-8")


def check() -> list[str]:
    """What is wrong with the files, without a look at any index."""
    wrong = []
    for file in ("cpu.txt", *(file for file, _ in PARTS)):
        if (LOCKS / file).read_text("utf-8").partition("\n")[0] != f"# made by .locks/make.py from {inputs()}":
            wrong.append(f".locks/{file} was made from other dependencies: run `python .locks/make.py`")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit("\n".join(check()) or 0)
    make([option for option in sys.argv[1:] if option == "--upgrade"])
