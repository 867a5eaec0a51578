"""The plot stays text, and its colours are those of the page."""

from __future__ import annotations

from job.reporting.charts import SHAPES, loss_chart, pace_chart
from job.reporting.losses import Losses
from tests.sample_results import DONE, LOG, LONG_LOG, metrics


def chart(losses: Losses) -> str:
    return str(loss_chart(losses, "wide", "The loss <fell>."))


def test_text_of_the_plot_stays_text_and_colours_follow_the_theme() -> None:
    svg = chart(Losses.of(DONE, LOG))
    assert ">optimizer step</text>" in svg
    assert "base model 2.31" in svg
    assert "exported 1.42, step 20" in svg
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


def test_the_exported_step_and_the_lowest_loss_may_differ() -> None:
    svg = chart(Losses([(1, 2.0)], [(0, 2.3), (10, 1.5), (20, 1.6)], 2.3, (10, 1.5), (20, 1.6)))
    assert "exported 1.60, step 20" in svg
    assert "lowest 1.50, step 10" in svg
    assert "lowest" not in chart(Losses.of(DONE, LOG))


def test_speed_and_memory_run_over_time() -> None:
    svg = str(pace_chart(Losses.of(metrics(), LONG_LOG), "wide", "Speed"))
    assert ">tokens a second</text>" in svg
    assert ">GPU memory, GB</text>" in svg
    assert ">minutes of training</text>" in svg
    without = [line.model_copy(update={"gpu_reserved_bytes": None}) for line in LONG_LOG[:5]]
    svg = str(pace_chart(Losses.of(metrics(), without), "narrow", "Speed"))
    assert "GPU memory" not in svg
    assert ">seconds of training</text>" in svg
