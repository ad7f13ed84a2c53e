"""Files are replaced whole or not at all."""

import hashlib
import os
import signal
import stat
import subprocess
import sys

import pytest

from pixace.system.files import file_sha256, replacing, sync_folder, write_atomically
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def run_child(code, *arguments):
    """Runs Python code that sees `path`, the first argument; returns the finished process."""
    prelude = (
        "import os, resource, signal, sys\n"
        "from pathlib import Path\n"
        "from pixace.system.files import replacing, write_atomically\n"
        "path = Path(sys.argv[1])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", prelude + code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_the_sha256_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"abc" * 100_000)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(OSError, match="not a regular file"):
        file_sha256(tmp_path)


def test_a_file_is_written_and_its_folders_made(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["file"]


def test_an_old_file_is_replaced_and_its_other_names_keep_it(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.link(path, tmp_path / "second-name")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert (tmp_path / "second-name").read_bytes() == b"old"
    assert names(tmp_path) == ["file", "second-name"]


def test_nothing_is_seen_before_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"x" * 10_000_000)
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.stat().st_size == 10_000_000


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("there_was_one", [True, False])
def test_a_failure_inside_the_block_leaves_the_old_file_and_nothing_else(
    tmp_path, error, there_was_one
):
    path = tmp_path / "file"
    if there_was_one:
        path.write_bytes(b"old")

    def write_half():
        with replacing(path) as file:
            file.write(b"half of the n")
            raise error

    with pytest.raises(error):
        write_half()
    assert names(tmp_path) == (["file"] if there_was_one else [])
    assert not there_was_one or path.read_bytes() == b"old"


def test_verify_sees_the_whole_file_and_may_refuse(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen = []

    def refuse(temporary):
        seen.append((temporary.parent, temporary.read_bytes(), path.read_bytes()))
        raise ValueError("not good enough")

    with pytest.raises(ValueError, match="not good enough"), replacing(path, refuse) as file:
        file.write(b"new")
    assert seen == [(tmp_path, b"new", b"old")]
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_verify_may_accept(tmp_path):
    path = tmp_path / "file"
    seen = []
    with replacing(path, verify=lambda temporary: seen.append(temporary.read_bytes())) as file:
        file.write(b"new")
    assert seen == [b"new"]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path, mask, mode):
    code = f"os.umask({mask}); write_atomically(path, b'x'); print(oct(os.umask(0)))"
    done = run_child(code, tmp_path / "file")
    assert (done.returncode, done.stderr) == (0, "")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
    assert int(done.stdout, 8) == mask, "the mask itself is as before"


def test_bytes_reach_the_disk_before_the_name_and_the_name_before_the_return(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    synced = []
    fsync = os.fsync

    def spy(descriptor):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, path.read_bytes()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    write_atomically(path, b"new")
    assert synced == [("file", b"old"), ("folder", b"new")]


@pytest.mark.parametrize(
    "where",
    [
        "with replacing(path) as f: f.write(b'new'); f.flush(); os.kill(os.getpid(), 9)",
        "with replacing(path, lambda t: os.kill(os.getpid(), 9)) as f: f.write(b'new')",
    ],
    ids=["while-writing", "while-verifying"],
)
def test_a_killed_process_leaves_the_old_file(tmp_path, where):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    assert run_child(where, path).returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    leftovers = [name for name in names(tmp_path) if name != "file"]
    assert all(name.startswith(".file.") and name.endswith(".tmp") for name in leftovers)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new", "what is left does not hinder the next one"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    code = (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: write_atomically(path, bytes(1_000_000))\n"
        "except OSError as error: print(error.strerror)\n"
    )
    done = run_child(code, path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "File too large\n"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="exists|[Nn]ot a directory"):
        write_atomically(tmp_path / "file" / "below", b"new")
    assert names(tmp_path) == ["file"]


def test_a_folder_in_the_place_of_the_file_is_an_os_error(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file"]


def test_a_read_only_folder_is_an_os_error(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    tmp_path.chmod(0o555)
    code = (
        "os.chdir(path.parent)\n"
        "if os.geteuid() == 0: os.setuid(65534)  # root may write everywhere\n"
        "try: write_atomically(Path('file'), b'new')\n"
        "except PermissionError as error: print(error.strerror)\n"
    )
    done = run_child(code, path)
    tmp_path.chmod(0o755)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Permission denied\n", "")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_syncing_a_folder_that_is_gone_is_no_error(tmp_path):
    n_open = len(os.listdir("/proc/self/fd"))
    sync_folder(tmp_path / "gone")
    sync_folder(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == n_open, "no descriptor is left open"


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    """Not by its age, as clocks may jump: the process under way holds a lock."""
    path, others = tmp_path / "file", [".file.notes.tmp", ".other.abcdefg1.tmp", "file.tmp"]
    for name in others:
        (tmp_path / name).touch()
    code = (
        "with replacing(path) as file:\n"
        "    file.write(b'half'); file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert run_child(code, path).returncode == -signal.SIGKILL
    (left,) = set(names(tmp_path)) - set(others)
    assert (tmp_path / left).read_bytes() == b"half"

    def verify(temporary):
        write_atomically(path, b"of another process, meanwhile")
        assert temporary.exists()

    with replacing(path, verify) as file:
        assert not (tmp_path / left).exists()
        write_atomically(path, b"of another process")
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == sorted([*others, "file"])
