"""A server's answer: its headers, and a body that is watched as it comes.

The time-outs of `requests` are per read: a byte a second outlives them, and so does what frames the
pieces of a chunked body. And it decompresses what a server chose to compress. Here a body has to
come at some pace, and comes as it is.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pixace.errors import DownloadError
from pixace.web import drive
from pixace.web.limits import Limits
from pixace.wording import first_cause, printable, shown_url

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 18
_PEEKED_BYTES = 512
_PAGE_BYTES = 256 * 1024
_PAGE_BEGINNINGS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<title")


class RetryableError(Exception):
    """A failure that may pass: another attempt is worthwhile.

    Attributes:
      slow: whether bytes came too slowly; then new bytes are no reason to start counting anew.
      retry_after: seconds that the server asked to wait.
    """

    def __init__(self, message: str, *, slow: bool = False, retry_after: float = 0) -> None:
        super().__init__(message)
        self.slow = slow
        self.retry_after = retry_after


class Answer:
    """A server's answer: status, headers, and a body that is read as it comes.

    Args:
      response: the open response of `requests`.
      limits: how slowly the body may come.
      deadline: value of `time.monotonic()` at which everything has to be over.
    """

    def __init__(self, response: requests.Response, limits: Limits, deadline: float) -> None:
        self.status = response.status_code
        self.reason = printable(response.reason or "", 60)
        self.headers: Mapping[str, str] = response.headers
        self.url = response.url
        self._response = response
        self._rest = _pieces(response, limits, deadline)
        self._head: bytes | None = None

    def head(self) -> bytes:
        """Returns the first bytes of the body without consuming them."""
        if self._head is None:
            self._head = b""
            while len(self._head) < _PEEKED_BYTES and (piece := next(self._rest, b"")):
                self._head += piece
        return self._head

    def body(self) -> Iterator[bytes]:
        """Yields the body piece by piece.

        Raises:
          RetryableError: it was cut, or comes too slowly.
          DownloadError: the deadline is over.
        """
        head = self.head()
        if head:
            yield head
        yield from self._rest

    def is_page(self) -> bool:
        """Returns whether the body is a web page, whatever the server calls it."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            return True
        # The middle of a file may look like anything; only a beginning can be recognised.
        beginning = self.head() if self.status != 206 else b""
        return beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGE_BEGINNINGS)

    def page(self) -> drive.Page:
        """Reads the body as a web page, as far as it comes."""
        body = b""
        try:
            for piece in self.body():
                body += piece
                if len(body) >= _PAGE_BYTES:
                    break
        except RetryableError:
            body = body or self._head or b""  # the title comes first: half a page names itself
        return drive.read_page(body)

    def content_length(self) -> int | None:
        """Returns the announced size of the body, or None where there is none to rely on."""
        text = self.headers.get("Content-Length", "").strip()
        if self.chunked() or not (text.isascii() and text.isdigit()) or len(text) > 18:
            return None
        return int(text)

    def chunked(self) -> bool:
        """Returns whether the body ends with a mark of its own."""
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    def close(self) -> None:
        """Hangs up; what has not been read is lost."""
        self._response.close()


class _Watch:
    """Hangs up where the next piece of a chunked body takes too long.

    What frames the pieces of such a body, their sizes and what follows the last of them, can drip
    for ever: each byte is in time for the socket, and none is one of the body.

    Args:
      response: the open response.
      seconds: how long a piece may take.

    Attributes:
      reading_since: value of `time.monotonic()`; None while nothing is read.
      hung_up: whether it has hung up.
    """

    def __init__(self, response: requests.Response, seconds: float) -> None:
        self.reading_since: float | None = None
        self.hung_up = False
        self._ended = threading.Event()
        if response.raw.chunked and not response.raw.closed:
            # A descriptor of its own: the other's number may be used anew by the time that this is.
            connection = socket.socket(fileno=os.dup(response.raw.fileno()))
            arguments = (connection, seconds)
            threading.Thread(target=self._work, args=arguments, daemon=True).start()

    def _work(self, connection: socket.socket, seconds: float) -> None:
        with connection:
            while not self._ended.wait(seconds / 8):
                since = self.reading_since
                if since is not None and time.monotonic() - since > seconds:
                    self.hung_up = True
                    with contextlib.suppress(OSError):  # it is closed already
                        connection.shutdown(socket.SHUT_RDWR)
                    return

    def end(self) -> None:
        """Ends the watch."""
        self._ended.set()


def _pieces(response: requests.Response, limits: Limits, deadline: float) -> Iterator[bytes]:
    """Yields a body as it comes, never decompressed, and watches its pace."""
    watch = _Watch(response, limits.idle_seconds)
    window_start, window_bytes = time.monotonic(), 0
    try:
        while piece := _next_piece(response, limits, watch):
            yield piece
            now = time.monotonic()
            if now > deadline:
                raise DownloadError(
                    f"{shown_url(response.url)}: not finished within the time limit; run the same "
                    "command again"
                )
            window_bytes += len(piece)
            if (seconds := now - window_start) >= limits.rate_window_seconds:
                if window_bytes < limits.min_rate * seconds:
                    rate = window_bytes / seconds
                    raise RetryableError(f"only {rate:.0f} bytes a second came", slow=True)
                window_start, window_bytes = now, 0
    finally:
        watch.end()


def _next_piece(response: requests.Response, limits: Limits, watch: _Watch) -> bytes:
    """Returns what has come of a body; nothing at its end.

    Raises:
      RetryableError: it was cut, or nothing came for some time.
    """
    import urllib3

    late, cut = False, ""
    watch.reading_since = time.monotonic()
    try:
        # read1 returns with what is there; read(n) would wait for n bytes, however slow.
        piece: bytes = response.raw.read1(_CHUNK, decode_content=False)
    except urllib3.exceptions.ReadTimeoutError:
        late = True
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        cut = first_cause(error)
    watch.reading_since = None
    if late or watch.hung_up:
        raise RetryableError(f"nothing came for {limits.idle_seconds:g} s")
    if cut:
        raise RetryableError(f"the connection was cut ({cut})")
    return piece
