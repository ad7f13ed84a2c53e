"""Asking: redirects are followed, as far and where they may lead; addresses that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pixace.errors import DownloadError
from pixace.web.download import fetch
from tests.tools.download_server import (
    FAST,
    FILE,
    Handler,
    Server,
    assert_installed,
)

pytestmark = pytest.mark.usefixtures("no_proxy")


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


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://h/a b.png", "it holds a space, for which an address has %20"),
        ("http://h/a\tb", "it holds a character that no address has"),
        ("http://:80/a", "it names no host"),
        ("http://h:0/a", "its port must be from 1 to 65535"),
        ("http://h:65536/a", "its port must be from 1 to 65535"),
        ("http://[::1/a", "its host is none"),
        ("ftp://h/a", r"expected http://\.\.\. or https"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(tmp_path: Path, url: str, fault: str) -> None:
    with pytest.raises(DownloadError, match=f"not an address pixace can fetch from; {fault}"):
        fetch(url, tmp_path / "f", limits=FAST)
