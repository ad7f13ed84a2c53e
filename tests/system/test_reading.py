"""Files are opened and read without waiting, and to their end."""

import gzip
import os
import socket

import pytest

from pixace.system.reading import IrregularFileError, gunzipped_size, open_regular, read_small


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.path.relpath(path))  # these paths may have some hundred bytes only


NO_FILES = {
    "folder": os.mkdir,
    "fifo": os.mkfifo,
    "socket": make_socket,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_regular_file_is_not_opened(tmp_path, kind):
    NO_FILES[kind](tmp_path / "file")
    n_open = len(os.listdir("/dev/fd"))
    for read in (open_regular, lambda path: read_small(path, 10)):
        with pytest.raises(IrregularFileError, match="not a regular file") as caught:
            read(tmp_path / "file")
        assert caught.value.filename == str(tmp_path / "file")
    assert len(os.listdir("/dev/fd")) == n_open, "no descriptor is left open"


def test_a_regular_file_is_opened_as_asked(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "file")
    with open(open_regular(tmp_path / "file", os.O_WRONLY | os.O_CREAT), "wb") as file:
        file.write(b"abc")
    with open(open_regular(tmp_path / "file"), "rb") as file:
        assert file.read() == b"abc"
    descriptor = open_regular(tmp_path / "file")
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)
    assert read_small(tmp_path / "file", 3) == b"abc"
    with pytest.raises(OSError, match="larger than 2 bytes"):
        read_small(tmp_path / "file", 2)


def test_a_whole_gzip_file_is_measured(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(bytes(1_000_000)))
    assert gunzipped_size(path) == 1_000_000
    assert gunzipped_size(path, 1_000_000) == 1_000_000
    assert 10 < gunzipped_size(path, 10) < 1_000_000


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: b[:-8] + bytes(8), lambda b: b"no"],
)
def test_a_damaged_gzip_file_is_told_from_one_that_cannot_be_read(tmp_path, damage):
    path = tmp_path / "file.gz"
    with pytest.raises(FileNotFoundError):
        gunzipped_size(path)
    path.write_bytes(damage(gzip.compress(os.urandom(10_000))))
    with pytest.raises(gzip.BadGzipFile):
        gunzipped_size(path)
