"""Every legitimate file of weights loads, bit for bit as the standard unpickler would load it."""

import collections
import contextlib
import gzip
import io
import os
import pickle
import pickletools
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixace.checkpoints import safe_pickle
from pixace.checkpoints.safe_pickle.limits import Limits
from pixace.checkpoints.safe_pickle.records import TensorSignature
from pixace.errors import CheckpointError
from tests.tools.places import LEGACY

CHECKPOINTS = sorted(path.name for path in LEGACY.glob("*.pkl.gz"))


def assert_same(ours: Any, theirs: Any) -> None:
    """Asserts equal types, structure, dtypes with byte order, shapes, layouts and bits."""
    if isinstance(theirs, collections.defaultdict):
        theirs = dict(theirs)
    assert type(ours) is type(theirs)
    if isinstance(theirs, np.ndarray):
        assert ours.dtype.str == theirs.dtype.str
        assert ours.shape == theirs.shape
        assert ours.tobytes() == theirs.tobytes()
        assert ours.flags.f_contiguous == theirs.flags.f_contiguous
        assert ours.flags.c_contiguous == theirs.flags.c_contiguous
        assert ours.flags.writeable
    elif isinstance(theirs, np.generic):
        assert ours.dtype.str == theirs.dtype.str
        assert ours.tobytes() == theirs.tobytes()
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    elif isinstance(theirs, float):
        assert struct.pack("<d", ours) == struct.pack("<d", theirs)
    else:
        assert ours == theirs


class _Signature:
    """Stands for trax's ShapeDtype when the standard unpickler reads a fixture."""

    __slots__ = ("dtype", "shape")
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """The standard unpickler, with trax and jax replaced; used on files of this repository only."""

    def find_class(self, module: str, name: str) -> Any:
        """Returns a stand-in for what is not installed with the tests."""
        if module == "trax.shapes":
            return _Signature
        if module == "jax._src.array":
            return self._array
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)

    @staticmethod
    def _array(fun: Any, args: Any, state: Any, aval: Any) -> Any:
        array = fun(*args)
        array.__setstate__(state)
        return array


def plainly(value: Any) -> Any:
    """Turns `_Signature` into `TensorSignature`, all through a value."""
    if isinstance(value, _Signature):
        return TensorSignature(value.shape, value.dtype.name)
    if isinstance(value, dict):
        return {key: plainly(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plainly, value))
    return value


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_files_written_by_trax_load_bit_exactly(name: str) -> None:
    data = gzip.decompress((LEGACY / name).read_bytes())
    theirs = plainly(_Unpickler(io.BytesIO(data)).load())
    ours = safe_pickle.load(LEGACY / name)
    assert_same(ours, theirs)
    assert ours["step"] == 3
    assert ours["input_signature"] == (TensorSignature((4, 64), "int32"),)


@pytest.mark.parametrize("model", ["transformer", "reformer"])
def test_jax_arrays_become_the_same_numpy_arrays(model: str) -> None:
    from_jax = safe_pickle.load(LEGACY / f"{model}-jaxarrays.pkl.gz")
    assert_same(from_jax, safe_pickle.load(LEGACY / f"{model}-numpy.pkl.gz"))


def test_the_older_name_of_jax_arrays_is_known() -> None:
    data = gzip.decompress((LEGACY / "transformer-jaxarrays.pkl.gz").read_bytes())
    old, new = b"\x8c\x0ejax._src.array", b"\x8c\x15jax._src.device_array"
    data = data.replace(old, new, 1)
    old, new = b"\x8c\x12_reconstruct_array", b"\x8c\x18reconstruct_device_array"
    data = data.replace(old, new, 1)
    (frame,) = struct.unpack_from("<Q", data, 3)
    data = data[:3] + struct.pack("<Q", frame + 13) + data[11:]
    theirs = safe_pickle.load(LEGACY / "transformer-jaxarrays.pkl.gz")
    assert_same(safe_pickle.loads(data, name="x"), theirs)


def every_array() -> dict[str, Any]:
    """Returns arrays and scalars of every kind that is read."""
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {}
    for kind in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
        for order in "<>":
            dtype = np.dtype(order + kind)
            matrix = rng.integers(0, 2 if kind == "b1" else 100, (3, 4)).astype(dtype)
            values[f"{order}{kind}"] = matrix
            values[f"{order}{kind} fortran"] = np.asfortranarray(matrix)
            values[f"{order}{kind} scalar"] = matrix[1, 2]
            values[f"{order}{kind} 0-d"] = np.array(matrix[1, 2], dtype)
            values[f"{order}{kind} empty"] = np.zeros((0, 3), dtype)
    values["transposed"] = rng.standard_normal((2, 3, 4)).astype("f4").transpose(1, 2, 0)
    values["strided"] = rng.standard_normal((6, 6))[::2, 1::2]
    values["one byte"] = [np.array([7], "i1"), np.array([7], "u1")]
    values["large"] = rng.integers(0, 2**16, 200_000).astype(np.uint16)
    values["nan"] = np.array([np.nan, -0.0, np.inf], "f4")
    return values


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_and_scalars_of_every_kind_load_bit_exactly(protocol: int) -> None:
    data = pickle.dumps(every_array(), protocol)
    assert_same(safe_pickle.loads(data, name="x"), pickle.loads(data))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_the_names_of_numpy_1_are_known(protocol: int) -> None:
    value = {"a": np.arange(6.0).reshape(2, 3), "b": np.float32(2)}
    data = pickle.dumps(value, protocol)
    short = data
    for module in (b"numpy._core.multiarray", b"numpy._core.numeric"):
        name, count = module.replace(b"_core", b"core"), data.count(module)
        if protocol == 2:
            short = short.replace(module, name)
        else:
            old = b"\x8c" + bytes([len(module)]) + module
            short = short.replace(old, b"\x8c" + bytes([len(name)]) + name)
            (frame,) = struct.unpack_from("<Q", short, 3)
            short = short[:3] + struct.pack("<Q", frame - count) + short[11:]
    assert b"numpy.core" in short
    assert b"_core" not in short
    assert_same(safe_pickle.loads(short, name="x"), value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_load_exactly(protocol: int) -> None:
    shared = (1, "two")
    history = collections.defaultdict(list)
    for step in range(2500):  # more than one batch of APPENDS
        history["metrics/accuracy"].append((step, np.float32(step) / 7))
    value = {
        "numbers": [0, 1, 255, 256, 65535, 65536, -1, 2**31, -(2**31), 2**63, -(2**63), 2**100],
        "floats": [0.0, -0.0, 1e308, float("inf"), float("nan")],
        "texts": ["", "loss", "\u00e9\u4e2d\U0001f600", "x" * 300, "y" * 70_000],
        "bytes": [b"", b"a", b"b" * 300],
        "others": [None, True, False, (), [], {}, {1: 2, -3: {}}],
        "shared": [shared, shared],
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "history": {"_values": {"train": history}},
    }
    data = pickle.dumps(value, protocol)
    assert_same(safe_pickle.loads(data, name="x"), value)
    assert_same(safe_pickle.loads(pickletools.optimize(data), name="x"), value)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_signature_becomes_a_record(protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("trax.shapes")
    kind = type("ShapeDtype", (), {"__slots__": ["shape", "dtype"], "__module__": "trax.shapes"})
    monkeypatch.setattr(module, "ShapeDtype", kind, raising=False)
    monkeypatch.setitem(sys.modules, "trax", types.ModuleType("trax"))
    monkeypatch.setitem(sys.modules, "trax.shapes", module)
    signature: Any = kind()
    signature.shape, signature.dtype = (None, 64), np.dtype("i4")
    loaded = safe_pickle.loads(pickle.dumps((signature,), protocol), name="x")
    assert loaded == (TensorSignature((None, 64), "int32"),)


def test_an_array_met_twice_is_one_array() -> None:
    array = np.arange(3)
    loaded = safe_pickle.loads(pickle.dumps([array, array]), name="x")
    assert loaded[0] is loaded[1]


def test_a_file_may_be_uncompressed(tmp_path: Path) -> None:
    path = tmp_path / "data_counters0.pkl"
    path.write_bytes(pickle.dumps({"a": 1}, 4))
    assert safe_pickle.load(path) == {"a": 1}
    assert safe_pickle.load(str(path)) == {"a": 1}


def test_every_compression_level_and_header_is_read(tmp_path: Path) -> None:
    value = pickle.loads(pickle.dumps(every_array(), 4))
    path = tmp_path / "model.pkl.gz"
    for level in (0, 1, 2, 9):
        with gzip.open(path, "wb", compresslevel=level) as file:
            pickle.dump(value, file, protocol=4)
        assert_same(safe_pickle.load(path), value)
    path.write_bytes(gzip.compress(pickle.dumps({"step": 1}, 4)))  # no file name in the header
    assert safe_pickle.load(path) == {"step": 1}


def test_text_that_unpacks_to_much_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "zeros.pkl.gz"
    value = {"zeros": np.zeros(9_000_000, np.uint8)}  # a thousand to one, and several pieces
    with gzip.open(path, "wb") as file:
        pickle.dump(value, file, protocol=4)
    assert_same(safe_pickle.load(path), value)


LIMITS = {
    "decompressed_bytes": "unpacks to more than the limit of 100 bytes",
    "opcodes": "more than 100 opcodes",
    "depth": "nesting of more than 100 levels",
    "memo_entries": "more than 100 memo entries",
    "items": "containers of more than 100 elements",
}


@pytest.mark.parametrize("limit", LIMITS)
def test_every_limit_is_kept(limit: str, tmp_path: Path) -> None:
    value: Any = [float(number) for number in range(101)]
    if limit == "depth":
        value = []
        for _ in range(100):
            value = [value]
    elif limit == "memo_entries":
        value = [str(number) for number in range(101)]
    path = tmp_path / "model.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(value)))
    arguments: dict[str, Any] = {"depth": 1000, limit: 100}
    with pytest.raises(CheckpointError, match=LIMITS[limit]) as caught:
        safe_pickle.load(path, limits=Limits(**arguments))
    assert str(caught.value).startswith(f"{path}: refused")


def test_a_refusal_names_the_file_the_finding_and_the_byte() -> None:
    data = b"\x80\x04cos\nsystem\n."
    with pytest.raises(CheckpointError) as caught:
        safe_pickle.loads(data, name="evil\n.pkl.gz")
    assert str(caught.value) == (
        "evil\\n.pkl.gz: refused at byte 2: the name 'system' of module 'os', "
        "which weights do not need"
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"model\.pkl\.gz: cannot be read: No such file"):
        safe_pickle.load(tmp_path / "model.pkl.gz")


def test_no_file_stays_open(tmp_path: Path) -> None:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("open files are counted under /proc")
    before = len(os.listdir(folder))
    for path in (LEGACY / CHECKPOINTS[0], LEGACY / "config.json", tmp_path):
        for _ in range(3):
            with contextlib.suppress(CheckpointError):
                safe_pickle.load(path)
    assert len(os.listdir(folder)) == before
