"""What a download keeps to: patience, addresses, sizes, kinds of files."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import urlsplit

from pixace.errors import DownloadError, UsageError
from pixace.wording import shown_url


@dataclasses.dataclass(frozen=True)
class Limits:
    """How patient a download is.

    Attributes:
      connect_seconds: to reach the server.
      idle_seconds: between two pieces of an answer.
      answer_seconds: from asking until all headers are there; also covers the look-up of a name.
      min_rate: bytes per second, on average over each `rate_window_seconds`.
      rate_window_seconds: see `min_rate`.
      total_seconds: for the whole file with all its attempts, and for another process that
        downloads the same file.
      attempts: in a row without a new byte.
      first_wait_seconds: before the second attempt; doubles with each.
      max_wait_seconds: what that doubling, and a server's Retry-After, may reach.
      redirects: hops from address to address.
    """

    connect_seconds: float = 10
    idle_seconds: float = 30
    answer_seconds: float = 60
    min_rate: float = 1024
    rate_window_seconds: float = 30
    total_seconds: float = 6 * 3600
    attempts: int = 5
    first_wait_seconds: float = 1
    max_wait_seconds: float = 60
    redirects: int = 5


DEFAULT_LIMITS = Limits()


def check_url(url: str) -> None:
    """Checks that an address is one that may be asked.

    Raises:
      DownloadError: not http or https, no host, or characters that parsers disagree about.
    """
    fault = _fault(url)
    if fault is not None:
        raise DownloadError(f"{shown_url(url)}: not an address pixace can fetch from; {fault}")


def _fault(url: str) -> str | None:
    """Returns what is wrong with an address, None where nothing is."""
    if " " in url:
        return "it holds a space, for which an address has %20"
    if "\\" in url or any(c < " " or c == "\x7f" for c in url):
        return "it holds a character that no address has"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "its host is none"
    if parts.scheme not in ("http", "https"):
        return "expected http://... or https://..."
    if not parts.hostname:
        return "it names no host"
    try:
        return "its port must be from 1 to 65535" if parts.port == 0 else None
    except ValueError:
        return "its port must be from 1 to 65535"


def check_size(name: str, size: int, max_bytes: int) -> None:
    """Refuses a file that is empty or larger than `max_bytes`.

    Raises:
      DownloadError: it is.
    """
    if size == 0:
        raise DownloadError(f"{name}: the file is empty; check the address")
    if size > max_bytes:
        raise DownloadError(
            f"{name}: larger than the limit of {max_bytes} bytes; check that it is the right file"
        )


def check_magic(name: str, head: bytes, magic: bytes) -> None:
    """Refuses a file whose first bytes `head` are not `magic`; no bytes at all are not judged.

    Raises:
      DownloadError: they are others.
    """
    if head and not head.startswith(magic):
        raise DownloadError(
            f"{name}: not a file of the expected kind: it begins with {head[:8]!r}, expected "
            f"{magic!r}; check that it is the right file"
        )


def normal_sha256(sha256: str | None) -> str | None:
    """Returns a SHA-256 in lower case.

    Raises:
      UsageError: it is not 64 hexadecimal digits.
    """
    if sha256 is None:
        return None
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UsageError(f"sha256 must be 64 hexadecimal digits, not {sha256!r}")
    return sha256.lower()
