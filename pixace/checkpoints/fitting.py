"""Whether the arrays of a checkpoint fit a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixace.errors import CheckpointError
from pixace.settings.model import ModelConfig
from pixace.wording import shown


def fit_arrays(
    arrays: Sequence[np.ndarray],
    expected: Sequence[Any],
    path: Path,
    config: ModelConfig,
    what: str = "weight",
) -> list[np.ndarray]:
    """Checks arrays from a file against those of a model, one by one.

    Positional encodings of trax 1.3.7, (1, L, D), become (L, D), the only difference between the
    two versions.

    Args:
      arrays: from the file.
      expected: the model's own arrays, in the same order.
      path: the file, for the message.
      config: the model's settings, for the message.
      what: "weight" or "optimiser slot".

    Returns:
      float32 arrays of the expected shapes.

    Raises:
      CheckpointError: one array has another shape or type, or is not finite; there are more or
        fewer.
    """
    advice = f"the model is {config.as_flags()}: give the flags the file was trained with"
    if len(arrays) != len(expected):
        raise CheckpointError(
            f"{shown(path)}: {len(arrays)} {what}s in the file, {len(expected)} in the model; "
            f"{advice}"
        )
    fitted = []
    for index, (array, model_array) in enumerate(zip(arrays, expected, strict=True)):
        shape = tuple(model_array.shape)
        if array.shape == (1, *shape) and len(shape) == 2:
            array = array[0]
        if array.shape != shape or array.dtype.kind != "f":
            raise CheckpointError(
                f"{shown(path)}: {what} {index + 1} of {len(arrays)} is {array.dtype} of shape "
                f"{array.shape}, the model's is of shape {shape}; {advice}"
            )
        with np.errstate(over="ignore"):  # infinite then, and refused
            single = np.asarray(array, dtype=np.float32)
        if not np.isfinite(single).all():
            raise CheckpointError(
                f"{shown(path)}: {what} {index + 1} of {len(arrays)} holds numbers that are not "
                "finite; use an earlier checkpoint"
            )
        fitted.append(single)
    return fitted
