"""The progress bar of a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from job.runs import progress
from job.runs.bar import Bar

pytestmark = pytest.mark.light


@pytest.fixture(autouse=True)
def _nothing_expected() -> Iterator[None]:
    progress.expect(0)
    yield
    progress.expect(0)


def test_steps_have_a_goal_of_which_earlier_starts_have_done_a_part() -> None:
    bar = Bar()
    progress.expect(400, 100)
    assert bar.text("train", 0) == "train  [######..................]  step 100 of 400, 25%"
    progress.advance("steps", 100)
    assert bar.text("train", 100) == "train  [############............]  step 200 of 400, 50%  3:20 left"
    progress.advance("steps", 200)
    assert bar.text("train", 4000) == "train  [########################]  step 400 of 400, 100%  0:00 left"


def test_a_stage_without_a_goal_shows_what_has_moved_since_it_began() -> None:
    bar = Bar()
    progress.advance("rows", 7)
    assert bar.text("clean", 10) == "clean  0:00"
    progress.advance("rows", 12_345)
    assert bar.text("clean", 75) == "clean  12,345 rows  1:05"
    assert bar.text("probe", 80) == "probe  0:00"
    progress.advance("bytes", 2_500_000_000)
    assert bar.text("probe", 3690) == "probe  2.50 GB  1:00:10"


def test_nothing_is_drawn_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.show("train")
    bar.start(terminal=True)
    bar.at_line_start = False
    bar.show("train")
    assert capfd.readouterr().err == "", "a line that has not ended stays whole"
    bar.at_line_start = True
    bar.show("train")
    bar.show("train")
    bar.hide()
    bar.hide()
    assert capfd.readouterr().err == "\r\x1b[Ktrain  0:00\r\x1b[K"
