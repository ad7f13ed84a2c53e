"""A server on 127.0.0.1 that plays what a test wants, and how a download from it has ended."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixace.errors import DownloadError
from pixace.web.download import fetch
from pixace.web.limits import Limits
from pixace.web.partial import Partial

FILE = hashlib.shake_256(b"the file").digest(300_000)
SHA = hashlib.sha256(FILE).hexdigest()
CUT = 100_000
FAST = Limits(
    connect_seconds=2,
    idle_seconds=0.4,
    answer_seconds=1,
    min_rate=2000,
    rate_window_seconds=0.3,
    total_seconds=20,
    attempts=3,
    first_wait_seconds=0.01,
    max_wait_seconds=0.05,
)


class Handler(http.server.BaseHTTPRequestHandler):
    """Plays whatever the test put on the server, and notes every request."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        # The client hanging up in the middle is what many of these tests are about.
        with contextlib.suppress(OSError):
            self.server.play(self)

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, *_args: object) -> None:
        pass

    def reply(
        self,
        body: bytes = b"",
        status: int = 200,
        length: int | str | None = "true",
        **headers: Any,
    ) -> None:
        """Sends an answer; `length` is "true", None for no Content-Length, or a lie."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length == "true" else length))
        if length != "true":
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def page(self, title: str, text: str = "", status: int = 200) -> None:
        body = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{text}</body></html>"
        self.reply(body.encode(), status, Content_Type="text/html; charset=utf-8")

    def start(self) -> int | None:
        """Returns the first byte that the request asks for, or None for all of the file."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(match[1]) if match else None

    def rest(self, body: bytes, start: int, **headers: Any) -> None:
        """Answers a range request as it should be answered."""
        span = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self.reply(body[start:], 206, **{"Content_Range": span, "ETag": '"v1"', **headers})

    def cut(self, n_bytes: int = CUT, **headers: Any) -> None:
        """Announces the whole file, sends its beginning and hangs up."""
        self.reply(FILE[:n_bytes], length=len(FILE), **{"ETag": '"v1"', **headers})


Play = Callable[[Handler], object]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.play: Play = lambda h: h.reply(FILE)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _path, headers in self.asked]


def assert_installed(target: Path, content: bytes = FILE) -> None:
    assert target.read_bytes() == content
    assert os.listdir(target.parent) == [target.name]


def assert_refused(
    server: Server, target: Path, words: str, limits: Limits = FAST, **options: object
) -> str:
    """Fetches, expects one line that names the address, and no file under the name."""
    url = f"{server.url}/file.bin"
    with pytest.raises(DownloadError, match=words) as caught:
        fetch(url, target, limits=limits, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert f"127.0.0.1:{server.server_port}" in message or str(target) in message
    assert not target.exists()
    return message


def then(*plays: Play) -> Play:
    """Plays several things one after the other."""

    def play(h: Handler) -> None:
        for each in plays:
            each(h)

    return play


def send_chunked(handler: Handler, body: bytes, end: bool = True, **headers: Any) -> None:
    handler.reply(length=None, Transfer_Encoding="chunked", **headers)
    for i in range(0, len(body), 50_000):
        piece = body[i : i + 50_000]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    if end:
        handler.wfile.write(b"0\r\n\r\n")


def drip(handler: Handler, body: bytes, seconds: float) -> None:
    for i in range(len(body)):
        handler.wfile.write(body[i : i + 1])
        time.sleep(seconds)


def leave_partial(server: Server, target: Path, **headers: Any) -> None:
    """Lets a first call be cut after CUT bytes."""
    server.play = lambda h: h.cut(**headers)
    with pytest.raises(DownloadError):
        fetch(f"{server.url}/f", target, limits=Limits(**{**vars(FAST), "attempts": 1}))
    assert Partial(target).size() == CUT
    server.asked.clear()


def other(n_bytes: int = len(FILE)) -> bytes:
    return hashlib.shake_256(b"another").digest(n_bytes)


def first_range_then_all(on_range: Play, body: bytes = FILE) -> Play:
    def play(h: Handler) -> None:
        if h.start() is None:
            h.reply(body, ETag='"v2"')
        else:
            on_range(h)

    return play


def span(start: int, end: int, total: int | str = len(FILE)) -> dict[str, Any]:
    return {"Content_Range": f"bytes {start}-{end}/{total}", "ETag": '"v1"'}


END = len(FILE) - 1


def slowly(handler: Handler) -> None:
    """Serves the file with ranges, 10 kB every 5 ms."""
    start = handler.start() or 0
    status = 206 if start else 200
    handler.reply(b"", status, length=len(FILE) - start, **span(start, END))
    for i in range(start, len(FILE), 10_000):
        handler.wfile.write(FILE[i : i + 10_000])
        time.sleep(0.005)
