"""Nothing in a stream of .npy arrays runs, crashes or passes for weights when it is not.

The streams are read as `test_hostile_checkpoints` reads pickles: each in a child process under an
audit hook and a limit of memory.
"""

import gzip
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixace.checkpoints import safe_pickle
from tests.faults.test_hostile_checkpoints import SECONDS, assert_refused, file_cases, run_child
from tests.tools.hostile_pickles import HostileFile, npy_streams, packed, valid_pickle
from tests.tools.patience import PATIENCE

pytestmark = pytest.mark.fault

GIB = 2**30
READER = {"reader": "load_arrays", "address_space": GIB}
NAME = "model.weights.npy.gz"


def npy(
    shape: str = "(2,)",
    contents: bytes = bytes(8),
    *,
    descr: str = "'<f4'",
    fortran: str = "False",
    header: str | None = None,
    version: bytes = b"\1\0",
    length: int | None = None,
) -> bytes:
    """Returns one array as `numpy.save` would write it, but for what the arguments say."""
    if header is None:
        header = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}    \n"
    line = header.encode("latin1")
    layout = "<H" if version == b"\1\0" else "<I"
    counted = struct.pack(layout, len(line) if length is None else length)
    return b"\x93NUMPY" + version + counted + line + contents


def saved(*arrays: np.ndarray) -> bytes:
    """Returns what NumPy itself writes."""
    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


GOOD = saved(np.arange(6, dtype="f4").reshape(2, 3), np.zeros(4, "f4"))
NOT_PLAIN = "header is not that of plain numbers"
TYPE = "no plain number type"
CUT = "cut off"
RECORD = "[('a', '<f4'), ('b', '<f4')]"
DICT = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"

# What is wrong -> the stream, and a part of the message.
STREAMS: dict[str, tuple[bytes, str]] = {
    "header of 4 GiB": (npy(version=b"\2\0", length=2**32 - 1), "header has 4294967295 bytes"),
    "header of 64 KiB": (npy(header=" " * 65535), "header has 65535 bytes"),
    "header of 10,000 literals": (npy(header="[" * 10000 + "]" * 10000), "header has 20000 bytes"),
    "header of 500 literals": (npy(header="[" * 500 + "]" * 500), NOT_PLAIN),
    "header of nested tuples as shape": (npy("(" * 400 + ")" * 400), NOT_PLAIN),
    "header that ends early": (npy(length=20), NOT_PLAIN),
    "header longer than the file": (npy(length=500), CUT),
    "header of nothing": (npy(header=""), NOT_PLAIN),
    "header without a newline": (npy(header=DICT), NOT_PLAIN),
    "header with a second line": (npy(header=DICT + "\nimport os\n"), NOT_PLAIN),
    "header with an extra key": (npy(header=DICT[:-1] + "'x': 1, }\n"), NOT_PLAIN),
    "header with a key twice": (npy(header=DICT[:-1] + "'shape': (1,), }\n"), NOT_PLAIN),
    "header without a shape": (npy(header=DICT[:41] + "}\n"), NOT_PLAIN),
    "header with NUL": (npy(header=DICT + "\0\n"), NOT_PLAIN),
    "header not ASCII": (npy(header=DICT.replace("2", "\xb2") + "\n"), NOT_PLAIN),
    "expression": (npy("(__import__('os').system('true'),)"), NOT_PLAIN),
    "expression as header": (npy(header="__import__('os').system('true')\n"), NOT_PLAIN),
    "f-string": (npy(descr="f'{exit()}'"), NOT_PLAIN),
    "escaped type": (npy(descr=r"'\x3cf4'"), NOT_PLAIN),
    "size of a product": (npy("(2*1,)"), NOT_PLAIN),
    "size of text": (npy("('2',)"), NOT_PLAIN),
    "size of a float": (npy("(2.0,)"), NOT_PLAIN),
    "size of True": (npy("(True, 2)"), NOT_PLAIN),
    "size in hexadecimal": (npy("(0x2,)"), NOT_PLAIN),
    "size with underscore": (npy("(0_2,)"), NOT_PLAIN),
    "size that starts with 0": (npy("(02,)"), NOT_PLAIN),
    "size below zero": (npy("(-2,)"), NOT_PLAIN),
    "two sizes below zero": (npy("(-1, -2)"), NOT_PLAIN),
    "size of 20 digits": (npy("(18446744073709551618,)"), NOT_PLAIN),
    "shape that is a list": (npy("[2]"), NOT_PLAIN),
    "shape that is a number": (npy("2"), NOT_PLAIN),
    "shape in parentheses": (npy("(2)"), NOT_PLAIN),
    "33 dimensions": (npy(f"({', '.join(['1'] * 33)})", bytes(4)), "at most 32 sizes"),
    "4 TiB": (npy("(1099511627776,)"), "declares 4398046511104 bytes where 8 are left"),
    "sizes that overflow to 8 bytes": (npy("(4294967296, 4294967296, 2)"), "no size"),
    "no elements of great sizes": (npy("(0, 9223372036854775, 99999999999)", b""), "no size"),
    "one byte short": (npy(contents=bytes(7)), "declares 8 bytes where 7 are left"),
    "one byte long": (npy(contents=bytes(9)), CUT),
    "trailing bytes": (npy(contents=bytes(107)), "no .npy array"),
    "trailing pickle": (GOOD + valid_pickle(), "no .npy array"),
    "trailing header": (GOOD + GOOD[:6], CUT),
    "objects": (npy("(1,)", valid_pickle(), descr="'|O'"), TYPE),
    "objects named otherwise": (npy("(1,)", valid_pickle(), descr="'O8'"), NOT_PLAIN),
    "void": (npy(descr="'|V4'"), TYPE),
    "text": (npy(descr="'<U1'"), TYPE),
    "bytes": (npy(descr="'|S4'"), TYPE),
    "times": (npy(descr="'<M8[ns]'", contents=bytes(16)), TYPE),
    "complex": (npy(descr="'<c8'", contents=bytes(16)), TYPE),
    "long double": (npy(descr="'<f16'", contents=bytes(32)), TYPE),
    "several in one": (npy(descr="'<f4,<f4'"), TYPE),
    "type of no size": (npy(descr="'|S0'"), TYPE),
    "byte order of one's own": (npy(descr="'=f4'"), "byte order '='"),
    "no byte order for four bytes": (npy(descr="'|f4'"), "byte order '|'"),
    "a byte order for one byte": (npy(descr="'<i1'"), "byte order '<'"),
    "structured": (npy("(1,)", descr=RECORD), NOT_PLAIN),
    "boolean that is neither": (npy(descr="'|b1'", contents=b"\0\2"), "neither 0 nor 1"),
    "order that is a number": (npy(fortran="0"), NOT_PLAIN),
    "order that is a name": (npy(fortran="exit"), NOT_PLAIN),
    "version 0.0": (npy(version=b"\0\0"), "version 0.0"),
    "version 1.1": (npy(version=b"\1\1"), "version 1.1"),
    "version 4.0": (npy(version=b"\4\0"), "version 4.0"),
    "second array of objects": (GOOD + npy(descr="'|O'"), f"refused at byte {len(GOOD)}: "),
    "100,001 arrays": (npy("(0,)", b"") * 100_001, "more than 100000 arrays"),
    "pickle": (valid_pickle(), "not a stream of .npy arrays"),
    "zip": (b"PK\3\4" + GOOD, "not a stream of .npy arrays"),
    "gzip again": (packed(GOOD), "not a stream of .npy arrays"),
    "magic with a hole": (b"\x93NUMPX" + GOOD[6:], "not a stream of .npy arrays"),
    "half a magic": (b"\x93NUM", CUT),
    "magic alone": (b"\x93NUMPY", CUT),
}


def writer(data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / NAME).write_bytes(data)
        return folder / NAME

    return write


def maker(make: Callable[[Path], object]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        make(folder / NAME)
        return folder / NAME

    return write


def zeros(gibibytes: int, head: bytes = b"") -> bytes:
    """Returns gzip of `head` and that many GiB of zeros, made of one piece again and again."""
    deflate = zlib.compressobj(9, wbits=-15)
    start = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    piece = deflate.compress(bytes(1 << 24)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return packed(b"")[:10] + start + piece * (64 * gibibytes) + deflate.flush() + bytes(8)


def files() -> list[HostileFile]:
    """Returns what is wrong with the file rather than with the stream in it."""
    whole = packed(GOOD)
    listed = [
        ("two members", writer(whole + whole), "something follows"),
        ("a member of nothing first", writer(packed(b"") + whole), "something follows"),
        ("zeros after the end", writer(whole + bytes(512)), "something follows"),
        ("not gzip", writer(GOOD), "no gzip file"),
        ("HTML", writer(b"<!DOCTYPE html>"), "no gzip file"),
        ("nothing", writer(b""), "no gzip file"),
        ("header alone", writer(whole[:10]), CUT),
        ("no trailer", writer(whole[:-8]), CUT),
        ("wrong CRC", writer(whole[:-8] + bytes(4) + whole[-4:]), "damaged gzip"),
        ("wrong length", writer(whole[:-4] + bytes(4)), "damaged gzip"),
        ("directory", maker(Path.mkdir), "not a regular file"),
        ("FIFO", maker(os.mkfifo), "not a regular file"),
        ("link to /dev/zero", maker(lambda path: path.symlink_to("/dev/zero")), "not a regular"),
        ("link to itself", maker(lambda path: path.symlink_to(path)), "cannot be read"),
        ("missing", lambda folder: folder / NAME, "cannot be read"),
        ("10 GiB of zeros", writer(zeros(10)), "not a stream of .npy arrays"),
    ]
    return [HostileFile("H", *file) for file in listed]


def test_hostile_streams_are_refused(tmp_path: Path, tally) -> None:
    streams = [
        HostileFile("H", label, writer(packed(data)), says)
        for label, (data, says) in STREAMS.items()
    ]
    streams += [
        HostileFile("H", label, writer(packed(data)), "") for label, data in npy_streams().items()
    ]
    assert len(streams) + len(files()) >= 30
    assert_refused(file_cases(tmp_path, streams), **READER)
    tally.add("forged arrays beside a checkpoint", len(streams))


def test_hostile_files_of_arrays_are_refused(tmp_path: Path, tally) -> None:
    cases = file_cases(tmp_path, files())
    assert_refused(cases, **READER)
    tally.add("forged arrays beside a checkpoint", len(cases))


def test_an_array_that_unpacks_to_10_gib_is_refused_within_memory(tmp_path: Path) -> None:
    bomb = zeros(10, npy(f"({10 * GIB // 4},)", b""))
    file = HostileFile("H", "10 GiB", writer(bomb), "unpacks to more than")
    limits = {**READER, "address_space": GIB * 5 // 8}  # reached sooner
    assert_refused(file_cases(tmp_path, [file]), seconds=20.0, **limits)


@pytest.fixture(scope="module")
def real_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What trax writes for a small model: 20 arrays, compressed as trax does it."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((8, 4 + i)).astype("f4") for i in range(20)]
    path = tmp_path_factory.mktemp("real") / NAME
    with gzip.open(path, "wb", compresslevel=2) as stream:
        stream.write(saved(*arrays))
    for ours, array in zip(safe_pickle.load_arrays(path).value, arrays, strict=True):
        np.testing.assert_array_equal(ours, array)
    return path


@pytest.mark.parametrize("kind", ["cut", "flip"])
def test_200_damaged_files_are_refused(real_file: Path, tmp_path: Path, kind: str) -> None:
    job = {
        "kind": kind,
        "fixture": str(real_file),
        "seeds": [0, 200],
        "scratch": str(tmp_path / NAME),
        **READER,
    }
    reports, ending = run_child(job, PATIENCE)
    assert not ending
    assert len(reports) == 200
    for seed, report in enumerate(reports):
        assert report["outcome"] == "refused", (seed, report)
        assert report["seconds"] < SECONDS, (seed, report)
        assert not report["events"], (seed, report)
        assert report["message"].isprintable(), (seed, report)


def test_every_truncation_of_the_stream_itself_is_refused(tmp_path: Path) -> None:
    """Packed with a right CRC: only the arrays' own sizes can tell."""
    boundaries = {0, len(saved(np.zeros((2, 3), "f4")))}
    cases = [
        HostileFile("H", f"{size} bytes", writer(packed(GOOD[:size])), "")
        for size in set(range(len(GOOD))) - boundaries
    ]
    assert_refused(file_cases(tmp_path, cases), **READER)
