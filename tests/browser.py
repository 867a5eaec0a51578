"""Headless Chromium over its pipe (Chrome DevTools Protocol), for tests of pages: what a page asks for, says and cuts off."""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60.0
"""How long an answer may take on a machine that is busy."""
CUT_OFF = """
    [...document.querySelectorAll('body *')].filter(one => {
        const box = one.getBoundingClientRect();
        const hidden = one.closest('details:not([open])') && !one.closest('summary');
        const scrolls = one.closest('.scroll, .answer, pre, svg, .clip');
        return box.width && !hidden && !scrolls && (box.right > innerWidth + 1 || box.left < -1);
    }).map(one => one.tagName + '.' + one.className + ': ' + one.textContent.trim().slice(0, 60))
"""
"""What stands outside the window and cannot be scrolled to."""


def found_browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def flags(folder: Path) -> list[str]:
    """`folder`: for the browser's own files."""
    found = ["--headless", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}"]
    if os.geteuid() == 0:
        found.append("--no-sandbox")  # Chromium refuses to start as root with it
    return found


@dataclass
class Page:
    """One open page."""

    send: Callable[..., dict[str, Any]]
    loaded: bool = False
    messages: list[str] = field(default_factory=list)
    """Of the console, and of the browser about the page."""
    requests: list[str] = field(default_factory=list)
    """Addresses, without that of the page itself."""

    def evaluate(self, script: str) -> Any:
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def cut_off(self, width: int, *, dark: bool = False) -> list[str]:
        self.look(width, dark=dark)
        found: list[str] = self.evaluate(CUT_OFF)
        wide = self.evaluate("document.documentElement.scrollWidth")
        return found if wide <= width and not found else [f"{wide} wide", *found]

    def look(self, width: int, *, dark: bool = False) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """Of the whole page."""
        found = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def printed(self, path: Path | None = None) -> int:
        """How many pages of A4 it takes."""
        size = {"paperWidth": 8.27, "paperHeight": 11.69}
        pdf = base64.b64decode(self.send("Page.printToPDF", printBackground=True, **size)["data"])
        if path:
            path.write_bytes(pdf)
        return len(re.findall(rb"/Type\s*/Page\b", pdf))


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser of its own. `folder`: for its files."""
    found = found_browser()
    assert found
    to_read, to_write = os.pipe(), os.pipe()

    def as_three_and_four() -> None:
        read, write = os.dup(to_read[0]), os.dup(to_write[1])
        os.dup2(read, 3)
        os.dup2(write, 4)

    process = subprocess.Popen(
        [found, *flags(folder), "--remote-debugging-pipe", "about:blank"],
        preexec_fn=as_three_and_four,  # the process that tests has no other threads
        pass_fds=(3, 4),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Browser(process, to_read[1], to_write[0])
    finally:
        process.terminate()
        process.wait(SECONDS)
        for end in (*to_read, *to_write):
            os.close(end)


class Browser:
    def __init__(self, process: subprocess.Popen[bytes], write: int, read: int) -> None:
        self.process, self.write, self.read = process, write, read
        self.number, self.buffer = 0, b""
        self.pages: dict[str, Page] = {}

    def open(self, file: Path) -> Page:
        target = self.send("", "Target.createTarget", url="about:blank")["targetId"]
        session = self.send("", "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(functools.partial(self.send, session))
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.send("Page.navigate", url=file.as_uri())
        while not page.loaded:
            self._take(self._next())
        return page

    def send(self, session: str, method: str, **parameters: Any) -> dict[str, Any]:
        self.number += 1
        call = {"id": self.number, "method": method, "params": parameters}
        if session:
            call["sessionId"] = session
        os.write(self.write, json.dumps(call).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self.number:
                assert "error" not in message, message["error"]
                found: dict[str, Any] = message["result"]
                return found
            self._take(message)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + SECONDS
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(until - time.monotonic(), 0))
            assert ready and self.process.poll() is None, "Chromium does not answer"
            self.buffer += os.read(self.read, 1 << 16)
        line, _, self.buffer = self.buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found

    def _take(self, event: dict[str, Any]) -> None:
        page, method, facts = (
            self.pages.get(event.get("sessionId", "")),
            event.get("method", ""),
            event.get("params", {}),
        )
        if page is None:
            return
        if method in ("Runtime.consoleAPICalled", "Log.entryAdded", "Runtime.exceptionThrown"):
            page.messages.append(json.dumps(facts))
        elif method == "Network.requestWillBeSent" and facts.get("type") != "Document":
            page.requests.append(facts["request"]["url"])
        elif method == "Page.loadEventFired":
            page.loaded = True
