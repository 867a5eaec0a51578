"""Batches in tasks of Ray: the same rows as in processes, failures, a task that dies, few rows ahead. All on one cluster on this
machine, which takes seconds to begin. Light, since every task's process imports this module anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pyarrow
import pytest

from job.cleaning import on_ray
from job.cleaning.on_ray import PACKAGES, TRIES, WINDOW, apply, in_order, versions
from job.cleaning.rules import Rules, clean_batch
from job.errors import HostUnfit, SettingsError
from job.hosts.ray_cluster import connected
from tests.conftest import make_rows, write_rows


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    if find_spec("ray") is None:
        pytest.skip("`pip install '.[ray]'` brings it")
    with pytest.MonkeyPatch.context() as patched:
        for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED"):
            patched.setenv(name, "")  # so that it is put back
            patched.delenv(name)
        with connected(2) as module:
            yield module


@pytest.mark.slow
def test_the_stage_writes_the_same_bytes_with_either_engine(
    ray: ModuleType, tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several data sets of Ray's, a sentence that is cut in a second pass, duplicates, a row that cannot be read."""
    from tests.cleaning.stage_runs import cleaned

    monkeypatch.setattr("job.cleaning.stage.connected", lambda _cpus: nullcontext(ray))
    monkeypatch.setattr("job.cleaning.first_pass.BATCH", 7)
    monkeypatch.setattr(on_ray, "WINDOW", 3)
    rows = make_rows(60)
    for row in rows[:40]:
        row["output"] += " Viele Grüße aus dem schönen Garten!"
    file = write_rows(tmp_path / "rows.jsonl", [*rows, *rows[:5]])
    with file.open("a") as lines:
        lines.write("{broken\n")
    found = {}
    for engine, workers in (("processes", 1), ("ray", 2)):
        folder = tmp_path / engine
        result = cleaned(file, base, folder, repeated="cut", engine=engine, workers=workers)
        assert any(one.fate == "cut" for one in result.repeated)
        found[engine] = result, {path.name: path.read_bytes() for path in (folder / "clean").iterdir()}
    assert found["ray"] == found["processes"]
    assert len(found["ray"][1]) == 3


@pytest.mark.slow
def test_the_rules_run_in_any_pipeline_of_ray_data(ray: ModuleType) -> None:
    """The lines of the page, on a pipeline of the user's own."""
    rules = Rules(packs=("qa-forum",), brands=("LeafTalk",), min_answer_words=5)
    rows = [{"question": row["input"], "answer": row["output"]} for row in make_rows(40)]
    rows.append({"question": "Why?", "answer": "Hello. Too short."})

    def batch(table: pyarrow.Table) -> pyarrow.Table:
        cleaned_rows, reasons = clean_batch(table.to_pylist(), rules)
        return pyarrow.Table.from_pylist(
            [row | {"reason": why} for row, why in zip(cleaned_rows, reasons, strict=True)]
        )

    found = ray.data.from_items(rows).map_batches(batch, batch_format="pyarrow").take_all()
    expected, reasons = clean_batch(rows, rules)
    assert reasons[-1] == "short_answer"
    assert sorted(found, key=str) == sorted(
        [row | {"reason": why} for row, why in zip(expected, reasons, strict=True)], key=str
    )


def _fails_on_seven(number: int) -> int:
    if number == 7:
        raise SettingsError(["FINETUNE_DATA_RULES_FILE: seven"])
    return number


def _dies(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    os._exit(9)


@pytest.mark.slow
def test_what_the_user_can_mend_comes_as_itself_behind_what_came_before(ray: ModuleType) -> None:
    results = in_order(ray, _fails_on_seven, range(12), 1)
    assert [next(results) for _ in range(7)] == [*range(7)]
    with pytest.raises(SettingsError) as caught:
        next(results)
    assert caught.value.problems == ("FINETUNE_DATA_RULES_FILE: seven",)


@pytest.mark.slow
def test_a_task_that_dies_is_tried_again_and_in_the_end_exit_68(ray: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(HostUnfit, match=f"Ray gave up a batch of rows after {TRIES} tries: WorkerCrashedError"):
        list(in_order(ray, _dies, [tmp_path], 1))
    assert len([*tmp_path.iterdir()]) == TRIES


@pytest.mark.slow
def test_few_batches_are_read_ahead_of_what_is_taken(ray: ModuleType) -> None:
    read = []

    def batches() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    results = in_order(ray, abs, batches(), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(read) == 2 * 2 * WINDOW
    results.close()


def test_a_node_with_another_version_of_what_the_rules_ask_cleans_nothing() -> None:
    """As a task of that node would do it."""
    here = versions()
    assert all(here[name] for name in PACKAGES)
    table = pyarrow.table({"batch": [b"never opened"]})
    with pytest.raises(HostUnfit, match=f"ftfy {here['ftfy']} in place of 1.0"):
        next(on_ray._results(iter([apply(table, here | {"ftfy": "1.0"})])))
