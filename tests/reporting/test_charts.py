"""The plot stays text, and its colours are those of the page."""

from __future__ import annotations

from job.reporting.charts import SHAPES, loss_chart
from job.reporting.losses import Losses
from tests.sample_results import DONE, LOG


def chart(losses: Losses) -> str:
    return str(loss_chart(losses, "wide", "The loss <fell>."))


def test_text_of_the_plot_stays_text_and_colours_follow_the_theme() -> None:
    svg = chart(Losses.of(DONE, LOG))
    assert ">optimizer step</text>" in svg
    assert "base model 2.31" in svg
    assert "best 1.42, step 20" in svg
    assert "stroke: var(--eval)" in svg
    assert "#010101" not in svg


def test_the_title_is_read_out_and_escaped() -> None:
    assert 'role="img" aria-label="The loss &lt;fell&gt;."' in chart(Losses.of(DONE, LOG))


def test_a_single_point_makes_a_plot() -> None:
    assert chart(Losses([], [(0, 2.31)], 2.31, None)).startswith('<svg class="wide"')


def test_a_loss_that_is_not_finite_has_no_line() -> None:
    odd = float("nan")
    assert "base model" not in chart(Losses([(1, 2.0)], [], odd, (1, odd)))


def test_each_shape_has_ids_of_its_own() -> None:
    wide, narrow = (str(loss_chart(Losses.of(DONE, LOG), shape, "")) for shape in SHAPES)
    ids = [{part.partition('"')[0] for part in svg.split('id="')[1:]} for svg in (wide, narrow)]
    assert ids[0] and ids[1] and not ids[0] & ids[1]
