"""Downloads against real servers on 127.0.0.1 that cut, lie, drip, redirect and play Drive."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import http.server
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests  # noqa: F401 (imported before a test gives up its rights to read it)

from pixace.errors import DownloadError, UsageError
from pixace.web import attempt, drive
from pixace.web.download import fetch, install_file
from pixace.web.limits import Limits
from pixace.web.partial import Partial, Record, locked
from pixace.web.request import ask, new_session
from tests.tools.places import ROOT

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


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "files" / "file.bin"


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


# --- what must arrive ------------------------------------------------------------------------


def test_a_plain_file_is_installed_with_its_sha256(server: Server, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    digest = fetch(
        f"{server.url}/f",
        target,
        limits=FAST,
        sha256=SHA.upper(),
        progress=lambda *a: told.append(a),
    )
    assert digest == SHA
    assert_installed(target)
    assert told[0] == (0, len(FILE)) and told[-1] == (len(FILE), len(FILE))
    assert server.asked[0][1]["Accept-Encoding"] == "identity"


def test_the_file_gets_the_rights_of_an_ordinary_file(server: Server, target: Path) -> None:
    fetch(f"{server.url}/f", target, limits=FAST)
    (target.parent / "other").touch()
    assert target.stat().st_mode == (target.parent / "other").stat().st_mode


def test_chunked_without_length(server: Server, target: Path) -> None:
    server.play = lambda h: send_chunked(h, FILE)
    fetch(f"{server.url}/f", target, limits=FAST)
    assert_installed(target)


def test_no_length_at_all_is_accepted_only_with_a_sha256(server: Server, target: Path) -> None:
    server.play = lambda h: h.reply(FILE, length=None)
    assert_refused(server, target, "does not tell the file's size")
    fetch(f"{server.url}/f", target, limits=FAST, sha256=SHA)
    assert_installed(target)


def test_a_body_without_length_that_was_cut_is_fetched_again(server: Server, target: Path) -> None:
    server.play = lambda h: h.reply(FILE[: CUT if len(server.asked) == 1 else None], length=None)
    fetch(f"{server.url}/f", target, limits=FAST, sha256=SHA)
    assert_installed(target)
    assert len(server.asked) == 2


def test_redirects_are_followed(server: Server, target: Path) -> None:
    def play(h: Handler) -> None:
        n = int(h.path.rpartition("/")[2])
        if n < 5:
            h.reply(status=(301, 302, 303, 307, 308)[n], Location=f"/{n + 1}")
        else:
            h.reply(FILE)

    server.play = play
    fetch(f"{server.url}/0", target, limits=FAST)
    assert_installed(target)
    assert len(server.asked) == 6
    server.play = lambda h: h.reply(status=302, Location="/again")
    with pytest.raises(DownloadError, match="more than 5 redirects"):
        fetch(f"{server.url}/0", target, limits=FAST)
    assert len(server.asked) == 12


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_passing_troubles_are_retried(server: Server, target: Path, status: int) -> None:
    def play(h: Handler) -> None:
        if len(server.asked) < 3:
            h.reply(b"busy", status, Retry_After="1000000")
        else:
            h.reply(FILE)

    server.play = play
    fetch(f"{server.url}/f", target, limits=FAST)
    assert_installed(target)


def test_a_server_that_starts_late_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/f"
    with pytest.raises(DownloadError, match="refused, 3 times in a row; check the connection"):
        fetch(url, tmp_path / "f", limits=FAST)
    assert os.listdir(tmp_path) == []


def test_an_older_file_is_replaced_only_at_the_end(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"old")
    server.play = lambda h: h.cut(ETag="")
    with pytest.raises(DownloadError, match="cut"):
        fetch(f"{server.url}/f", target, limits=FAST)
    assert target.read_bytes() == b"old"
    server.play = lambda h: h.reply(FILE)
    fetch(f"{server.url}/f", target, limits=FAST)
    assert_installed(target)


def test_a_file_with_the_right_sha256_is_not_fetched_again(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(FILE)
    assert fetch(f"{server.url}/f", target, sha256=SHA) == SHA
    assert server.asked == []


# --- what must be refused --------------------------------------------------------------------

REFUSED: dict[str, tuple[Play, str]] = {
    "400": (lambda h: h.reply(b"x", 400), "400 Bad Request"),
    "401": (lambda h: h.reply(b"x", 401), "401 Unauthorized.*not open to everyone"),
    "403 page": (lambda h: h.page("No entry", status=403), "403 Forbidden .page titled 'No entry'"),
    "404": (lambda h: h.reply(b"x", 404), "404 Not Found.*check the address"),
    "410": (lambda h: h.reply(b"x", 410), "410 Gone"),
    "204": (lambda h: h.reply(b"", 204), "204 No Content"),
    "206 not asked for": (lambda h: h.rest(FILE, 0), "206 Partial Content"),
    "300": (lambda h: h.reply(b"x", 300), "300 Multiple Choices"),
    "304": (lambda h: h.reply(b"", 304), "304 Not Modified"),
    "500 for ever": (lambda h: h.reply(b"x", 500), "500 Internal .*3 times in a row"),
    "429 for ever": (lambda h: h.reply(b"x", 429), "429 Too Many Requests, 3 times"),
    "empty": (lambda h: h.reply(b""), "the file is empty"),
    "empty chunked": (lambda h: send_chunked(h, b""), "the file is empty"),
    "short": (lambda h: h.cut(ETag=""), "cut .*, 3 times in a row"),
    "chunked cut": (lambda h: send_chunked(h, FILE, end=False), "cut .*, 3 times in a row"),
    "nonsense chunk": (
        then(
            lambda h: h.reply(length=None, Transfer_Encoding="chunked"),
            lambda h: h.wfile.write(b"zz\r\nhello"),
        ),
        "cut",
    ),
    "hangs up": (lambda h: setattr(h, "close_connection", True), "3 times in a row"),
    "not http": (
        then(
            lambda h: h.wfile.write(b"\x00\x01hello\r\n\r\n"),
            lambda h: setattr(h, "close_connection", True),
        ),
        "3 times in a row",
    ),
    "wrong length word": (lambda h: h.reply(FILE, length="many"), "does not tell the file's size"),
    "negative length": (lambda h: h.reply(FILE, length=-5), "does not tell the file's size"),
    "gzip encoding": (
        lambda h: h.reply(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"),
        "'gzip' encoding though asked not to",
    ),
    "html": (lambda h: h.page("Welcome &amp; hello"), "page titled 'Welcome & hello' came instead"),
    "html without title": (lambda h: h.reply(b"<html>hi</html>"), "page without a title"),
    "html called binary": (
        lambda h: h.reply(
            b"\xef\xbb\xbf \n<!DOCTYPE HTML><title>Log in</title>" + bytes(4000),
            Content_Type="application/octet-stream",
        ),
        "page titled 'Log in' came instead of the file; give the address of the file itself",
    ),
    "title with escapes": (
        lambda h: h.page("a\x1b[31m\nb" + "c" * 500),
        r"page titled 'a \[31m bc{100,115}' came",
    ),
    "quota page": (
        lambda h: h.page("Google Drive - Quota exceeded", "Too many users have viewed"),
        "titled 'Google Drive - Quota exceeded'.*quota is used up.*--url=PATH",
    ),
    "redirect loop": (lambda h: h.reply(status=302, Location="/file.bin"), "more than 5 redirects"),
    "redirect to file": (
        lambda h: h.reply(status=302, Location="file:///etc/hostname"),
        "redirected to file:///etc/hostname, which pixace does not follow",
    ),
    "redirect to ftp": (lambda h: h.reply(status=301, Location="ftp://x/y"), "does not follow"),
    "redirect with backslash": (
        lambda h: h.reply(status=301, Location="http://a\\@b/"),
        "does not follow",
    ),
    "redirect to a broken address": (
        lambda h: h.reply(status=301, Location="http://[::bad/"),
        "does not follow",
    ),
    "redirect with an endless body": (
        then(
            lambda h: h.reply(b"x", 302, length=10**15, Location="ftp://x/"),
            lambda h: time.sleep(2),
        ),
        "redirected to ftp://x/",
    ),
    "redirect to nowhere": (lambda h: h.reply(status=302), "redirected to nowhere"),
    "endless": (
        lambda h: send_chunked(h, FILE * 4),
        "larger than the limit of 1000000 bytes",
    ),
    "announced too large": (lambda h: h.reply(b"x", length=10**15), "larger than the limit"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_the_file_is_refused(server: Server, target: Path, name: str) -> None:
    server.play, words = REFUSED[name]
    assert_refused(server, target, words, max_bytes=1_000_000)


def test_wrong_bytes_are_refused_by_their_sha256(server: Server, target: Path) -> None:
    server.play = lambda h: h.reply(FILE[:-1] + b"x")
    url = f"{server.url}/f"
    with pytest.raises(DownloadError, match=f"SHA-256 [0-9a-f]{{64}}, expected {SHA}"):
        fetch(url, target, sha256=SHA, limits=FAST)
    assert os.listdir(target.parent) == []


def test_a_length_shorter_than_the_file_is_caught_by_the_sha256(
    server: Server, target: Path
) -> None:
    server.play = lambda h: h.reply(FILE, length=CUT)
    with pytest.raises(DownloadError, match="expected"):
        fetch(f"{server.url}/f", target, sha256=SHA, limits=FAST)
    assert os.listdir(target.parent) == []


def test_the_magic_is_checked_before_the_rest_is_fetched(server: Server, target: Path) -> None:
    sent = []

    def play(h: Handler) -> None:
        h.reply(b"PK\3\4" + bytes(2000), length=10**9)
        with contextlib.suppress(OSError):
            for _ in range(1000):
                h.wfile.write(bytes(100_000))
                sent.append(1)

    server.play = play
    message = assert_refused(server, target, "not a file of the expected kind", magic=b"\x1f\x8b")
    assert "PK" in message and len(sent) < 1000


def test_the_check_can_refuse_and_its_error_comes_through(server: Server, target: Path) -> None:
    def refuse(path: Path) -> None:
        assert path.read_bytes() == FILE
        raise UsageError("not this one")

    with pytest.raises(UsageError, match="not this one"):
        fetch(f"{server.url}/f", target, check=refuse, limits=FAST)
    assert os.listdir(target.parent) == []


def test_gzip_encoding_is_never_decoded(server: Server, target: Path) -> None:
    server.play = lambda h: h.reply(FILE, Content_Encoding="gzip")
    fetch(f"{server.url}/f", target, sha256=SHA, limits=FAST)
    assert_installed(target)


@pytest.mark.parametrize(
    "url",
    ["", "file.bin", "file:///etc/hostname", "ftp://x/y", "http://", "http:///f", "http://[::1/",
     "http://a b/", "http://a\\b/", "http://a/\n", "http://x:99999/", "http://x:0/",
     "javascript:alert(1)"],
)  # fmt: skip
def test_addresses_that_cannot_be_used(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="not an address") as caught:
        fetch(url, tmp_path / "f", limits=FAST)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_sha256_must_look_like_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        fetch("http://127.0.0.1/f", tmp_path / "f", sha256="abc")


# --- time ------------------------------------------------------------------------------------


def drip(handler: Handler, body: bytes, seconds: float) -> None:
    for i in range(len(body)):
        handler.wfile.write(body[i : i + 1])
        time.sleep(seconds)


def send_header_only(handler: Handler, body: bytes = b"") -> None:
    handler.reply(body, length=len(FILE), ETag='"v1"')


SLOW: dict[str, tuple[Play, str]] = {
    "never answers": (lambda h: time.sleep(3), "does not answer in time|no complete answer"),
    "headers drip": (
        lambda h: drip(h, b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 60, 0.05),
        "no complete answer within 1 s",
    ),
    "stops in the body": (
        then(lambda h: send_header_only(h, FILE[:CUT]), lambda h: time.sleep(2)),
        "nothing came for 0.4 s",
    ),
    "body drips": (
        then(lambda h: send_header_only(h, FILE[:CUT]), lambda h: drip(h, FILE[CUT:], 0.02)),
        "only [0-9]+ bytes a second came",
    ),
    "size of a chunk drips": (
        then(lambda h: send_chunked(h, FILE[:CUT], end=False), lambda h: drip(h, b"0" * 200, 0.02)),
        "nothing came for 0.4 s",
    ),
    "end of the chunks drips": (
        then(
            lambda h: send_chunked(h, FILE[:CUT], end=False),
            lambda h: drip(h, b"0\r\n" + b"X-A: b\r\n" * 25, 0.02),
        ),
        "nothing came for 0.4 s",
    ),
    "beginning drips": (
        then(send_header_only, lambda h: drip(h, FILE, 0.02)),
        "only [0-9]+ bytes a second came",
    ),
}


@pytest.mark.parametrize("name", SLOW)
def test_slow_servers_do_not_hold_us(server: Server, target: Path, name: str) -> None:
    server.play, words = SLOW[name]
    limits = Limits(**{**vars(FAST), "attempts": 1})
    start = time.monotonic()
    assert_refused(server, target, words, limits)
    assert time.monotonic() - start < 3


def test_a_slow_reader_is_not_a_slow_server(server: Server) -> None:
    """Nobody hangs up on a chunked body while its receiver is busy with what has come."""
    server.play = lambda h: send_chunked(h, FILE)
    with new_session() as session:
        answer = ask(session, f"{server.url}/f", {}, FAST, time.monotonic() + 60)
        body = b""
        for piece in answer.body():
            if not body:
                time.sleep(2 * FAST.idle_seconds)
            body += piece
    assert body == FILE


def test_slow_progress_does_not_count_as_progress(server: Server, target: Path) -> None:
    def play(h: Handler) -> None:
        start = h.start() or 0
        h.reply(b"", 206 if start else 200, length=len(FILE) - start, ETag='"v1"',
                Content_Range=f"bytes {start}-{len(FILE) - 1}/{len(FILE)}")  # fmt: skip
        h.wfile.write(FILE[start : start + 1000])
        drip(h, FILE[start + 1000 :], 0.01)

    server.play = play
    limits = Limits(**{**vars(FAST), "rate_window_seconds": 0.2, "min_rate": 20_000})
    assert_refused(server, target, "bytes a second came, 3 times in a row", limits)
    assert len(server.asked) == 3


def test_the_whole_download_has_a_time_limit(server: Server, target: Path) -> None:
    def play(h: Handler) -> None:
        send_header_only(h)
        for i in range(0, len(FILE), 1000):
            h.wfile.write(FILE[i : i + 1000])
            time.sleep(0.02)

    server.play = play
    limits = Limits(**{**vars(FAST), "total_seconds": 0.5})
    assert_refused(server, target, "not finished within the time limit", limits)


# --- resume ----------------------------------------------------------------------------------


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


def test_resume_continues(server: Server, target: Path) -> None:
    leave_partial(server, target)
    server.play = lambda h: h.rest(FILE, h.start() or 0)
    told: list[tuple[int, int | None]] = []
    fetch(f"{server.url}/f", target, limits=FAST, progress=lambda *a: told.append(a))
    assert_installed(target)
    assert server.ranges() == [f"bytes={CUT}-"]
    assert server.asked[0][1]["If-Range"] == '"v1"'
    assert told[0] == (CUT, len(FILE))


def test_resume_by_date(server: Server, target: Path) -> None:
    date = "Mon, 21 Dec 2020 10:00:00 GMT"
    leave_partial(server, target, ETag='W/"weak"', Last_Modified=date)
    server.play = lambda h: h.rest(FILE, h.start() or 0, Last_Modified=date)
    fetch(f"{server.url}/f", target, limits=FAST)
    assert_installed(target)
    assert server.asked[0][1]["If-Range"] == date


def span(start: int, end: int, total: int | str = len(FILE)) -> dict[str, Any]:
    return {"Content_Range": f"bytes {start}-{end}/{total}", "ETag": '"v1"'}


END = len(FILE) - 1
BAD_RANGES: dict[str, Play] = {
    "wrong start": lambda h: h.reply(FILE[5:], 206, **span(5, END)),
    "wrong start, right length": lambda h: h.reply(
        FILE[CUT - 5 : -5], 206, **span(CUT - 5, END - 5)
    ),
    "shorter total": lambda h: h.reply(FILE[CUT:-50], 206, **span(CUT, END - 50, END - 49)),
    "whole body": lambda h: h.reply(FILE, 206, **span(0, END)),
    "whole body, range lies": lambda h: h.reply(FILE, 206, **span(CUT, END)),
    "chunked whole body, range lies": then(
        lambda h: h.reply(length=None, status=206, Transfer_Encoding="chunked", **span(CUT, END)),
        lambda h: h.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(FILE), FILE)),
    ),
    "no Content-Range": lambda h: h.reply(FILE[CUT:], 206, ETag='"v1"'),
    "nonsense Content-Range": lambda h: h.reply(FILE[CUT:], 206, Content_Range="bytes lots"),
    "other total": lambda h: h.reply(FILE[CUT:], 206, **span(CUT, END, END + 9)),
    "end beyond total": lambda h: h.reply(FILE[CUT:], 206, **span(CUT, END + 5)),
    "changed etag": lambda h: h.rest(other(), CUT, ETag='"v2"'),
    "no etag": lambda h: h.reply(other()[CUT:], 206, Content_Range=f"bytes {CUT}-{END}/{END + 1}"),
    "multipart": lambda h: h.reply(b"--x", 206, Content_Type="multipart/byteranges; boundary=x"),
    "200 instead": lambda h: h.reply(FILE, ETag='"v2"'),
    "416": lambda h: h.reply(b"", 416, Content_Range="bytes */7"),
}


@pytest.mark.parametrize("name", BAD_RANGES)
def test_resume_is_right_or_restarted(server: Server, target: Path, name: str) -> None:
    leave_partial(server, target)
    server.play = first_range_then_all(BAD_RANGES[name])
    assert fetch(f"{server.url}/f", target, limits=FAST) == SHA
    assert_installed(target)
    assert server.ranges()[0] == f"bytes={CUT}-"


def test_short_ranges_are_continued(server: Server, target: Path) -> None:
    leave_partial(server, target)

    def play(h: Handler) -> None:
        start = h.start() or 0
        end = min(start + 70_000, len(FILE)) - 1
        h.reply(FILE[start : end + 1], 206, **span(start, end))

    server.play = play
    fetch(f"{server.url}/f", target, limits=FAST)
    assert_installed(target)
    assert len(server.asked) == 3


def test_a_splice_of_two_versions_is_found_and_fetched_anew(server: Server, target: Path) -> None:
    leave_partial(server, target)
    # The same ETag for other bytes: only the SHA-256 can tell.
    server.play = first_range_then_all(lambda h: h.rest(other(), CUT))
    assert fetch(f"{server.url}/f", target, sha256=SHA, limits=FAST) == SHA
    assert_installed(target)
    assert server.ranges() == [f"bytes={CUT}-", None]


def test_a_splice_that_the_check_refuses_is_fetched_anew(server: Server, target: Path) -> None:
    leave_partial(server, target)
    server.play = first_range_then_all(lambda h: h.rest(other(), CUT))

    def check(path: Path) -> None:
        if path.read_bytes() != FILE:
            raise DownloadError("not this one")

    fetch(f"{server.url}/f", target, check=check, limits=FAST)
    assert_installed(target)


def test_without_validator_only_a_sha256_allows_resuming(server: Server, target: Path) -> None:
    leave_partial(server, target, ETag="")
    server.play = lambda h: h.reply(FILE) if h.start() is None else h.rest(FILE, h.start() or 0)
    assert fetch(f"{server.url}/f", target, limits=FAST) == SHA
    assert server.ranges() == [None]
    target.unlink()
    leave_partial(server, target, ETag="")
    server.play = lambda h: h.rest(FILE, h.start() or 0, ETag="")
    fetch(f"{server.url}/f", target, sha256=SHA, limits=FAST)
    assert server.ranges() == [f"bytes={CUT}-"]
    assert_installed(target)


@pytest.mark.parametrize("damage", ["oversized", "other url", "no record", "nonsense record"])
def test_a_partial_file_that_cannot_be_right_is_dropped(
    server: Server, target: Path, damage: str
) -> None:
    leave_partial(server, target)
    partial, url = Partial(target), f"{server.url}/f"
    record = target.with_name(".file.bin.part.json")
    if damage == "oversized":
        partial.path.write_bytes(FILE + b"more")
    elif damage == "other url":
        url = f"{server.url}/another"
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text('{"url": 5, "etag": [], "last_modified": 1, "total": "x"}')
    server.play = lambda h: h.reply(FILE)
    fetch(url, target, limits=FAST)
    assert server.ranges() == [None]
    assert_installed(target)


def test_killed_between_the_last_byte_and_the_name(server: Server, target: Path) -> None:
    leave_partial(server, target)
    Partial(target).path.write_bytes(FILE)
    fetch(f"{server.url}/f", target, limits=FAST)
    assert_installed(target)
    assert server.asked == []


def test_cut_fifty_times(server: Server, target: Path) -> None:
    step = len(FILE) // 50

    def play(h: Handler) -> None:
        start = h.start() or 0
        status = 206 if start else 200
        h.reply(FILE[start : start + step], status, length=len(FILE) - start, **span(start, END))

    server.play = play
    limits = Limits(**{**vars(FAST), "first_wait_seconds": 0.001})
    assert fetch(f"{server.url}/f", target, limits=limits) == SHA
    assert len(server.asked) >= 50
    assert_installed(target)


def test_the_message_promises_to_go_on_only_where_it_can(server: Server, target: Path) -> None:
    server.play = lambda h: h.cut()
    assert_refused(server, target, "it goes on where it stopped$")
    server.play = lambda h: h.cut(ETag="")
    assert_refused(server, target, "the same command again$")


def test_a_planted_link_is_not_followed(server: Server, target: Path) -> None:
    target.parent.mkdir()
    victim = target.parent / "victim"
    victim.write_bytes(b"precious")
    Partial(target).path.symlink_to(victim)
    with pytest.raises(DownloadError, match="cannot write"):
        fetch(f"{server.url}/f", target, limits=FAST)
    assert victim.read_bytes() == b"precious"


# --- Google Drive ----------------------------------------------------------------------------

WARNING_PAGE = """<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head>
<body><p>is too large for Google to scan for viruses.</p>
<form id="search"><input type="hidden" name="id" value="wrong"></form>
<form id="download-form" action="{action}" method="{method}">
<input type="submit" id="uc-download-link" value="Download anyway"/>
<input type="hidden" name="id" value="FILE&amp;ID"><input type="hidden" name="export"
value="download"><input type="hidden" name="confirm" value="t">
<input type="hidden" name="uuid" value="u-1"></form></body></html>"""


@pytest.fixture
def drive_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(drive, "DRIVE_BASE", server.url)
    return server


def play_drive(server: Server, forms: int = 1, action: str = "", method: str = "get") -> Play:
    """Plays Drive: /uc redirects to /download, which asks for confirmation `forms` times."""

    def play(h: Handler) -> None:
        path, _, query = h.path.partition("?")
        seen = sum("confirm=t" in path for path, _headers in server.asked)
        if path == "/uc":
            h.reply(status=303, Location=f"/download?{query}", Set_Cookie="NID=7")
        elif seen < forms:
            page = WARNING_PAGE.format(action=action or f"{server.url}/download", method=method)
            h.reply(page.encode(), Content_Type="text/html; charset=utf-8")
        elif h.start() is not None:
            h.rest(FILE, h.start() or 0)
        else:
            h.reply(FILE, ETag='"v1"', Content_Disposition='attachment; filename="m.gz"')

    return play


def test_drives_confirm_form_is_followed(drive_server: Server, target: Path) -> None:
    drive_server.play = play_drive(drive_server)
    fetch(drive.drive_url("FILE&ID"), target, limits=FAST)
    assert_installed(target)
    paths = [path for path, _headers in drive_server.asked]
    assert paths[0] == "/uc?export=download&id=FILE%26ID"
    assert paths[-1] == "/download?id=FILE%26ID&export=download&confirm=t&uuid=u-1"
    assert drive_server.asked[-1][1]["Cookie"] == "NID=7"


def test_a_small_file_comes_without_form(drive_server: Server, target: Path) -> None:
    drive_server.play = play_drive(drive_server, forms=0)
    fetch(drive.drive_url("x"), target, limits=FAST)
    assert_installed(target)


def test_drive_downloads_resume_through_the_form(drive_server: Server, target: Path) -> None:
    def cut_at_the_end(h: Handler) -> None:
        h.cut() if "confirm=t" in h.path else play_drive(drive_server)(h)

    drive_server.play = cut_at_the_end
    with pytest.raises(DownloadError, match="it goes on where it stopped"):
        fetch(drive.drive_url("x"), target, limits=Limits(**{**vars(FAST), "attempts": 1}))
    drive_server.asked.clear()
    drive_server.play = play_drive(drive_server)
    assert fetch(drive.drive_url("x"), target, limits=FAST) == SHA
    assert drive_server.ranges()[-1] == f"bytes={CUT}-"


def test_three_forms_are_followed_and_no_more(drive_server: Server, target: Path) -> None:
    drive_server.play = play_drive(drive_server, forms=3)
    fetch(drive.drive_url("x"), target, limits=FAST)
    assert_installed(target)
    target.unlink()
    drive_server.asked.clear()
    drive_server.play = play_drive(drive_server, forms=99)
    with pytest.raises(DownloadError, match="confirmation more than 3 times .page titled 'Google"):
        fetch(drive.drive_url("x"), target, limits=FAST)
    assert not target.exists()


@pytest.mark.parametrize(
    ("action", "method"),
    [("http://127.0.0.1:9/download", "get"), ("file:///etc/hostname", "get"), ("", "post"),
     ("http://[bad/", "get"), ("https://drive.google.com@evil.example/", "get")],
)  # fmt: skip
def test_forms_that_lead_elsewhere_are_not_followed(
    drive_server: Server, target: Path, action: str, method: str
) -> None:
    drive_server.play = play_drive(drive_server, action=action, method=method)
    with pytest.raises(DownloadError, match="Virus scan warning.*not the one pixace knows"):
        fetch(drive.drive_url("x"), target, limits=FAST)
    assert len(drive_server.asked) == 2


def test_forms_of_other_sites_are_not_followed(server: Server, target: Path) -> None:
    page = WARNING_PAGE.format(action=f"{server.url}/download", method="get")
    server.play = lambda h: h.reply(page.encode(), Content_Type="text/html")
    assert_refused(server, target, "titled 'Google Drive - Virus scan warning'")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("title", "text", "words"),
    [
        ("Google Drive - Quota exceeded", "", "quota is used up.*24"),
        ("Sorry", "Too many users have viewed or downloaded this file recently.", "quota"),
        ("Google Drive: Sign-in", "", "not shared with everyone"),
        ("Google Drive - Access Denied", "Request access, or switch", "not shared with everyone"),
        ("Something new", "", "titled 'Something new'.*not the one pixace knows"),
    ],
)
def test_drives_refusals_come_with_status_200_and_are_named(
    drive_server: Server, target: Path, title: str, text: str, words: str
) -> None:
    drive_server.play = lambda h: h.page(title, text)
    with pytest.raises(DownloadError, match=words) as caught:
        fetch(drive.drive_url("x"), target, limits=FAST)
    assert title in str(caught.value) and not target.exists()


def test_which_addresses_are_drives() -> None:
    assert drive.is_drive("https://drive.usercontent.google.com/download?id=1")
    assert drive.is_drive("https://drive.google.com/uc?id=1")
    for url in (
        "http://drive.google.com/uc",
        "https://drive.google.com.evil.example/",
        "https://drive.google.com@evil.example/",
        "https://drive.google.com:444/",
        "https://example.org/drive.google.com/",
    ):
        assert not drive.is_drive(url), url


def test_sharing_links_become_downloads() -> None:
    wanted = drive.drive_url("AbC-1")
    assert drive.from_share_link("https://drive.google.com/file/d/AbC-1/view?usp=sharing") == wanted
    assert drive.from_share_link("https://drive.google.com/open?id=AbC-1") == wanted
    for url in ("https://drive.google.com/file/d/", "https://x.example/file/d/A/view"):
        assert drive.from_share_link(url) == url


def test_hostile_pages_are_read_in_bounded_time() -> None:
    """Some of them take `html.parser` the square of their length: only the first part is read."""
    late = b"<p>" + b" " * drive.PARSED_CHARACTERS + b"<title>late</title>"
    assert drive.read_page(late).title == ""
    start = time.process_time()
    for piece in (b"<!--", b"<![CDATA[", b"<script>", b"<a b=", b"<!x[", b"&#", b"<?", b"</"):
        drive.read_page(b"<title>x</title>" + piece * 60_000)
    assert time.process_time() - start < 10, "4 s, as a rule; all of it would take 20 minutes"


# --- processes, kills, disks -----------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from pixace.web.limits import Limits
from pixace.web.download import fetch
from pixace.errors import DownloadError
url, target, sha256, max_file = sys.argv[1:]
if int(max_file):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(max_file), int(max_file)))
try:
    print(fetch(url, Path(target), sha256=sha256 or None, limits=Limits(first_wait_seconds=0.01)))
except DownloadError as error:
    sys.exit(str(error))
"""


def start_child(
    url: str, target: Path, sha256: str = "", max_file: int = 0
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(target), sha256, str(max_file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def slowly(handler: Handler) -> None:
    """Serves the file with ranges, 10 kB every 5 ms."""
    start = handler.start() or 0
    status = 206 if start else 200
    handler.reply(b"", status, length=len(FILE) - start, **span(start, END))
    for i in range(start, len(FILE), 10_000):
        handler.wfile.write(FILE[i : i + 10_000])
        time.sleep(0.005)


def test_killed_in_the_middle_and_resumed(server: Server, target: Path) -> None:
    server.play = slowly
    partial = Partial(target)
    for wanted in (20_000, 100_000, 200_000):
        with start_child(f"{server.url}/f", target) as child:
            deadline = time.monotonic() + 20
            while partial.size() < wanted and time.monotonic() < deadline:
                time.sleep(0.001)
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
        assert not target.exists()
    had = partial.size()
    assert 200_000 <= had < len(FILE)
    assert fetch(f"{server.url}/f", target, limits=FAST) == SHA
    assert server.ranges()[-1] == f"bytes={had}-"
    assert_installed(target)


@pytest.mark.parametrize(("sha256", "downloads"), [(SHA, 1), ("", 4)])
def test_four_processes_at_once(server: Server, target: Path, sha256: str, downloads: int) -> None:
    server.play = slowly
    children = [start_child(f"{server.url}/f", target, sha256) for _ in range(4)]
    outputs = [child.communicate(timeout=40) for child in children]
    assert [out.strip() for out, _err in outputs] == [SHA] * 4, outputs
    assert len(server.asked) == downloads
    assert_installed(target)


def test_a_lock_that_is_held_is_waited_for_only_so_long(server: Server, target: Path) -> None:
    with locked(target.with_name(".file.bin.lock"), 1):
        limits = Limits(**{**vars(FAST), "total_seconds": 0.2})
        with pytest.raises(DownloadError, match="another process has been downloading"):
            fetch(f"{server.url}/f", target, limits=limits)
    fetch(f"{server.url}/f", target, limits=FAST)
    assert_installed(target)


def test_a_file_size_limit_is_reported_and_the_rest_resumed(server: Server, target: Path) -> None:
    server.play = slowly
    _out, error = start_child(f"{server.url}/f", target, max_file=150_000).communicate(timeout=20)
    assert re.fullmatch(r"cannot write .*: File too large; free some space .*\n", error), error
    assert Partial(target).size() == 150_000
    assert fetch(f"{server.url}/f", target, limits=FAST) == SHA
    assert server.ranges() == [None, "bytes=150000-"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_what_arrived(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    server.play = slowly
    real = attempt.write_all

    def full(file: io.RawIOBase, data: bytes) -> None:
        if file.tell() > 50_000:
            raise OSError(code, os.strerror(code))
        real(file, data)  # type: ignore[arg-type]

    monkeypatch.setattr(attempt, "write_all", full)
    with pytest.raises(DownloadError, match="free some space and run the same command again"):
        fetch(f"{server.url}/f", target, limits=FAST)
    monkeypatch.undo()
    assert not target.exists() and Partial(target).size() > 50_000
    assert fetch(f"{server.url}/f", target, limits=FAST) == SHA


def test_a_read_only_folder(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.parent.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # root may write anywhere
    try:
        with pytest.raises(DownloadError, match="Permission denied; choose a folder that you may"):
            fetch(f"{server.url}/f", target, limits=FAST)
    finally:
        if root:
            os.seteuid(0)
        target.parent.chmod(0o755)
    assert server.asked == [] and os.listdir(target.parent) == []


def test_impossible_names(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="File name too long; choose a shorter name") as caught:
        fetch(f"{server.url}/f", tmp_path / ("n" * 300), limits=FAST)
    assert len(str(caught.value)) < 300
    with pytest.raises(DownloadError, match="is a folder, expected the name of a file"):
        fetch(f"{server.url}/f", tmp_path, limits=FAST)
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot write"):
        fetch(f"{server.url}/f", tmp_path / "file" / "f", limits=FAST)


# --- files of this machine -------------------------------------------------------------------


def test_a_local_file_is_copied_and_verified(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(FILE)
    told: list[tuple[int, int | None]] = []
    assert install_file(source, target, sha256=SHA, progress=lambda *a: told.append(a)) == SHA
    assert_installed(target)
    assert source.read_bytes() == FILE and told[-1] == (len(FILE), len(FILE))


def test_local_files_that_are_refused(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source"
    os.mkfifo(tmp_path / "fifo")
    cases = [
        (tmp_path / "missing", {}, "No such file"),
        (tmp_path, {}, "not an ordinary file"),
        (tmp_path / "fifo", {}, "not an ordinary file"),
        (Path("/dev/zero"), {}, "not an ordinary file"),
        (Path("nul\0byte"), {}, "cannot be read"),
        (source, {"sha256": "0" * 64}, "expected 000"),
        (source, {"max_bytes": 5}, "larger than the limit"),
        (source, {"magic": b"\x1f\x8b"}, "not a file of the expected kind"),
    ]
    source.write_bytes(FILE)
    for path, options, words in cases:
        with pytest.raises(DownloadError, match=words):
            install_file(path, target, **options)  # type: ignore[arg-type]
        assert os.listdir(target.parent) == []
    source.write_bytes(b"")
    with pytest.raises(DownloadError, match="empty"):
        install_file(source, target)


def test_a_file_is_not_installed_over_itself(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(FILE)
    with pytest.raises(DownloadError, match="is the installed file itself"):
        install_file(path, path)
    assert path.read_bytes() == FILE


# --- records and progress --------------------------------------------------------------------


def test_the_record_is_plain_json(server: Server, target: Path) -> None:
    leave_partial(server, target)
    text = target.with_name(".file.bin.part.json").read_text()
    assert json.loads(text) == {
        "url": f"{server.url}/f", "etag": '"v1"', "last_modified": None, "total": len(FILE),
    }  # fmt: skip
    assert Record.of("u", {"ETag": 'W/"1"'}, None).validator is None
