"""A body has to come at some pace, and comes as it is: servers that drip, stall and compress."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pixace.web.download import fetch
from pixace.web.limits import Limits
from pixace.web.request import ask, new_session
from tests.tools.download_server import (
    CUT,
    FAST,
    FILE,
    SHA,
    Handler,
    Play,
    Server,
    assert_installed,
    assert_refused,
    drip,
    send_chunked,
    then,
)

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_chunked_without_length(server: Server, target: Path) -> None:
    server.play = lambda h: send_chunked(h, FILE)
    fetch(f"{server.url}/f", target, limits=FAST)
    assert_installed(target)


def test_gzip_encoding_is_never_decoded(server: Server, target: Path) -> None:
    server.play = lambda h: h.reply(FILE, Content_Encoding="gzip")
    fetch(f"{server.url}/f", target, sha256=SHA, limits=FAST)
    assert_installed(target)


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
    assert_refused(server, target, words, limits)


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
