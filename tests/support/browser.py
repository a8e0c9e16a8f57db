"""A page in headless Chromium, driven over its DevTools pipe: real pointer and keys, with the standard library."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Where the browser is, if there is one."""


class Page:
    """One page. Messages are JSON ended by a zero byte: commands on descriptor 3, answers and events on 4."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, os.fdopen(answers, "rb")
        self._numbers = itertools.count(1)
        self._session = ""
        self.problems: list[str] = []
        """What the page's console and its security policy complained about."""

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])

    def _next(self) -> dict[str, Any]:
        message = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        found = json.loads(message)
        if found.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.problems.append(json.dumps(found["params"]))
        return dict(found)

    def open(self, path: Path, *, width: int = 1100, height: int = 900, dark: bool = False) -> None:
        """Shows a file in a window of that size and waits until it is there."""
        self.visit(path.resolve().as_uri(), width=width, height=height, dark=dark)

    def visit(self, address: str, *, width: int = 1100, height: int = 900, dark: bool = False) -> None:
        """Shows a page in a window of that size and waits until it is loaded."""
        if not self._session:
            target = self("Target.createTarget", url="about:blank")["targetId"]
            self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log"):
                self(f"{domain}.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self("Emulation.setDeviceMetricsOverride", **metrics)
        self("Emulation.setTouchEmulationEnabled", enabled=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", features=[scheme])
        self("Page.navigate", url=address)
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = self("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """The value of a JavaScript expression as soon as there is one that counts as true."""
        for _ in range(600):
            if found := self.run(script):
                return found
            time.sleep(0.1)
        raise TimeoutError(f"{script}\n\nThe page says:\n{self.run('document.body.innerText')}")

    def point(self, x: float, y: float) -> None:
        """Moves the mouse."""
        self("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x: float, y: float) -> None:
        """Moves the mouse and clicks."""
        self.point(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def tap(self, x: float, y: float) -> None:
        """Touches the screen with a finger; the window must be a phone's."""
        self("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, key: str) -> None:
        """Presses a key by its name, such as ``ArrowRight``."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        code = {"Escape": 27, "Tab": 9}.get(key, 0)  # what the browser itself acts on, it knows by number
        self(
            "Input.dispatchKeyEvent",
            type="keyDown" if text else "rawKeyDown",
            key=key,
            code=key,
            text=text,
            windowsVirtualKeyCode=code,
        )
        self("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def centre(self, selector: str) -> tuple[float, float]:
        """Of an element, which is scrolled to the middle of the window."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{element}.scrollIntoView({{block: 'center', inline: 'center'}})")
        box = json.loads(self.run(f"JSON.stringify({element}.getBoundingClientRect())"))
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def trials(self) -> list[str]:
        """Ids in the report's panel of trials, in its order; empty while it is closed."""
        return list(
            self.run("[...document.querySelectorAll('dialog[open] tbody tr')].map(row => row.cells[0].innerText)")
        )

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Saves what the page looks like as PNG."""
        found = self("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser of its own, with its profile in ``folder``, that ends with the block."""
    assert PROGRAM is not None, "look at PROGRAM first"
    their_commands, commands = os.pipe()
    answers, their_answers = os.pipe()
    # The browser wants descriptors 3 and 4, which a shell can give it.
    plumbing = f'exec "$0" "$@" 3<&{their_commands} 4>&{their_answers}'
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={folder}"]
    process = subprocess.Popen(
        ["/bin/bash", "-c", plumbing, PROGRAM, *options],
        pass_fds=(their_commands, their_answers),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(their_commands)
    os.close(their_answers)
    page = Page(commands, answers)
    try:
        yield page
        page("Browser.close") if not page._session else None
    finally:
        os.close(commands)
        process.terminate()
        process.wait(timeout=20)
        page._answers.close()
