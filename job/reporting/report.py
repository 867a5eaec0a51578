"""report.html: one page that opens offline, written at every ending of a run.

For the person who pays for the run: what came out, what was dropped, what the model says now. Reads the results and three
files of the run folder (train/log.jsonl, the probe's samples, the dropped rows, which it only counts). A file that is
missing is left out and never makes the report fail.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from job.reporting.bars import Dropped
from job.reporting.charts import SHAPES, loss_chart
from job.reporting.numbers import count, duration, loss_text, moment, share, size
from job.reporting.view import view
from job.reporting.words import readable
from job.results import LogEntry, Metrics, Sample
from job.runs.files import read_lines, write_text

PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PAGE.filters.update(
    count=count, share=share, loss=loss_text, size=size, duration=duration, moment=moment, readable=readable
)


def write_report(root: Path, metrics: Metrics) -> None:
    """Write `report.html` for the run in the folder `root`."""
    log = read_lines(root / "train" / "log.jsonl", LogEntry)
    samples_path = metrics.probe.samples_path if metrics.probe else "probe/samples.jsonl"
    samples = read_lines(root / samples_path, Sample)
    dropped = count_dropped(root / metrics.clean.dropped_path) if metrics.clean else {}
    write_text(root / "report.html", render(metrics, log, samples, dropped))


def count_dropped(path: Path) -> dict[str, Counter[str]]:
    """Rows of each source by the reason they were dropped for. Read line by line, since they may be many."""
    counts: dict[str, Counter[str]] = {}
    if not path.is_file():
        return counts
    with path.open("rb") as file:
        for line in file:
            try:
                row = json.loads(line)
                counts.setdefault(str(row["source"]), Counter())[str(row["reason"])] += 1
            except (ValueError, KeyError, TypeError):  # torn, or not a row that this job wrote
                continue
    return counts


def render(metrics: Metrics, log: Sequence[LogEntry], samples: Sequence[Sample], dropped: Dropped) -> str:
    """The page. Equal arguments give equal bytes."""
    shown = view(metrics, log, samples, dropped)
    losses, title = shown.losses, f"Loss by optimizer step. {shown.verdict}"
    charts = [loss_chart(losses, shape, title) for shape in SHAPES] if losses.training or losses.evaluations else []
    page = PAGE.get_template("page.html.jinja").render(m=metrics, charts=charts, **vars(shown))
    return page.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate in a setting could not be written
