"""Every family of the training page's table through the whole job, on a tiny random base (tests/families.py) and real NF4.

`python -m pytest -k families` prints the table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PROJECT, metrics_of, small_run
from tests.families import FAMILIES, WINDOW, Family, make_family_base, table
from tests.training.building import ON_A_CPU


@pytest.mark.slow
@pytest.mark.usefixtures("round_trip_here")
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_families_go_through_the_whole_job_or_are_refused_before_it(
    family: Family,
    rows_file: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    base, output = make_family_base(tmp_path / "base", family), tmp_path / "output"
    variables = small_run(base, rows_file, output, DATA_WORKERS="1", TRAIN_EVAL_STEPS="4")
    if family.refused:
        assert command(variables) == 64
        message = capfd.readouterr().err
        assert "FINETUNE_MODEL_ALLOW_UNQUANTIZED=true" in message
        assert family.refused in message
        assert not (output / "clean.json").exists()
        variables["FINETUNE_MODEL_ALLOW_UNQUANTIZED"] = "true"
    assert command(variables) == 0, capfd.readouterr().err
    metrics = metrics_of(output)
    trained = metrics["train"]
    on = [optimization["name"] for optimization in trained["optimizations"] if optimization["on"]]
    assert on == [entry.name for entry in ON_A_CPU if entry.name not in family.off]
    assert trained["best_eval_loss"] < trained["base_eval_loss"]
    assert (trained["quantized_share"] < 0.9) == bool(family.refused)
    assert metrics["clean"]["longest_tokens"] > WINDOW
    loss = f"{trained['base_eval_loss']:.2f} -> {trained['best_eval_loss']:.2f}"
    record_property(
        "families", f"{family.title:<26} {'refused, then ' if family.refused else ''}loss {loss}, {' '.join(on)}"
    )


def test_families_table_is_in_the_training_page() -> None:
    assert table() in (PROJECT / "job" / "training" / "README.md").read_text("utf-8"), "made by tests.families.table()"
