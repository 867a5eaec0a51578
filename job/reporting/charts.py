"""The loss curve as inline SVG; it loads no script and no font."""

from __future__ import annotations

import io
import math
import re
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from job.reporting.losses import Losses
from job.reporting.numbers import loss_text

# matplotlib draws in the colours on the left; the page's own replace them, so that one plot serves both themes.
COLOURS = {"#010101": "var(--train)", "#020202": "var(--eval)", "#030303": "var(--muted)", "#040404": "var(--page)"}
TRAIN, EVAL, MUTED, PAGE = COLOURS
SHAPES = {"wide": ((9.0, 3.7), 4), "narrow": ((4.2, 4.0), 2)}
"""Inches and columns of the legend: a phone gets a plot of its own, as the wide one's text would shrink to 5 pixels."""


def loss_chart(losses: Losses, shape: str, title: str) -> Markup:
    """Training and evaluation loss by optimizer step. `title` is what a screen reader says."""
    inches, columns = SHAPES[shape]
    # The salt gives equal ids in each run, and other ids for each shape, because both plots stand in one page.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": f"lora-job {shape}", "font.size": 10}):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        _draw(axes, losses)
        axes.set_xlabel("optimizer step")
        axes.set_ylabel("loss per token")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8 if shape == "wide" else 4, integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.grid(color=MUTED, alpha=0.25, linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(MUTED)
        axes.tick_params(color=MUTED)
        figure.legend(loc="outside upper left", ncols=columns, frameon=False, borderpad=0.2, handlelength=1.8)
        text = io.StringIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=metadata)
    return _inline(text.getvalue(), title, shape)


def _draw(axes: Any, losses: Losses) -> None:
    train, evaluated, before, best = losses.training, losses.evaluations, losses.base, losses.best
    if before is not None and math.isfinite(before):
        label = f"base model {loss_text(before)}"
        axes.axhline(before, color=MUTED, linestyle=(0, (5, 3)), linewidth=1.4, label=label)
    if train:
        marker = "." if len(train) <= 60 else ""
        axes.plot(*zip(*train, strict=True), color=TRAIN, marker=marker, linewidth=1.5, label="training")
    if evaluated:
        axes.plot(*zip(*evaluated, strict=True), color=EVAL, marker="o", markersize=4, linewidth=2, label="evaluation")
    if best and math.isfinite(best[1]):
        label = f"best {loss_text(best[1])}, step {best[0]:,}"
        axes.plot(
            *best, color=EVAL, marker="*", markersize=15, markeredgecolor=PAGE, linestyle="none", zorder=5, label=label
        )
    last = max(step for step, _ in [*train, *evaluated])
    if last > 0:
        axes.set_xlim(left=-0.012 * last)  # room for the mark at step 0
    else:
        axes.set_xlim(-0.012, 1)


def _inline(svg: str, title: str, shape: str) -> Markup:
    """The SVG as a part of an HTML page: no prologue, no namespaces (both are addresses), no ids that nothing refers to."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r'\sxmlns(?::xlink)?="[^"]*"', "", body)
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace("xlink:href", "href")
    view = re.search(r'viewBox="[^"]*"', body)
    assert view, "matplotlib writes a viewBox"
    for stand_in, colour in COLOURS.items():
        body = body.replace(stand_in, colour)
    head = Markup('<svg class="{}" role="img" aria-label="{}" {}>').format(shape, title, Markup(view[0]))
    return head + Markup(body[body.index(">") + 1 :])
