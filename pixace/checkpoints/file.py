"""One checkpoint file: writing it whole, reading it safely, fitting it to a model.

A checkpoint is one gzip file of plain NumPy data, in the one-file form of trax 1.3.7 that plain
trax 1.4.1 still reads. trax's own writer is not used: it splits a checkpoint into files that a
crash can mix, and pickles live JAX arrays that the next JAX cannot read. Nothing here unpickles:
`safe_pickle` reads the file without executing it.
"""

from __future__ import annotations

import dataclasses
import errno
import gzip
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pixace import __version__
from pixace.checkpoints import safe_pickle
from pixace.checkpoints.allowance import limits_of
from pixace.checkpoints.config_file import load_config
from pixace.checkpoints.history import History
from pixace.checkpoints.resume import ResumeState
from pixace.checkpoints.safetensors_file import SUFFIX, read_safetensors
from pixace.checkpoints.trax_files import read_split_arrays
from pixace.errors import CheckpointError
from pixace.settings.model import ModelConfig, resolve_config
from pixace.system.files import NO_ROOM, remedy, replacing
from pixace.system.reading import gunzipped_size
from pixace.wording import quoted_text, shown

_MAX_STEP = 2**31  # TensorBoard's and the learning rate's steps have 32 bits
_PIXACE_KEY = "pixace"  # what resuming needs besides; plain trax does not look at it
_PIECE = 1 << 18  # bytes that fit into a processor's cache


@dataclasses.dataclass
class Checkpoint:
    """One state of a training.

    Attributes:
      step: steps done.
      weights: the model's arrays, in the order in which trax flattens them.
      slots: the optimiser's arrays (Adam: first and second moment of each weight in turn), or None
        where the file holds none.
      history: the curves so far.
      resume: what an exact continuation needs besides.
    """

    step: int
    weights: list[np.ndarray]
    slots: list[np.ndarray] | None = None
    history: History = dataclasses.field(default_factory=History)
    resume: ResumeState = dataclasses.field(default_factory=ResumeState)

    def config(self, path: Path) -> ModelConfig | None:
        """Returns the settings stored inside, None where there are none.

        Args:
          path: the file, for the message.

        Raises:
          CheckpointError: they cannot be used.
        """
        self.resume.require("config", path)
        return self.resume.config


def write_checkpoint(path: Path, checkpoint: Checkpoint, trax_fields: dict[str, Any]) -> None:
    """Writes one checkpoint file: whole and verified, or not at all.

    Args:
      path: its final name.
      checkpoint: the state to keep.
      trax_fields: what else plain trax wants to find (`flat_state`, `flat_eval_state`,
        `input_signature`).

    Raises:
      CheckpointError: the disk is full, the folder read-only, or the file does not read back.
    """
    contents = {
        "step": checkpoint.step,
        "flat_weights": checkpoint.weights,
        "slots_per_task": [checkpoint.slots or []],
        "history": checkpoint.history.to_stored(),
        "version_timestamp": "Oct-28-2020",  # of trax 1.3.7, whose one-file form this is
        _PIXACE_KEY: {**checkpoint.resume.to_stored(), "version": __version__},
        **trax_fields,
    }
    try:
        with (
            replacing(path, verify=_verify_bytes) as file,
            # Level 0 stores: random mantissas do not compress, and level 2 takes 40 times longer.
            gzip.GzipFile(fileobj=file, mode="wb", compresslevel=0, mtime=0) as stream,
        ):
            pickle.dump(contents, _InPieces(stream), protocol=4)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CheckpointError(
            f"{shown(path)}: cannot save: {reason}; older checkpoints are untouched, "
            f"{remedy(error.errno in NO_ROOM)} and run the command again"
        ) from None


class _InPieces:
    """Hands an array's bytes to gzip in pieces: it copies them, and copies in the cache are fast.

    For the default model's 384 MB, 0.7 s of processor time instead of 1.0.
    """

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        for start in range(0, len(view), _PIECE):
            self._stream.write(view[start : start + _PIECE])
        return len(view)


def _verify_bytes(path: Path) -> None:
    """Reads a gzip file to its end, which compares length and CRC with what was written.

    Raises:
      OSError: they differ.
    """
    try:
        gunzipped_size(path)
    except gzip.BadGzipFile as error:
        raise OSError(errno.EIO, f"it does not read back as it was written ({error})") from None


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint without executing anything in it.

    Files of pixace and of trax 1.3.7 are understood, those of trax 1.4.1 with their arrays in files
    beside them, and what `pixace export` writes.

    Raises:
      CheckpointError: the file is missing, damaged, or holds something else than weights.
    """
    limits = limits_of(path)
    if path.suffix == SUFFIX:
        stored = read_safetensors(path, limits)
        resume = ResumeState.from_stored({name: stored[name] for name in ("config", "words")})
        return Checkpoint(stored["step"], stored["weights"], resume=resume)
    contents, packed_at = safe_pickle.load_dated(path, limits=limits)
    if not isinstance(contents, dict):
        raise CheckpointError(f"{shown(path)}: no checkpoint: a {type(contents).__name__} inside")
    step = contents.get("step", 0)
    if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < _MAX_STEP:
        raise CheckpointError(
            f"{shown(path)}: the step is {quoted_text(step)}, not a number of steps"
        )
    weights, slots = contents.get("flat_weights"), _slots(contents, path)
    if isinstance(weights, int):  # the level at which trax compressed the files beside this one
        weights, slots = read_split_arrays(path, packed_at, limits)
    return Checkpoint(
        step=step,
        weights=_arrays(weights, path),
        slots=slots,
        history=History.from_stored(contents.get("history")),
        resume=ResumeState.from_stored(contents.get(_PIXACE_KEY)),
    )


def stored_config(path: Path, checkpoint: Checkpoint | None = None) -> ModelConfig | None:
    """Returns the settings stored beside a checkpoint, or else inside it.

    Args:
      path: the file.
      checkpoint: its contents, where they have been read already.

    Returns:
      The settings, None where there are none.

    Raises:
      CheckpointError: the settings, or the file, cannot be used.
      UsageError: there are both, and they contradict each other.
    """
    beside = load_config(path.parent)
    if checkpoint is None:
        return beside or read_checkpoint(path).config(path)
    inside = checkpoint.config(path)
    if beside is None or inside is None:
        return beside or inside
    return resolve_config(inside, beside.to_dict(), source=path)


def _arrays(values: Any, path: Path) -> list[np.ndarray]:
    if not isinstance(values, list | tuple):
        raise CheckpointError(f"{shown(path)}: no checkpoint: the weights are missing")
    flat = list(_leaves(values))
    if not flat or not all(isinstance(array, np.ndarray) for array in flat):
        raise CheckpointError(f"{shown(path)}: no checkpoint: the weights are not all arrays")
    return flat


def _slots(contents: dict[Any, Any], path: Path) -> list[np.ndarray] | None:
    values = contents.get("slots_per_task", contents.get("slots"))
    if not isinstance(values, list | tuple) or not list(_leaves(values)):
        return None
    return _arrays(values, path)


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, list | tuple):
        for branch in tree:
            yield from _leaves(branch)
    elif tree is not None:
        yield tree


def check_file(path: Path) -> None:
    """Refuses a file that does not hold weights; used on downloads before they get their name."""
    read_checkpoint(path)
