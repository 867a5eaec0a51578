"""One page that opens offline, at every ending of a run: what is not there yet is left out, never a reason to fail."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from job.errors import EXIT_CODES
from job.results import LogEntry, Metrics, Result, Sample, Scores
from job.rundir import write_text

R = TypeVar("R", bound=Result)

# Text stays text, ids do not depend on the run, so that equal results give equal bytes.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "lora-job", "font.family": "sans-serif"})
TRAIN_COLOUR, EVAL_COLOUR, GREY = "#8aa4c8", "#d9622b", "#808080"  # readable on white and on near-black


def write_report(root: Path, metrics: Metrics) -> None:
    """Render the run in `root` into `root/report.html`."""
    log = read_lines(root / "train" / "log.jsonl", LogEntry)
    samples = read_lines(root / metrics.probe.samples_path, Sample) if metrics.probe else []
    write_text(root / "report.html", render(metrics, log, samples))


def read_lines(path: Path, kind: type[R]) -> list[R]:
    """The whole lines of a JSONL file; a torn one is left out, a missing file is empty."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            found.append(kind.model_validate_json(line))
        except ValueError:
            continue
    return found


def render(metrics: Metrics, log: list[LogEntry], samples: list[Sample]) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(count=count, share=share, size=size, duration=duration)
    page = environment.get_template("page.html.jinja")
    return page.render(
        m=metrics,
        verdict=verdict(metrics),
        meaning=EXIT_CODES[metrics.exit_code][0] if metrics.exit_code in EXIT_CODES else "",
        curve=loss_curve(log, metrics),
        funnel=funnel(metrics),
        scores=score_rows(metrics),
        questions=[sample for sample in samples if sample.source == "question"],
        eval_rows=[sample for sample in samples if sample.source == "eval_row"],
        settings=flat(metrics.settings),
    )


# --- words and numbers -----------------------------------------------------------------------------------------------


def verdict(metrics: Metrics) -> str:
    """The run in a sentence."""
    parts = []
    if metrics.train:
        before, after = metrics.train.base_eval_loss, metrics.train.best_eval_loss
        change = f" ({after / before - 1:+.0%})" if before else ""
        parts.append(f"Evaluation loss {before:.3f} → {after:.3f}{change}")
    if metrics.probe:
        base, tuned = metrics.probe.base, metrics.probe.tuned
        parts.append(
            f"answers that open with filler {share(base.opening_filler_share)} → {share(tuned.opening_filler_share)}"
        )
    return "; ".join(parts) + "." if parts else ""


def count(value: float) -> str:
    return f"{value:,.0f}"


def share(value: float) -> str:
    return f"{value:.0%}" if value in (0, 1) or value >= 0.1 else f"{value:.1%}"


def size(value: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def flat(settings: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for section, fields in settings.items():
        for field, value in fields.items() if isinstance(fields, dict) else [("", fields)]:
            name = "FINETUNE_" + "_".join(filter(None, (section, field))).upper()
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


# --- tables ----------------------------------------------------------------------------------------------------------


def funnel(metrics: Metrics) -> list[tuple[str, int, float, str]]:
    """(name, rows, share of all rows, kind) from rows in, over each reason, to what is left."""
    cleaned = metrics.clean
    if not cleaned or not cleaned.rows_in:
        return []
    rows = [("rows in", cleaned.rows_in, "in")]
    rows += [(reason.replace("_", " "), number, "out") for reason, number in cleaned.dropped.items()]
    rows += [("training rows", cleaned.train_rows, "kept"), ("evaluation rows", cleaned.eval_rows, "kept")]
    return [(name, number, number / cleaned.rows_in, kind) for name, number, kind in rows]


def score_rows(metrics: Metrics) -> list[tuple[str, str, str, str]]:
    """(what, base, tuned, better or worse in a word)."""
    if not metrics.probe:
        return []
    wanted = (
        ("answers that stop by themselves", "stopped_share", 1),
        ("answers that open with filler", "opening_filler_share", -1),
        ("answers that close with filler", "closing_filler_share", -1),
        ("repeated word 4-grams", "repetition_share", -1),
    )
    base, tuned = metrics.probe.base, metrics.probe.tuned
    rows = [
        (text, share(_score(base, key)), share(_score(tuned, key)), _change(base, tuned, key, sign))
        for text, key, sign in wanted
    ]
    return [*rows, ("mean length in tokens", f"{base.mean_tokens:.0f}", f"{tuned.mean_tokens:.0f}", "")]


def _score(scores: Scores, key: str) -> float:
    return float(getattr(scores, key))


def _change(base: Scores, tuned: Scores, key: str, sign: int) -> str:
    gain = sign * (_score(tuned, key) - _score(base, key))
    return "same" if abs(gain) < 0.005 else "better" if gain > 0 else "worse"


# --- the plot --------------------------------------------------------------------------------------------------------


def loss_curve(log: list[LogEntry], metrics: Metrics) -> Markup:
    """Inline SVG of train and eval loss by optimizer step; empty where nothing was logged."""
    train = [(entry.step, entry.loss) for entry in log if entry.loss is not None]
    evaluated = [(entry.step, entry.eval_loss) for entry in log if entry.eval_loss is not None]
    if not train and not evaluated:
        return Markup()
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    if train:
        axes.plot(*zip(*train, strict=True), color=TRAIN_COLOUR, marker=".", linewidth=1.4, label="training")
    if evaluated:
        axes.plot(*zip(*evaluated, strict=True), color=EVAL_COLOUR, marker="o", linewidth=1.8, label="evaluation")
        if evaluated[0][0] == 0:
            axes.axhline(evaluated[0][1], color=GREY, linestyle="--", linewidth=1, label="base model (evaluation)")
    if metrics.train:
        best = (metrics.train.best_step, metrics.train.best_eval_loss)
        axes.plot(
            *best, color=EVAL_COLOUR, marker="*", markersize=13, linestyle="none", label=f"best, step {best[0]:,}"
        )
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    text = io.StringIO()
    figure.savefig(
        text, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    svg = text.getvalue()
    # Without the XML prologue, whose DTD is an address; black becomes the page's text colour, in both themes.
    svg = svg[svg.index("<svg") :].replace("#000000", "currentColor").replace("<text", '<text fill="currentColor"')
    return Markup(svg)
