"""Every stream of .npy arrays that NumPy and trax write loads bit for bit as NumPy loads it."""

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixace.checkpoints import safe_pickle
from pixace.checkpoints.safe_pickle.limits import Limits
from pixace.errors import CheckpointError
from tests.checkpoints.safe_pickle.test_safe_pickle import assert_same, every_array


def write(path: Path, data: bytes, level: int = 2) -> Path:
    path.write_bytes(gzip.compress(data, level, mtime=1_600_000_000))
    return path


def every_plain_array() -> list[Any]:
    """Returns all kinds of arrays that are read, scalars as arrays without axes."""
    arrays = [value for value in every_array().values() if not isinstance(value, list)]
    arrays += [np.zeros((0, 2, 0)), np.ones((1,) * 32, "f2"), np.arange(24.0).reshape(2, 3, 4).T]
    return [np.array(value, order="K") for value in arrays]


def theirs(data: bytes, count: int) -> list[Any]:
    stream = io.BytesIO(data)
    return [np.load(stream, allow_pickle=False) for _ in range(count)]


def test_arrays_of_every_kind_load_as_numpy_loads_them(tmp_path: Path) -> None:
    arrays = every_plain_array()
    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, array, allow_pickle=False)
    loaded = safe_pickle.load_arrays(write(tmp_path / "x.npy.gz", stream.getvalue()))
    assert loaded.packed_at == 1_600_000_000
    assert len(loaded.value) == len(arrays) > 60
    assert_same(loaded.value, theirs(stream.getvalue(), len(arrays)))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_the_format_are_read(tmp_path: Path, version: tuple[int, int]) -> None:
    stream = io.BytesIO()
    arrays = [np.arange(6.0).reshape(2, 3), np.zeros((), "i4")]
    for array in arrays:
        np.lib.format.write_array(stream, array, version=version, allow_pickle=False)
    loaded = safe_pickle.load_arrays(write(tmp_path / "x.npy.gz", stream.getvalue()))
    assert_same(loaded.value, arrays)


@pytest.mark.parametrize("level", [0, 2, 9])
def test_every_compression_level_is_read(tmp_path: Path, level: int) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3_000_000, "f4"))  # several pieces
    path = write(tmp_path / "x.npy.gz", stream.getvalue(), level)
    assert_same(safe_pickle.load_arrays(path).value, [np.zeros(3_000_000, "f4")])


def test_a_stream_of_nothing_is_no_arrays(tmp_path: Path) -> None:
    assert safe_pickle.load_arrays(write(tmp_path / "x.npy.gz", b"")).value == []


def test_a_refusal_names_the_file_the_finding_and_the_byte(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(8, "f4"))
    start = stream.tell()
    np.save(stream, np.array(["text"]))
    path = write(tmp_path / "a\nb.npy.gz", stream.getvalue())
    with pytest.raises(CheckpointError) as caught:
        safe_pickle.load_arrays(path)
    assert str(caught.value) == (
        f"{tmp_path}/a\\nb.npy.gz: refused at byte {start}: a dtype of 'U4', which is no plain "
        "number type"
    )


def test_the_limit_of_bytes_is_kept(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(100, "f4"))
    path = write(tmp_path / "x.npy.gz", stream.getvalue())
    with pytest.raises(CheckpointError, match="more than the limit of 500 bytes"):
        safe_pickle.load_arrays(path, limits=Limits(decompressed_bytes=500))
    assert len(safe_pickle.load_arrays(path, limits=Limits(decompressed_bytes=528)).value) == 1
