"""One attempt, or the rest of one: servers on 127.0.0.1 that lie, cut, and change the file."""

from __future__ import annotations

import contextlib
import gzip
import time
from pathlib import Path

import pytest

from pixace.web.download import fetch
from tests.tools.download_server import (
    CUT,
    END,
    FAST,
    FILE,
    SHA,
    Handler,
    Play,
    Server,
    assert_installed,
    assert_refused,
    first_range_then_all,
    leave_partial,
    other,
    send_chunked,
    span,
    then,
)

pytestmark = pytest.mark.usefixtures("no_proxy")


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
