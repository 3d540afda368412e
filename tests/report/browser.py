"""A headless Chromium that says what a page does, by the DevTools protocol over a pipe."""

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
SECONDS = 120  # after which it is taken to hang
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
class Seen:
    """What a page asked for, what the console said, and what MEASURE found."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)


class Browser:
    """Sends commands and gathers events."""

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
            assert byte, "the browser has ended"
            message += byte
        return dict(json.loads(message))


@contextmanager
def browser(scratch: Path) -> Iterator[Browser]:
    """A browser with a profile of its own under `scratch`."""
    assert CHROMIUM is not None
    more = "--no-sandbox" if os.geteuid() == 0 else "--no-default-browser-check"  # root has no sandbox
    with (scratch / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", LINE, CHROMIUM, scratch / "profile", more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            yield Browser(process)
        finally:
            watch.cancel()
            process.kill()
            process.communicate()


def look_at(found: Browser, page: Path, width: int) -> Seen:
    """Open the page in a new tab of this width, in CSS pixels."""
    found.events.clear()
    target = found.call("Target.createTarget", url="about:blank")["targetId"]
    session = found.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Network", "Log", "Runtime", "Page"):
        found.call(f"{domain}.enable", session)
    found.call(
        "Emulation.setDeviceMetricsOverride", session, width=width, height=844, deviceScaleFactor=1, mobile=width < 600
    )
    found.events.clear()
    found.call("Page.navigate", session, url=page.as_uri())
    found.wait_for("Page.loadEventFired")
    measured = found.call("Runtime.evaluate", session, expression=MEASURE, returnByValue=True)["result"]["value"]
    seen = Seen(measured=measured)
    for event in found.events:
        params = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            seen.requests.append(params["request"]["url"])
        elif event["method"] == "Log.entryAdded":
            seen.complaints.append(params["entry"]["text"])
        elif event["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            seen.complaints.append(json.dumps(params))
    found.call("Target.closeTarget", targetId=target)
    return seen
