"""Headless Chromium that records the behavior of a page, controlled by the DevTools protocol over a pipe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TIMEOUT_S = 120  # then the browser is killed
LINE = (
    'exec "$0" --headless --disable-gpu --no-first-run --remote-debugging-pipe --user-data-dir="$1" $2 3<&0 4>&1 1>&2'
)
MEASURE = """({
  width: document.documentElement.scrollWidth,
  images: document.images.length,
  broken: [...document.images].filter(image => !image.complete || !image.naturalWidth).length,
  smallest: Math.min(...[...document.querySelectorAll("p, li, td, th")].map(e => parseFloat(getComputedStyle(e).fontSize))),
})"""


@dataclass
class Visit:
    """The requests of a page, its console messages and the result of MEASURE."""

    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)


class Browser:
    """Send commands to a browser process and collect its events."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\0")
        self.process.stdin.flush()
        while "id" not in (answer := self._next()):
            self.events.append(answer)
        assert answer["id"] == self.number and "error" not in answer, answer
        return dict(answer["result"])

    def wait_for(self, method: str) -> None:
        while all(event["method"] != method for event in self.events):
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        message = b""
        while (byte := self.process.stdout.read(1)) != b"\0":
            assert byte, "the browser exited"
            message += byte
        return dict(json.loads(message))


@contextmanager
def browser(scratch: Path) -> Iterator[Browser]:
    """Start a browser with its own profile under `scratch`."""
    assert CHROMIUM is not None
    sandbox = "--no-sandbox" if os.geteuid() == 0 else "--no-default-browser-check"  # the sandbox does not work as root
    with (scratch / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", LINE, CHROMIUM, scratch / "profile", sandbox],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        watch = threading.Timer(TIMEOUT_S, process.kill)
        watch.start()
        try:
            yield Browser(process)
        finally:
            watch.cancel()
            process.kill()
            process.communicate()


def visit_page(chromium: Browser, page: Path, width: int) -> Visit:
    """Open the page in a new tab, `width` CSS pixels wide."""
    chromium.events.clear()
    target = chromium.call("Target.createTarget", url="about:blank")["targetId"]
    session = chromium.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Network", "Log", "Runtime", "Page"):
        chromium.call(f"{domain}.enable", session)
    chromium.call(
        "Emulation.setDeviceMetricsOverride", session, width=width, height=844, deviceScaleFactor=1, mobile=width < 600
    )
    chromium.events.clear()
    chromium.call("Page.navigate", session, url=page.as_uri())
    chromium.wait_for("Page.loadEventFired")
    measured = chromium.call("Runtime.evaluate", session, expression=MEASURE, returnByValue=True)["result"]["value"]
    visit = Visit(measured=measured)
    for event in chromium.events:
        params = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            visit.requests.append(params["request"]["url"])
        elif event["method"] == "Log.entryAdded":
            visit.messages.append(params["entry"]["text"])
        elif event["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            visit.messages.append(json.dumps(params))
    chromium.call("Target.closeTarget", targetId=target)
    return visit
