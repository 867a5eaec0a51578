"""Fixtures of the tests of base models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import metrics_of, small_run
from tests.modeling.spoiling import Case, require_words


@pytest.fixture
def refused(
    base: Path, rows_file: Path, tmp_path: Path, command: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> Callable[[Case], None]:
    """Requires that `plan` and a run refuse the base of a case."""

    def check(case: Case) -> None:
        folder = Path(shutil.copytree(base, tmp_path / "base"))
        case.spoil(folder)
        output = tmp_path / "output"
        variables = small_run(folder, rows_file, output, DATA_WORKERS="1", **case.settings)
        capfd.readouterr()
        if case.early:
            assert command(variables, "plan") == case.code
            require_words(case, capfd.readouterr().err)
            assert not output.exists()
        assert command(variables) == case.code
        require_words(case, capfd.readouterr().err)
        metrics = metrics_of(output)
        assert (metrics["status"], metrics["exit_code"]) == ("failed", case.code)
        assert bool(list(output.glob("clean*"))) == (not case.early)
        assert not list(output.glob("adapter*"))

    return check
