"""Loss, and speed and memory, as inline SVG; it loads no script and no font."""

from __future__ import annotations

import io
import math
import re
from contextlib import AbstractContextManager
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
    with _style(f"loss {shape}"):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        _draw(axes, losses)
        axes.set_xlabel("optimizer step")
        axes.set_ylabel("loss per token")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8 if shape == "wide" else 4, integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        _plain(axes)
        figure.legend(loc="outside upper left", ncols=columns, frameon=False, borderpad=0.2, handlelength=1.8)
        return _inline(figure, title, shape)


def pace_chart(losses: Losses, shape: str, title: str) -> Markup:
    """Speed over the time of training, and below it the GPU's memory where it was logged."""
    unit, divisor = ("minutes", 60.0) if losses.pace[-1][0] >= 180 else ("seconds", 1.0)
    curves = [("tokens a second", TRAIN, [(at / divisor, value) for at, value in losses.pace])]
    if losses.memory:
        curves.append(("GPU memory, GB", EVAL, [(at / divisor, value / 1e9) for at, value in losses.memory]))
    with _style(f"pace {shape}"):
        figure = Figure(figsize=(SHAPES[shape][0][0], 0.5 + 1.4 * len(curves)), layout="constrained")
        for axes, (label, colour, points) in zip(
            figure.subplots(len(curves), sharex=True, squeeze=False)[:, 0], curves, strict=True
        ):
            axes.plot(*zip(*points, strict=True), color=colour, marker="." if len(points) <= 60 else "", linewidth=1.5)
            axes.set_ylabel(label)
            axes.set_ylim(0, 1.1 * max(value for _, value in points) or 1)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
            _plain(axes)
        axes.set_xlabel(f"{unit} of training")
        return _inline(figure, title, shape)


def _style(salt: str) -> AbstractContextManager[None]:
    """The salt gives equal ids in each run, and other ids for each plot, because all stand in one page."""
    style = {"svg.fonttype": "none", "svg.hashsalt": f"lora-job {salt}", "font.size": 10}
    context: AbstractContextManager[None] = matplotlib.rc_context(style)
    return context


def _plain(axes: Any) -> None:
    axes.grid(color=MUTED, alpha=0.25, linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(color=MUTED)


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
    exported = losses.exported if losses.exported and math.isfinite(losses.exported[1]) else None
    if best and math.isfinite(best[1]) and best != exported:
        label = f"lowest {loss_text(best[1])}, step {best[0]:,}"
        axes.plot(*best, color=EVAL, marker="v", markersize=9, linestyle="none", zorder=5, label=label)
    if exported:
        label = f"exported {loss_text(exported[1])}, step {exported[0]:,}"
        star = {"marker": "*", "markersize": 15, "markeredgecolor": PAGE}
        axes.plot(*exported, color=EVAL, linestyle="none", zorder=6, label=label, **star)
    last = max(step for step, _ in [*train, *evaluated])
    if last > 0:
        axes.set_xlim(left=-0.012 * last)  # room for the mark at step 0
    else:
        axes.set_xlim(-0.012, 1)


def _inline(figure: Figure, title: str, shape: str) -> Markup:
    """The SVG as a part of an HTML page: no prologue, no namespaces (both are addresses), no ids that nothing refers to."""
    text = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(text, format="svg", transparent=True, metadata=metadata)
    svg = text.getvalue()
    body = svg[svg.index("<svg") :]
    body = re.sub(r'\sxmlns(?::xlink)?="[^"]*"', "", body)
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace("xlink:href", "href")
    view = re.search(r'viewBox="[^"]*"', body)
    assert view, "matplotlib writes a viewBox"
    for stand_in, colour in COLOURS.items():
        body = body.replace(stand_in, colour)
    head = Markup('<svg class="{}" role="img" aria-label="{}" {}>').format(shape, title, Markup(view[0]))
    return head + Markup(body[body.index(">") + 1 :])
