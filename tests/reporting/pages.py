"""A page as a test reads it: its tags, its text, its section on cleaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

from job.reporting.bars import Dropped
from job.reporting.report import Files, render
from job.reporting.rows import Texts
from job.results import LogEntry, Metrics, RowLoss, Sample
from tests.sample_results import CLEANED, SETTINGS, metrics


def page_of(
    metrics: Metrics,
    log: Sequence[LogEntry] = (),
    samples: Sequence[Sample] = (),
    dropped: Dropped | None = None,
    losses: Sequence[RowLoss] = (),
    texts: Texts | None = None,
) -> str:
    return render(metrics, Files(log, samples, dropped or {}, losses, texts or {}))


class Tags(HTMLParser):
    """All tags with their attributes, and the visible text."""

    VOID = frozenset({"meta", "br", "path", "use", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += " ".join(data.split()) + " "


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", Tags(page).text.replace("\u00a0", " "))


def unbroken(text: str) -> str:
    return text.replace("\u00a0", " ")


def cleaning(settings: dict[str, Any] = SETTINGS, **changes: Any) -> str:
    """The section #cleaning of a page."""
    page = page_of(metrics(clean=CLEANED.model_copy(update=changes), settings=settings))
    begin = page.index('<section id="cleaning">')
    return page[begin : page.index("</section>", begin)]
