"""Downloads against real servers on 127.0.0.1, and files of this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pixace.errors import DownloadError, UsageError
from pixace.web.download import fetch, install_file
from pixace.web.limits import Limits
from pixace.web.partial import Partial
from tests.tools.download_server import (
    CUT,
    END,
    FAST,
    FILE,
    SHA,
    Handler,
    Server,
    assert_installed,
    assert_refused,
    first_range_then_all,
    leave_partial,
    other,
    span,
)

pytestmark = pytest.mark.usefixtures("no_proxy")


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


def test_the_check_can_refuse_and_its_error_comes_through(server: Server, target: Path) -> None:
    def refuse(path: Path) -> None:
        assert path.read_bytes() == FILE
        raise UsageError("not this one")

    with pytest.raises(UsageError, match="not this one"):
        fetch(f"{server.url}/f", target, check=refuse, limits=FAST)
    assert os.listdir(target.parent) == []


def test_a_sha256_must_look_like_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        fetch("http://127.0.0.1/f", tmp_path / "f", sha256="abc")


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
