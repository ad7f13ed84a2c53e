"""Fetching a prompt from the web, from servers that nobody has reason to trust."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from pixace import __version__
from pixace.errors import DownloadError, ImageError
from pixace.web.addresses import is_public
from pixace.web.answer import Answer, RetryableError
from pixace.web.guard import Guard, guarded_session, too_much
from pixace.web.limits import Limits
from pixace.web.request import ask
from pixace.wording import printable, shown_url

MAX_BYTES = 20_000_000
LIMITS = Limits(
    connect_seconds=5,
    idle_seconds=10,
    answer_seconds=20,
    min_rate=0,  # 20 s in all are strict enough
    total_seconds=20,
    redirects=3,
)
_HEADERS = {
    "Accept": "image/*",
    # Compressed, a few kilobytes could become gigabytes; and images hardly get smaller.
    "Accept-Encoding": "identity",
    "User-Agent": f"pixace/{__version__}",
}


class FetchedFile(NamedTuple):
    """What a server sent.

    Attributes:
      body: the bytes, all of them.
      kind: the media type that the server gives it, or "".
    """

    body: bytes
    kind: str


def fetch(
    url: str,
    *,
    allowed: Callable[[str], bool] = is_public,
    limits: Limits = LIMITS,
    max_bytes: int = MAX_BYTES,
) -> FetchedFile:
    """Fetches what should be an image, bounded in bytes, time and redirects.

    Args:
      url: http or https, without user name and password.
      allowed: says whether an address (IPv4 or IPv6, as text) may be connected to.
      limits: the time it may take, with name look-up and redirects, and how many of these.
      max_bytes: what may come over the wire.

    Raises:
      ImageError: anything but a complete answer with status 200 that is no web page; the message
        names the URL.
    """
    guard = Guard(allowed, limits, max_bytes)
    try:
        with guarded_session(guard) as session:
            answer = ask(session, url, _HEADERS, limits, guard.deadline)
            with contextlib.closing(answer):
                return _received(answer, max_bytes)
    except (DownloadError, RetryableError) as error:
        name = f"{shown_url(url)}: "
        raise ImageError(name + str(error).removeprefix(name)) from None


def _received(answer: Answer, max_bytes: int) -> FetchedFile:
    """Reads an answer that has come so far as its headers."""
    if answer.status != 200:
        raise DownloadError(f"the server answered {answer.status} {answer.reason}".rstrip())
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise DownloadError(f"the server sent it in {encoding[:40]!r} encoding though asked not to")
    if (answer.content_length() or 0) > max_bytes:
        raise too_much(max_bytes)
    if answer.is_page():
        title = answer.page().title
        page = f"a web page titled {title!r}" if title else "a web page"
        raise DownloadError(f"{page} came, not an image; give the address of the image itself")
    body = b"".join(answer.body())
    if not body:
        raise DownloadError("the server sent nothing")
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return FetchedFile(body, printable(kind, 60))
