"""Google Drive, played by a server on 127.0.0.1: its confirm form, its refusals, hostile pages."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pixace.errors import DownloadError
from pixace.web import drive
from pixace.web.download import fetch
from pixace.web.limits import Limits
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
)

pytestmark = pytest.mark.usefixtures("no_proxy")

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
