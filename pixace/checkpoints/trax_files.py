"""Reads the arrays that trax 1.4.1 keeps beside a checkpoint.

trax writes three files, one after the other, and puts nothing into them that says they belong
together; in place of the arrays, the pickle has a level of compression:

    NAME.opt_slots0.npy.gz    the optimiser's arrays
    NAME.weights.npy.gz       the model's arrays
    NAME.pkl.gz               step, history, layer state

So the weights of `model-00100.pkl.gz` are in `model-00100.weights.npy.gz` and nowhere else: a copy
of the pickle alone has none, and `model.weights.npy.gz` beside it belongs to another step. What a
crash or a copy has mixed under one name is told by the times in the gzip headers, which must not
decrease in the order of writing.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path

import numpy as np

from pixace.checkpoints import safe_pickle
from pixace.errors import CheckpointError
from pixace.wording import shown

_log = logging.getLogger(__name__)

ADAM_SLOTS_PER_WEIGHT = 2  # first and second moment, in turn: the only slots that are taken over
_SUFFIX = ".pkl.gz"


def read_split_arrays(
    path: Path, packed_at: int, limits: safe_pickle.Limits = safe_pickle.DEFAULT_LIMITS
) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    """Reads the weights, and what can be used of the optimiser's state, beside a pickle.

    Args:
      path: the pickle.
      packed_at: the time in its gzip header, 0 if it has none.
      limits: of both together.

    Returns:
      The model's arrays, and the optimiser's; None in place of these, and a line in the log, where
      they are missing, damaged or not of these weights: training can do without.

    Raises:
      CheckpointError: the weights are missing, refused, or newer than the pickle.
    """
    beside = _beside(path, "weights")
    if not os.path.exists(beside):
        raise CheckpointError(
            f"{shown(path)}: holds no weights: trax keeps them in {shown(beside)}, which is "
            "missing; copy all files of the checkpoint together"
        )
    weights, weights_at = safe_pickle.load_arrays(beside, limits=limits)
    if _is_later(weights_at, packed_at):
        raise CheckpointError(
            f"{shown(beside)}: these weights were written after {shown(path)}, so they are of "
            "another step; copy all files of the checkpoint together"
        )
    # Where the weights' file does not tell its time, the pickle's is the next best.
    try:
        return weights, _read_slots(path, weights, weights_at or packed_at, limits)
    except CheckpointError as error:
        _log.warning("%s; a training from here starts with a new optimiser", error)
        return weights, None


def _read_slots(
    path: Path, weights: list[np.ndarray], weights_at: int, limits: safe_pickle.Limits
) -> list[np.ndarray]:
    """Returns the optimiser's arrays.

    Raises:
      CheckpointError: they are missing, refused, newer than the weights or of other shapes.
    """
    beside = _beside(path, "opt_slots0")
    left = limits.decompressed_bytes - sum(array.nbytes for array in weights)
    limits = dataclasses.replace(limits, decompressed_bytes=left)
    slots, slots_at = safe_pickle.load_arrays(beside, limits=limits)
    if _is_later(slots_at, weights_at):
        raise CheckpointError(f"{shown(beside)}: written after the weights, for another step")
    expected = [array.shape for array in weights for _ in range(ADAM_SLOTS_PER_WEIGHT)]
    if [array.shape for array in slots] != expected:
        raise CheckpointError(f"{shown(beside)}: its arrays are not those of Adam for the weights")
    return slots


def _beside(path: Path, part: str) -> Path:
    """Returns the name that trax gives to a part of a checkpoint.

    Raises:
      CheckpointError: the pickle has a name that trax does not give.
    """
    if not path.name.endswith(_SUFFIX):
        raise CheckpointError(
            f"{shown(path)}: one file of a checkpoint that trax split into several; the others "
            f"are found only if its name ends in {_SUFFIX}"
        )
    return path.with_name(f"{path.name.removesuffix(_SUFFIX)}.{part}.npy.gz")


def _is_later(time: int, other: int) -> bool:
    """Returns whether a header's time is after another's; not where one of them is unknown."""
    return bool(time and other) and time > other
