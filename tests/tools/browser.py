"""A headless Chromium that tests steer through its DevTools protocol.

Debian's package `chromium` will do; PIXACE_TEST_BROWSER names another program.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import websocket

from tests.tools.patience import PATIENCE

# `all(selector)` lists the elements of the page, also those inside of components.
_ALL = """
globalThis.all = (selector, root = document) => [...root.querySelectorAll("*")].flatMap((element) =>
    [...(element.matches(selector) ? [element] : []),
     ...(element.shadowRoot ? all(selector, element.shadowRoot) : [])])
"""


def require_browser() -> str:
    """Returns Chromium; skips the test where there is none, or fails if REQUIRE_BROWSER is set."""
    program = shutil.which(os.environ.get("PIXACE_TEST_BROWSER", "chromium"))
    if program is None:
        message = "no chromium here: apt-get install chromium, or name one in PIXACE_TEST_BROWSER"
        if os.environ.get("PIXACE_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    return program


def wait_until(condition, what: str, seconds: float = PATIENCE):
    """Waits until something is true, and returns it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)
    return value


class Browser:
    """One page of a headless browser of our own, with an empty profile.

    Attributes:
      requests: the addresses that the page has asked for.
      complaints: what it has printed on its console as errors.
    """

    def __init__(self, width: int = 1400, height: int = 1000) -> None:
        program = require_browser()
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                program,
                "--headless",
                "--no-sandbox",  # continuous integration runs as root
                "--disable-dev-shm-usage",
                "--use-angle=swiftshader",  # TensorBoard draws curves with WebGL
                "--enable-unsafe-swiftshader",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--remote-debugging-port=0",
                f"--user-data-dir={self._profile.name}",
                f"--window-size={width},{height}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._n_calls = 0
        self._session: str | None = None
        try:
            self._socket = websocket.create_connection(
                wait_until(self._address, "chromium"), timeout=PATIENCE, suppress_origin=True
            )
            (page,) = [
                target
                for target in self._call("Target.getTargets")["targetInfos"]
                if target["type"] == "page"
            ]
            self._session = self._call(
                "Target.attachToTarget", targetId=page["targetId"], flatten=True
            )["sessionId"]
            for domain in ("Page", "Network", "Runtime", "Log"):
                self._call(f"{domain}.enable")
            self._call("Page.addScriptToEvaluateOnNewDocument", source=_ALL)
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *args: object) -> None:
        self._socket.close()
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._profile.cleanup()

    def _address(self) -> str | None:
        """Returns where the browser listens, once it does."""
        assert self._process.poll() is None, "chromium has ended"
        try:
            text = Path(self._profile.name, "DevToolsActivePort").read_text()
            port, path = text.split("\n")
        except (FileNotFoundError, ValueError):  # not there yet, or half-written
            return None
        return f"ws://127.0.0.1:{port}{path}"

    def _call(self, method: str, **parameters):
        """Sends one command and returns its result; notes the events that come before it."""
        self._n_calls += 1
        message = {"id": self._n_calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._n_calls:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _note(self, event) -> None:
        match event:
            case {"method": "Network.requestWillBeSent", "params": {"request": {"url": url}}}:
                self.requests.append(url)
            case {
                "method": "Log.entryAdded",
                "params": {"entry": {"level": "error", "text": text}},
            }:
                self.complaints.append(text)
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.complaints.append(details["text"])

    def open(self, address: str) -> None:
        """Loads a page; does not wait for what its scripts do."""
        assert "errorText" not in self._call("Page.navigate", url=address), address
        wait_until(lambda: self.run("document.readyState == 'complete'"), address)

    def run(self, script: str):
        """Returns the value of a JavaScript expression; `all(selector)` looks into components."""
        result = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, f"{script}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def wait_for(self, script: str):
        """Waits until a JavaScript expression is true, and returns its value."""
        return wait_until(lambda: self.run(script), script)

    def click(self, element: str, at: float = 0.5) -> None:
        """Clicks with the mouse.

        Args:
          element: JavaScript expression.
          at: where in it, from its left edge (0) to its right (1).
        """
        self.run(f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.run(f"{element}.getBoundingClientRect().toJSON()")
        place = {"x": box["x"] + at * box["width"], "y": box["y"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, **place, button="left", clickCount=1)

    def press(self, key: str, *, control: bool = False) -> None:
        """Presses a key and lets it go: a letter, or one by its name, such as ArrowLeft."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 and not control else "")
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        options = {"key": key, "modifiers": 2 if control else 0}
        options["windowsVirtualKeyCode"] = codes.get(key, ord(key.upper()) if len(key) == 1 else 0)
        self._call("Input.dispatchKeyEvent", type="keyDown", text=text, **options)
        self._call("Input.dispatchKeyEvent", type="keyUp", **options)

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Gives the window another size, and the system a light or a dark look."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        look = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[look])

    def screenshot(self, path: Path) -> None:
        """Keeps what the window shows as a PNG file."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))
