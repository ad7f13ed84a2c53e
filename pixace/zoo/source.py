"""Where a model comes from: an address of the web, or a path on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pixace.errors import UsageError
from pixace.settings.paths import local_path
from pixace.web import drive
from pixace.wording import quoted, shown_url


def source_of(url: str, flag: str = "url") -> str | Path:
    """Tells an address from a path, turns a file:// address into a path, and knows Drive's links.

    Args:
      url: what a user typed.
      flag: which asked for it.

    Returns:
      An http or https address as a string, anything else as a path.

    Raises:
      UsageError: it is neither an address of these kinds nor a path.
    """
    if not isinstance(url, str) or not url or "\0" in url:
        raise UsageError(f"{flag} must be an address or a path, not {quoted(url)}")
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", url):
        return Path(local_path(flag, url))
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(f"{flag} is not an address: {shown_url(url)}") from None
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(url2pathname(parts.path))
    if parts.scheme not in ("http", "https"):
        raise UsageError(
            f"{flag} must begin with http://, https:// or file:///, or be a path, not "
            f"{shown_url(url)}"
        )
    return drive.from_share_link(url)
