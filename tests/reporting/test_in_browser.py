"""The page as Chromium shows and prints it: nothing is asked for, nothing is said, nothing is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from job.results import Failure, Funnel, Metrics
from tests.browser import Browser, Page, browsing, found_browser
from tests.reporting.pages import page_of
from tests.sample_results import (
    CLEANED,
    DONE,
    FAULTY,
    HOST,
    LOG,
    LONG_LOG,
    LOSSES,
    SETTINGS,
    TEXTS,
    ended,
    guardrail,
    metrics,
    sample,
)

pytestmark = pytest.mark.skipif(found_browser() is None, reason="no Chromium or Chrome on the path")
WIDTHS = (1280, 390)
MOST_PAGES = 8
FUNNEL = Funnel(
    rows_in=400, kept=12, least=32, dropped={"short_answer": 300, "duplicate": 88}, sources={"rows.jsonl": 400}
)
TOO_FEW = Failure(kind="DataError", message="12 of 400 rows are left.", remedy="Look at the rows.", funnel=FUNNEL)
OUT_OF_MEMORY = Failure(kind="MemoryExhausted", message="GPU memory ran out.", remedy="Use a larger GPU. " * 9)
LONG = [sample(question="W" * 300, base="https://example.org/" + "x" * 900, tuned="y" * 900)]
VIOLATED = [guardrail("looping_share", state="violated", difference=0.4, low=0.3, high=0.5), guardrail("kl")]
RUNS: dict[str, Metrics] = {
    "better": DONE,
    "no better": ended("no better"),
    "worse": ended("worse", guardrails=VIOLATED),
    "inconclusive": ended("inconclusive"),
    "too few rows": metrics(status="failed", stage="clean", exit_code=65, settings=SETTINGS, host=HOST, error=TOO_FEW),
    "failed": metrics(
        status="failed", stage="train", exit_code=62, settings=SETTINGS, clean=CLEANED, error=OUT_OF_MEMORY
    ),
    "stopped": metrics(status="stopped", stage="train", exit_code=75, settings=SETTINGS, clean=CLEANED),
    "running": metrics(),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as found:
        yield found


def opened(browser: Browser, folder: Path, text: str) -> Page:
    file = folder / "page.html"
    file.write_text(text, "utf-8")
    return browser.open(file)


@pytest.mark.parametrize("name", RUNS)
def test_a_page_fits_every_window_and_few_sheets(browser: Browser, tmp_path: Path, name: str) -> None:
    run = RUNS[name]
    log = [*LOG, *LONG_LOG] if run.clean else []
    samples, losses = ([*LONG, *FAULTY], LOSSES) if run.probe else ([], [])
    page = opened(browser, tmp_path, page_of(run, log, samples, None, losses, TEXTS))
    for width in WIDTHS:
        for dark in (False, True):
            assert page.cut_off(width, dark=dark) == []
    assert 1 <= page.printed() <= MOST_PAGES
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.cut_off(WIDTHS[-1]) == [], "unfolded"
    assert page.messages == []
    assert page.requests == []


def test_dark_and_light_differ(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, page_of(DONE, LOG))
    colours = []
    for dark in (False, True):
        page.look(1280, dark=dark)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 24, 29)"]


def test_what_is_cut_off_said_and_asked_for_is_found(browser: Browser, tmp_path: Path) -> None:
    """The test of the test."""
    body = "<p style='width:2000px'>wide</p><img src='missing.png'><script>console.log('said')</script>"
    page = opened(browser, tmp_path, f"<!doctype html><body>{body}")
    assert any("P.: wide" in one for one in page.cut_off(390))
    assert any("said" in one for one in page.messages)
    assert [Path(one).name for one in page.requests] == ["missing.png"]
