"""report.html: one page that opens offline, written at every ending of a run.

For the person who pays for the run: whether it is better, what decided that, what the model says now, what to do next. Reads
the results and a few files of the run folder, all of them listed in `Files.read`. A file that is missing or torn is left out
and never makes the report fail.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from job.reporting.bars import Dropped
from job.reporting.charts import SHAPES, loss_chart, pace_chart
from job.reporting.numbers import count, duration, loss_text, moment, share, signed, size
from job.reporting.rows import Texts, read_texts, shown_rows
from job.reporting.view import view
from job.reporting.words import readable
from job.results import LogEntry, Metrics, RowLoss, Sample
from job.runs.files import read_lines, write_text

log = logging.getLogger("job")
T = TypeVar("T")


def code_words(text: str) -> Markup:
    """What stands in backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "page"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PAGE.filters.update(
    count=count,
    share=share,
    loss=loss_text,
    size=size,
    duration=duration,
    moment=moment,
    readable=readable,
    signed=signed,
    code_words=code_words,
)


@dataclass(frozen=True)
class Files:
    """What the page takes from files of the run folder."""

    log: Sequence[LogEntry] = ()
    samples: Sequence[Sample] = ()
    dropped: Dropped = field(default_factory=dict)
    losses: Sequence[RowLoss] = ()
    texts: Texts = field(default_factory=dict)
    """Of the evaluation rows that the page shows, where no sample has them."""

    @classmethod
    def read(cls, root: Path, metrics: Metrics) -> Files:
        probed, cleaned = metrics.probe, metrics.clean
        samples: list[Sample] = []
        losses: list[RowLoss] = []
        if probed:  # without it the files are of a probe with other settings
            samples = _left_out(samples, lambda: read_lines(root / probed.samples_path, Sample))
            losses = _left_out(losses, lambda: read_lines(root / probed.losses_path, RowLoss))
        wanted = shown_rows(losses)
        return cls(
            log=_left_out([], lambda: read_lines(root / "train" / "log.jsonl", LogEntry)),
            samples=samples,
            dropped=_left_out({}, lambda: count_dropped(root / cleaned.dropped_path)) if cleaned else {},
            losses=losses,
            texts=_left_out({}, lambda: read_texts(root / cleaned.eval_path, wanted)) if cleaned else {},
        )


def _left_out(empty: T, read: Callable[[], T]) -> T:
    """`empty` for what cannot be read: no right to, a folder in its place, a volume that fails."""
    try:
        return read()
    except OSError as error:
        log.warning("stage=end report=without_a_file: %s", error)
        return empty


def write_report(root: Path, metrics: Metrics) -> None:
    """Write `report.html` for the run in the folder `root`."""
    write_text(root / "report.html", render(metrics, Files.read(root, metrics)))


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


def render(metrics: Metrics, files: Files) -> str:
    """The page. Equal arguments give equal bytes."""
    shown = view(metrics, files.log, files.samples, files.dropped, files.losses, files.texts)
    losses, title = shown.losses, f"Loss by optimizer step. {shown.sentence}"
    charts = [loss_chart(losses, shape, title) for shape in SHAPES] if losses.training or losses.evaluations else []
    paces = (
        [pace_chart(losses, shape, "Speed and memory over time") for shape in SHAPES] if len(losses.pace) > 1 else []
    )
    page = PAGE.get_template("page.html.jinja").render(m=metrics, charts=charts, paces=paces, **vars(shown))
    return page.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate in a setting could not be written
