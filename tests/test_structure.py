"""The house rules that a machine can hold: imports point one way, light modules stay light, README says what is true."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from job import errors
from job.errors import EXIT_CODES, JobError, Stopped
from tests.conftest import PROJECT, run_job

pytestmark = pytest.mark.light

STAGES = ("cleaning", "training", "probing", "publishing")
HEAVY = ("torch", "transformers", "datasets", "peft", "trl", "bitsandbytes", "accelerate", "matplotlib")
LIGHT = (
    *("cli", "errors", "pipeline", "plan", "results", "settings", "submit"),
    *("settings.fields", "settings.loading", "settings.reference", "settings.rule_file", "submit.placeholders"),
    *("runs.folder", "runs.metrics", "runs.redaction", "runs.signals", "hosts.libraries", "hosts.platforms"),
    *(
        "modeling.memory",
        "modeling.sizes",
        "cleaning.rules",
        "cleaning.rules.registry",
        "cleaning.batch",
        "cleaning.workers",
    ),
)


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_knows_another_or_the_pipeline(stage: str) -> None:
    forbidden = {f"job.{other}" for other in STAGES if other != stage} | {
        "job.pipeline",
        "job.cli",
        "job.runs.metrics",
        "job.hosts.checks",
    }
    for path in (PROJECT / "job" / stage).rglob("*.py"):
        for name in imports(path):
            assert not any(name == room or name.startswith(room + ".") for room in forbidden), (path.name, name)


def test_only_settings_reads_the_environment() -> None:
    allowed = {
        *(
            "settings/fields.py",
            "settings/loading.py",
            "settings/env_files.py",
            "hosts/libraries.py",
            "hosts/platforms.py",
        ),
        "cli.py",  # where settings are wrong
        "training/round_trip.py",  # passes it to its child
    }
    readers = {path for path in (PROJECT / "job").rglob("*.py") if "os.environ" in path.read_text("utf-8")}
    assert {str(path.relative_to(PROJECT / "job")) for path in readers} == allowed


def test_light_modules_import_no_model_library() -> None:
    code = (
        f"import sys\nfor name in {LIGHT!r}: __import__('job.' + name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"


def test_exit_codes_are_unique_and_in_readme() -> None:
    classes = [*JobError.__subclasses__(), Stopped]
    codes = [cls.exit_code for cls in classes]
    assert len(codes) == len(set(codes))
    assert set(EXIT_CODES) == {*codes, errors.SUCCESS, errors.BUG}
    readme = (PROJECT / "README.md").read_text("utf-8")
    for code, (meaning, _) in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in readme, code


def test_the_top_level_is_what_it_was_agreed_to_be() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not listed:
        pytest.skip("no git checkout here")
    top = {name.partition("/")[0] for name in listed}
    expected = {"Dockerfile", "entrypoint.py", "job", "env", "tests", "pyproject.toml", "README.md"}
    assert {name for name in top if not name.startswith(".") and name != "LICENSE"} == expected


def test_help_lists_every_variable_and_exit_code() -> None:
    help_text = run_job({}, "--help").stdout
    assert "FINETUNE_TRAIN_LEARNING_RATE" in help_text
    assert "exit codes:" in help_text
    assert "number (> 0, <= 1), default 0.0002. Peak learning rate." in help_text


def test_an_unknown_verb_is_a_usage_error() -> None:
    assert run_job({}, "destroy").returncode == 64


def test_a_settings_error_exits_64_and_leaves_metrics(tmp_path: Path) -> None:
    import json

    result = run_job({"FINETUNE_OUTPUT_DIR": str(tmp_path / "out"), "FINETUNE_LORA_R": "0"})
    assert result.returncode == 64
    assert "FINETUNE_DATA_SOURCES: not set" in result.stderr
    assert "FINETUNE_LORA_R: must be greater than or equal to 1, not '0'" in result.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text("utf-8"))
    assert (metrics["status"], metrics["exit_code"], metrics["error"]["kind"]) == ("failed", 64, "SettingsError")
