"""What waits on disk survives kills, full disks, other processes and strangers."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests  # noqa: F401 (imported before a test gives up its rights to read it)

from pixace.errors import DownloadError
from pixace.web import attempt
from pixace.web.download import fetch
from pixace.web.limits import Limits
from pixace.web.partial import Partial, Record, locked
from tests.tools.download_server import (
    FAST,
    FILE,
    SHA,
    Server,
    assert_installed,
    leave_partial,
    slowly,
)
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.parametrize("damage", ["oversized", "other url", "no record", "nonsense record"])
def test_a_partial_file_that_cannot_be_right_is_dropped(
    server: Server, target: Path, damage: str
) -> None:
    leave_partial(server, target)
    partial, url = Partial(target), f"{server.url}/f"
    record = target.with_name(".file.bin.part.json")
    if damage == "oversized":
        partial.path.write_bytes(FILE + b"more")
    elif damage == "other url":
        url = f"{server.url}/another"
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text('{"url": 5, "etag": [], "last_modified": 1, "total": "x"}')
    server.play = lambda h: h.reply(FILE)
    fetch(url, target, limits=FAST)
    assert server.ranges() == [None]
    assert_installed(target)


def test_a_planted_link_is_not_followed(server: Server, target: Path) -> None:
    target.parent.mkdir()
    victim = target.parent / "victim"
    victim.write_bytes(b"precious")
    Partial(target).path.symlink_to(victim)
    with pytest.raises(DownloadError, match="cannot write"):
        fetch(f"{server.url}/f", target, limits=FAST)
    assert victim.read_bytes() == b"precious"


CHILD = """
import sys
from pathlib import Path
from pixace.web.limits import Limits
from pixace.web.download import fetch
from pixace.errors import DownloadError
url, target, sha256, max_file = sys.argv[1:]
if int(max_file):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(max_file), int(max_file)))
try:
    print(fetch(url, Path(target), sha256=sha256 or None, limits=Limits(first_wait_seconds=0.01)))
except DownloadError as error:
    sys.exit(str(error))
"""


def start_child(
    url: str, target: Path, sha256: str = "", max_file: int = 0
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(target), sha256, str(max_file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_in_the_middle_and_resumed(server: Server, target: Path) -> None:
    server.play = slowly
    partial = Partial(target)
    for wanted in (20_000, 100_000, 200_000):
        with start_child(f"{server.url}/f", target) as child:
            deadline = time.monotonic() + PATIENCE
            while partial.size() < wanted and time.monotonic() < deadline:
                time.sleep(0.001)
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
        assert not target.exists()
    had = partial.size()
    assert 200_000 <= had < len(FILE)
    assert fetch(f"{server.url}/f", target, limits=FAST) == SHA
    assert server.ranges()[-1] == f"bytes={had}-"
    assert_installed(target)


@pytest.mark.parametrize(("sha256", "downloads"), [(SHA, 1), ("", 4)])
def test_four_processes_at_once(server: Server, target: Path, sha256: str, downloads: int) -> None:
    server.play = slowly
    children = [start_child(f"{server.url}/f", target, sha256) for _ in range(4)]
    outputs = [child.communicate(timeout=PATIENCE) for child in children]
    assert [out.strip() for out, _err in outputs] == [SHA] * 4, outputs
    assert len(server.asked) == downloads
    assert_installed(target)


def test_a_lock_that_is_held_is_waited_for_only_so_long(server: Server, target: Path) -> None:
    with locked(target.with_name(".file.bin.lock"), 1):
        limits = Limits(**{**vars(FAST), "total_seconds": 0.2})
        with pytest.raises(DownloadError, match="another process has been downloading"):
            fetch(f"{server.url}/f", target, limits=limits)
    fetch(f"{server.url}/f", target, limits=FAST)
    assert_installed(target)


def test_a_file_size_limit_is_reported_and_the_rest_resumed(server: Server, target: Path) -> None:
    server.play = slowly
    _out, error = start_child(f"{server.url}/f", target, max_file=150_000).communicate(
        timeout=PATIENCE
    )
    assert re.fullmatch(r"cannot write .*: File too large; free some space .*\n", error), error
    assert Partial(target).size() == 150_000
    assert fetch(f"{server.url}/f", target, limits=FAST) == SHA
    assert server.ranges() == [None, "bytes=150000-"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_what_arrived(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    server.play = slowly
    real = attempt.write_all

    def full(file: io.RawIOBase, data: bytes) -> None:
        if file.tell() > 50_000:
            raise OSError(code, os.strerror(code))
        real(file, data)  # type: ignore[arg-type]

    monkeypatch.setattr(attempt, "write_all", full)
    with pytest.raises(DownloadError, match="free some space and run the same command again"):
        fetch(f"{server.url}/f", target, limits=FAST)
    monkeypatch.undo()
    assert not target.exists() and Partial(target).size() > 50_000
    assert fetch(f"{server.url}/f", target, limits=FAST) == SHA


def test_a_read_only_folder(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.parent.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # root may write anywhere
    try:
        with pytest.raises(DownloadError, match="Permission denied; choose a folder that you may"):
            fetch(f"{server.url}/f", target, limits=FAST)
    finally:
        if root:
            os.seteuid(0)
        target.parent.chmod(0o755)
    assert server.asked == [] and os.listdir(target.parent) == []


def test_impossible_names(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="File name too long; choose a shorter name") as caught:
        fetch(f"{server.url}/f", tmp_path / ("n" * 300), limits=FAST)
    assert len(str(caught.value)) < 300
    with pytest.raises(DownloadError, match="is a folder, expected the name of a file"):
        fetch(f"{server.url}/f", tmp_path, limits=FAST)
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot write"):
        fetch(f"{server.url}/f", tmp_path / "file" / "f", limits=FAST)


def test_the_record_is_plain_json(server: Server, target: Path) -> None:
    leave_partial(server, target)
    text = target.with_name(".file.bin.part.json").read_text()
    assert json.loads(text) == {
        "url": f"{server.url}/f", "etag": '"v1"', "last_modified": None, "total": len(FILE),
    }  # fmt: skip
    assert Record.of("u", {"ETag": 'W/"1"'}, None).validator is None
