"""The base of a finished run, found where it is now, and refused where it is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import NotFound, SettingsError
from job.inputs import sha256
from job.trained_base import base_of

pytestmark = pytest.mark.light


def test_another_base_by_its_name_is_refused() -> None:
    assert base_of("meta/base", "abc", {}, "meta/base").base == "meta/base"
    with pytest.raises(
        SettingsError, match="FINETUNE_MODEL_BASE: the adapter belongs to another base model, meta/base"
    ):
        base_of("meta/base", "abc", {}, "meta/other")


def test_a_base_that_was_moved_is_found_by_its_variable_and_told_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    files = {"config.json": sha256(tmp_path / "config.json").hex()}
    with pytest.raises(NotFound, match="is gone"):
        base_of("/gone/base", "main", files, "")
    assert base_of("/gone/base", "main", files, str(tmp_path)).location == str(tmp_path)
    (tmp_path / "config.json").write_text("{ }", "utf-8")
    with pytest.raises(NotFound, match="belongs to another base model"):
        base_of("/gone/base", "main", files, str(tmp_path))
