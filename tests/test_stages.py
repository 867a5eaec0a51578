"""The stages: what of theirs may be made again, and what others have."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from job.results import Exported, Probed, Pushed, Result
from job.stages import STAGES, Stage
from tests.conftest import PROJECT

LATER = (
    *("job.probing", "job.exporting", "job.publishing", "job.reporting", "job.asking"),
    *("matplotlib", "sacrebleu", "scipy", "sklearn", "torchvision", "tensorboard", "mlflow", "wandb"),
    "ftfy",  # of text that looks as if it was read in another encoding, whenever that comes
    "torch._inductor.compile_fx",  # never: nothing is compiled
)
"""What no run needs until it has trained."""
PREPARE = """
from job.hosts.libraries import prepare_libraries
from job.settings.fields import DataSettings, ModelSettings, Settings
data = DataSettings.model_validate({"sources": "quickstart"})
prepare_libraries(Settings(data=data, model=ModelSettings(base="quickstart")))
"""
"""As a start does it, before anything heavy is imported."""
BARE = {name: value for name, value in os.environ.items() if name != "TORCHDYNAMO_DISABLE"}


@pytest.mark.parametrize(
    ("entered", "later"),
    [
        (("job.hosts.checks", "job.cleaning.stage"), (*LATER, "job.training", "trl", "peft", "datasets", "pandas")),
        (("job.hosts.checks", "job.cleaning.stage", "job.training.stage"), LATER),
    ],
    ids=["until training", "until the first step"],
)
def test_what_is_used_later_is_imported_later(entered: tuple[str, ...], later: tuple[str, ...]) -> None:
    code = (
        f"import importlib, sys\n{PREPARE}\nfor name in {entered}: importlib.import_module(name)\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=BARE, capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert set(entered) <= imported
    assert sorted(imported & set(later)) == []


def stage_of(result: type[Result]) -> Stage:
    return next(stage for stage in STAGES if stage.result is result)


@pytest.mark.light
def test_the_probe_is_replaced_until_its_adapter_is_published() -> None:
    probe, push = stage_of(Probed), stage_of(Pushed)
    assert probe.replaceable({})
    assert [push.published({"skipped": skipped}) for skipped in (True, False)] == [False, True]
    assert push.again({"is_public": True}) and not push.again({"skipped": True})


@pytest.mark.light
def test_other_forms_are_added_to_what_was_published() -> None:
    assert [stage for stage in STAGES if stage.only_adds] == [stage_of(Exported)]
