"""A model as one .safetensors file, for programs other than pixace: weights, settings and words.

The library writes it. Reading needs no library: eight bytes of length, a header in JSON, and the
arrays one after the other. As all files it may be a stranger's, and is read in bounds.
"""

from __future__ import annotations

import importlib
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pixace import __version__
from pixace.checkpoints.config_file import json_object
from pixace.checkpoints.safe_pickle import Limits
from pixace.checkpoints.words import WordsRecord
from pixace.errors import CheckpointError, PixaceError, UsageError
from pixace.settings.model import ModelConfig
from pixace.settings.paths import local_path
from pixace.system.files import replacing
from pixace.system.reading import open_regular
from pixace.system.results import refuse_to_replace, written_path
from pixace.wording import quoted, shown

SUFFIX = ".safetensors"
_LENGTH_BYTES = 8
_MAX_HEADER = 1 << 23  # bytes; ten thousand words have a few hundred thousand
_METADATA = "__metadata__"
_DTYPES: dict[Any, np.dtype[Any]] = {
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
_MAX_DIMS, _MAX_SIZE = 8, 2**40


def require_safetensors() -> Any:
    """Returns the library's module for NumPy.

    Raises:
      PixaceError: it is not installed.
    """
    try:
        return importlib.import_module("safetensors.numpy")
    except ImportError:
        raise PixaceError(
            "safetensors is not installed, which this format needs; run: pip install safetensors"
        ) from None


def checked_output(out: Path | str | None, model_name: str | None, weights: Path) -> Path:
    """Returns the file to write: as named, or else called like the model or its file.

    Args:
      out: as named.
      model_name: of a model that is in a folder.
      weights: the file to read.

    Raises:
      UsageError: the name does not end in .safetensors, names no file of this machine, or the one
        to read.
    """
    if out is None:
        path = Path(f"{model_name or weights.name.partition('.')[0] or 'model'}{SUFFIX}")
    else:
        path = Path(local_path("out", out))
    if path.suffix != SUFFIX:
        raise UsageError(f"out must end in {SUFFIX}, not {shown(path.name)!r}")
    refuse_to_replace({"out": path}, [("the model's weights", weights)])
    return path


def write_safetensors(
    path: Path,
    weights: Sequence[np.ndarray],
    config: ModelConfig,
    words: WordsRecord,
    step: int,
) -> None:
    """Writes a model, whole or not at all.

    Args:
      path: the file; where it is a link, what it leads to is replaced.
      weights: in the order of checkpoints.
      config: the model's settings.
      words: that it was taught.
      step: steps that it was trained for.

    Raises:
      PixaceError: the library is missing, or the file cannot be written.
    """
    metadata = {
        "pixace_version": __version__,
        "step": str(step),
        "config": json.dumps(config.to_dict()),
    }
    if any(words):
        metadata["words"] = json.dumps(words.to_stored(), ensure_ascii=False)
    if sum(len(json.dumps(text).encode()) for text in metadata.values()) > _MAX_HEADER // 2:
        raise CheckpointError(f"{shown(path)}: the words of this model are too long for a header")
    # The library takes an array's memory as it lies.
    arrays = {
        _name(number): array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        for number, array in enumerate(weights)
    }
    data = _in_order(require_safetensors().save(arrays, metadata))
    try:
        with replacing(written_path(path)) as file:
            file.write(data)
    except OSError as error:
        raise CheckpointError(f"{shown(path)}: cannot save: {error.strerror or error}") from None


def read_safetensors(path: Path, limits: Limits) -> dict[str, Any]:
    """Reads a model.

    Args:
      path: the file.
      limits: how much of it is read before it is refused.

    Returns:
      What a checkpoint would hold: `step`, `weights`, `config` and `words`, the last two as they
      are stored; whether they can be used is for the caller to find out.

    Raises:
      CheckpointError: it is damaged, too large, or no model.
    """
    try:
        with open(open_regular(path), "rb") as file:
            n_bytes = os.fstat(file.fileno()).st_size
            if n_bytes > limits.decompressed_bytes:
                raise ValueError(
                    f"{n_bytes} bytes, more than the limit of {limits.decompressed_bytes}"
                    f"{limits.advice}"
                )
            header, start = _header(file, n_bytes)
            metadata = _metadata(header.pop(_METADATA, None))
            weights = _arrays(file, header, n_bytes - start)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CheckpointError(f"{shown(path)}: refused: {reason}") from None
    return {**metadata, "weights": weights}


def _in_order(data: bytes) -> bytes:
    """Returns a file with its texts by name: the library's order is another one each time."""
    start = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = json.loads(data[_LENGTH_BYTES:start])
    header[_METADATA] = dict(sorted(header[_METADATA].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)  # so that arrays begin at whole words
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + data[start:]


def _name(number: int) -> str:
    return f"weight.{number:05d}"


def _header(file: BinaryIO, n_bytes: int) -> tuple[dict[str, Any], int]:
    """Reads the header; returns it and where it ends.

    Raises:
      ValueError: there is none that pixace could have written.
    """
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if not 2 <= length <= min(_MAX_HEADER, n_bytes - _LENGTH_BYTES):
        raise ValueError(f"no safetensors file: its header would have {length} bytes")
    header = json_object(file.read(length))
    return header, _LENGTH_BYTES + length


def _metadata(texts: Any) -> dict[str, Any]:
    """Reads what the header says besides arrays.

    Raises:
      ValueError: pixace did not write it.
    """
    if not isinstance(texts, dict) or not isinstance(texts.get("config"), str):
        raise ValueError("no model of pixace: its header tells no settings")
    step = texts.get("step")
    if not isinstance(step, str) or not (step.isascii() and step.isdecimal() and len(step) < 10):
        raise ValueError(f"the step is {quoted(step)}, not a number of steps")
    words = texts.get("words")
    return {
        "step": int(step),
        "config": json_object(texts["config"]),
        "words": json_object(words) if isinstance(words, str) else None,
    }


def _arrays(file: BinaryIO, header: dict[str, Any], n_bytes: int) -> list[np.ndarray]:
    """Reads all arrays, after all of the header has been found right.

    Args:
      file: open where the arrays begin.
      header: name -> type, shape and place of an array.
      n_bytes: that are left in the file.

    Raises:
      ValueError: the header and the file do not agree.
    """
    names = [_name(number) for number in range(len(header))]
    if not names or header.keys() != set(names):
        raise ValueError("no model of pixace: its arrays are not called as pixace calls them")
    found = {name: _described(name, header[name]) for name in names}
    in_file = sorted(names, key=lambda name: found[name][2])
    place = 0
    for name in in_file:
        dtype, shape, begin, end = found[name]
        if begin != place or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} does not lie where its shape and the arrays before it say")
        place = end
    if place != n_bytes:
        raise ValueError(f"its arrays have {place} bytes where {n_bytes} are left")
    arrays = {}
    for name in in_file:
        dtype, shape, *_ = found[name]
        arrays[name] = array = np.empty(shape, dtype)
        if file.readinto(array.reshape(-1).view(np.uint8)) != array.nbytes:  # type: ignore[attr-defined]
            raise ValueError("the file is cut off")
    return [arrays[name] for name in names]


def _described(name: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """Returns an array's type, shape, beginning and end.

    Raises:
      ValueError: the header does not say them.
    """
    match entry:
        case {"dtype": str() as kind, "shape": [*sizes], "data_offsets": [begin, end]}:
            numbers = [*sizes, begin, end]
            are_sizes = all(type(number) is int and 0 <= number < _MAX_SIZE for number in numbers)
            if kind in _DTYPES and len(sizes) <= _MAX_DIMS and are_sizes:
                return _DTYPES[kind], tuple(map(int, sizes)), int(begin), int(end)
    raise ValueError(f"{name} is no array of floating-point numbers")
