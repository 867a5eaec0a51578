"""The house rules that a machine can hold: imports point one way, light modules stay light, the map and the tests follow the
tree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import job
from job.stages import STAGES
from tests.conftest import PROJECT

pytestmark = pytest.mark.light

JOB = PROJECT / "job"
ROOMS = ("cleaning", "training", "probing", "exporting", "publishing")
RULES = "job.cleaning.rules"
HEAVY = ("torch", "transformers", "datasets", "peft", "trl", "bitsandbytes", "accelerate", "matplotlib")
LIGHT = (
    *("__main__", "cli", "errors", "export", "inputs", "pipeline", "results", "start", "submit", "settings.__main__"),
    *(f"settings.{path.stem}" for path in sorted((JOB / "settings").glob("*.py")) if not path.stem.startswith("__")),
    *(f"plan.{path.stem}" for path in sorted((JOB / "plan").glob("*.py")) if not path.stem.startswith("__")),
    *(f"runs.{path.stem}" for path in sorted((JOB / "runs").glob("*.py")) if not path.stem.startswith("__")),
    *(f"submit.{path.stem}" for path in sorted((JOB / "submit").glob("*.py")) if not path.stem.startswith("__")),
    *("hosts.libraries", "hosts.places", "hosts.platforms", "modeling.memory", "modeling.sharding", "modeling.sizes"),
    *("asking.command", "asking.screen", "asking.source"),
    *("cleaning.batch", "cleaning.on_ray", "cleaning.workers", "cleaning.rules.registry", "probing.scores"),
)


def modules() -> list[Path]:
    return [path for path in sorted(JOB.rglob("*.py")) if not path.stem.startswith("__")]


# --- arrows ----------------------------------------------------------------------------------------------------------


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_no_stage_knows_another_or_the_pipeline(room: str) -> None:
    others = {f"job.{other}" for other in ROOMS if other != room}
    forbidden = others | {
        "job.pipeline",
        "job.stages",
        "job.inputs",
        "job.start",
        "job.cli",
        "job.plan",
        "job.runs.metrics",
        "job.hosts.checks",
    }
    for path in (JOB / room).rglob("*.py"):
        for name in imports(path):
            if room == "probing" and (name + ".").startswith(f"{RULES}."):
                continue  # what was removed is known there, and nothing of the stage
            assert not any(name == other or name.startswith(other + ".") for other in forbidden), (path.name, name)


@pytest.mark.parametrize("room", ["settings", "runs", "hosts", "modeling", "parallel", "results", "errors.py"])
def test_what_stages_build_on_knows_none_of_them(room: str) -> None:
    forbidden = {
        *(f"job.{other}" for other in ROOMS),
        "job.pipeline",
        "job.stages",
        "job.inputs",
        "job.start",
        "job.cli",
        "job.plan",
        "job.submit",
    }
    for path in [JOB / room] if room.endswith(".py") else (JOB / room).rglob("*.py"):
        for name in imports(path):
            assert not any(name == other or name.startswith(other + ".") for other in forbidden), (path.name, name)


def test_only_settings_and_the_libraries_read_the_environment() -> None:
    allowed = {
        *(
            "settings/fields.py",
            "settings/loading.py",
            "settings/env_files.py",
            "settings/sources.py",
            "settings/files.py",
        ),
        *("hosts/libraries.py", "hosts/platforms.py", "hosts/trackers.py", "hosts/ray_cluster.py"),
        *("cli.py", "export.py", "start.py"),  # where settings are wrong
        "modeling/fresh.py",  # passes it to its child
        "asking/command.py",  # what forbids downloads, before a library reads it
    }
    readers = {path for path in JOB.rglob("*.py") if "os.environ" in path.read_text("utf-8")}
    assert {str(path.relative_to(JOB)) for path in readers} == allowed


def test_only_publishing_writes_to_the_hub() -> None:
    writes = re.compile(r"\.(create_repo|upload_\w+|create_commit|delete_\w+repo|push_to_hub)\(")
    writers = {path for path in JOB.rglob("*.py") if writes.search(path.read_text("utf-8"))}
    assert writers
    assert {path.parent.name for path in writers} == {"publishing"}


def test_light_modules_import_no_model_library() -> None:
    code = (
        f"import sys\nfor name in {LIGHT!r}: __import__('job.' + name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"


# --- one place -------------------------------------------------------------------------------------------------------


SHARED = (
    *(JOB / name for name in ("cli.py", "start.py")),
    *sorted((JOB / "results").glob("*.py")),
    *(path for room in ("plan", "runs") for path in (JOB / room).glob("*.py")),
)


def test_a_stages_name_stands_in_the_pipeline_alone() -> None:
    """`clean`, `train`, ... as a whole text, in what stages and their callers share."""
    words_of_others = {"cli.py": {"train", "export"}}  # SageMaker's, and the command's own
    names = {stage.name for stage in STAGES}
    for path in SHARED:
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        found = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert found & names <= words_of_others.get(path.name, set()), path.name


def log_calls(path: Path) -> Iterator[ast.expr]:
    """The text of every log line in a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            of, level = node.func.value, node.func.attr
            levels = ("debug", "info", "warning", "error", "critical", "exception")
            if isinstance(of, ast.Name) and of.id == "log" and level in levels:
                yield node.args[0]


SHARED_BY_STAGES = ("modeling/", "parallel/", "runs/files.py", "runs/signals.py", "hosts/patience.py")
"""The formatter names the stage at work in their lines."""


def test_every_log_line_begins_with_its_stage() -> None:
    found = 0
    for path in modules():
        shared = str(path.relative_to(JOB)).startswith(SHARED_BY_STAGES)
        for text in log_calls(path):
            found += 1
            right = isinstance(text, ast.Constant) and re.match(r"\w+=" if shared else "stage=", str(text.value))
            assert right, f"{path.relative_to(JOB)}:{text.lineno}: {ast.unparse(text)}"
    assert found


# --- the map, the tests, the tree ------------------------------------------------------------------------------------


def test_the_map_names_every_room_and_module_of_the_top() -> None:
    named = re.findall(r"^    (\w+/?) +\S", job.__doc__ or "", re.MULTILINE)
    files = [path.stem for path in JOB.glob("*.py") if path.stem != "__init__"]
    rooms = [f"{path.parent.name}/" for path in JOB.glob("*/__init__.py")]
    assert sorted(named) == sorted([*files, *rooms])


def test_every_module_has_its_tests_at_the_mirrored_place() -> None:
    missing = []
    for path in modules():
        place = path.relative_to(JOB)
        if not any(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(path.read_text("utf-8")))):
            continue  # fields alone
        if not (PROJECT / "tests" / place.with_name(f"test_{place.name}")).is_file():
            missing.append(str(place))
    assert missing == []


def test_the_top_level_is_what_it_was_agreed_to_be() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not listed:
        pytest.skip("no git checkout here")
    top = {name.partition("/")[0] for name in listed}
    expected = {"Dockerfile", "entrypoint.py", "job", "env", "tests", "pyproject.toml", "README.md"}
    assert {name for name in top if not name.startswith(".") and name != "LICENSE"} == expected


def test_light_tests_have_the_same_time_in_both_places() -> None:
    said = "under 10 seconds"
    assert said in (PROJECT / "pyproject.toml").read_text("utf-8")
    assert said in (PROJECT / "README.md").read_text("utf-8")
