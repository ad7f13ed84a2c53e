"""Google Drive's pages: what they say, and where their confirm form leads.

Drive answers a request for a large file with a page ("can't scan this file for viruses") that
holds a form, `#download-form`. Its hidden fields, sent to the form's address, give the file. The
cookie of before 2022 and a bare `confirm=t` no longer do. Pages that refuse (quota, sign-in) come
with status 200 as well, so a page must be read to know what it is.
"""

from __future__ import annotations

import dataclasses
import html.parser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from pixace.wording import printable

# Where downloads start. Tests point it at a server on 127.0.0.1.
DRIVE_BASE = "https://drive.google.com"
DRIVE_HOSTS = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com")
MAX_FORMS = 3
# Drive's pages have 3 KB. Some Pythons' parsers take quadratic time on hostile pages (10 s for
# 64 KB), so only the beginning of a page is ever parsed.
PARSED_CHARACTERS = 16 * 1024
_TITLE_CHARACTERS = 120


@dataclasses.dataclass(frozen=True)
class Page:
    """What matters of a web page that came where a file was expected.

    Attributes:
      title: its <title> on one line, or "".
      text: all its text, without the tags.
      action: address of the confirm form, or None where the page has none.
      fields: names and values of the form's hidden fields.
    """

    title: str
    text: str
    action: str | None
    fields: dict[str, str]


class _Reader(html.parser.HTMLParser):
    """Collects title, text and the confirm form of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.text: list[str] = []
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._in_title = False
        self._in_form = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "title":
            self._in_title = True
        elif tag == "form" and self.action is None:
            self._in_form = values.get("id") == "download-form"
            # The fields travel in the address, so a form that posts is not one we know.
            if self._in_form and (values.get("method") or "get").lower() == "get":
                self.action = values.get("action") or ""
        elif tag == "input" and self._in_form and values.get("type") == "hidden":
            if name := values.get("name"):
                self.fields[name] = values.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag == "form":
            self._in_form = False

    def handle_data(self, data: str) -> None:
        (self.title if self._in_title else self.text).append(data)


def drive_url(file_id: str, base: str | None = None) -> str:
    """Returns the address from which the download of a shared file starts.

    Args:
      file_id: the identifier in the file's sharing link.
      base: scheme and host to ask; `DRIVE_BASE` unless given.

    >>> drive_url("abc")
    'https://drive.google.com/uc?export=download&id=abc'
    """
    return f"{base or DRIVE_BASE}/uc?{urlencode({'export': 'download', 'id': file_id})}"


def is_drive(url: str) -> bool:
    """Returns whether an address belongs to Google Drive, so that its forms may be followed."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.netloc.lower() in DRIVE_HOSTS:
        return True
    base = urlsplit(DRIVE_BASE)
    return (parts.scheme, parts.netloc) == (base.scheme, base.netloc)


def from_share_link(url: str) -> str:
    """Turns a sharing link of Drive (`/file/d/ID/view`, `/open?id=ID`) into a download address.

    Returns:
      The download address, or `url` unchanged where it is not such a link.
    """
    if not is_drive(url):
        return url
    parts = urlsplit(url)
    words = parts.path.split("/")
    if words[1:3] == ["file", "d"] and len(words) > 3 and words[3]:
        return drive_url(words[3])
    if parts.path in ("/open", "/uc"):
        file_id = dict(parse_qsl(parts.query)).get("id")
        return drive_url(file_id) if file_id else url
    return url


def read_page(body: bytes) -> Page:
    """Reads a web page; whatever it is made of, this returns."""
    reader = _Reader()
    try:
        reader.feed(body.decode("utf-8", "replace")[:PARSED_CHARACTERS])
        reader.close()
    except (AssertionError, ValueError):
        # html.parser raises these on some malformed declarations; what was read so far will do.
        pass
    return Page(
        title=_joined("".join(reader.title))[:_TITLE_CHARACTERS],
        text=_joined(" ".join(reader.text)),
        action=reader.action,
        fields=reader.fields,
    )


def confirm_url(page: Page, page_url: str) -> str | None:
    """Returns where the page's confirm form leads.

    Returns:
      The address with the hidden fields; None where the page is not Drive's, has no form, or has
      one that leads away from Drive.
    """
    if page.action is None or not is_drive(page_url):
        return None
    try:
        target = urlsplit(urljoin(page_url, page.action))
        query = urlencode({**dict(parse_qsl(target.query)), **page.fields})
        url = target._replace(query=query, fragment="").geturl()
        return url if is_drive(url) else None
    except ValueError:
        return None


def explain(page: Page, page_url: str) -> str:
    """Says in a phrase what a page means and what to do about it."""
    title = f"titled {page.title!r}" if page.title else "without a title"
    said = f"{page.title} {page.text}".lower()
    if "quota exceeded" in said or "too many users have viewed or downloaded" in said:
        return (
            f"a web page {title} came instead of the file: its download quota is used up for now; "
            "try again in some hours (it can take 24), or fetch it with a browser and install it "
            "with --url=PATH"
        )
    if "sign in" in said or "sign-in" in said or "request access" in said:
        return (
            f"a web page {title} came instead of the file: it is not shared with everyone; ask its "
            "owner to share it, or fetch it with a browser and install it with --url=PATH"
        )
    wanted = (
        "the page's confirm form is not the one pixace knows; fetch the file with a browser and "
        "install it with --url=PATH"
        if is_drive(page_url)
        else "give the address of the file itself, not of a page about it"
    )
    return f"a web page {title} came instead of the file; {wanted}"


def _joined(text: str) -> str:
    """Returns the words of a text: what prints of them, with one space between two."""
    return " ".join(printable(text, instead=" ").split())
