"""Levels of channels, each of some bits, packed into one integer, the first in the lowest bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def packed(levels: np.ndarray, bits: Sequence[int]) -> np.ndarray:
    """Packs levels, integers (..., C) of C channels, into integers (...)."""
    codes = np.zeros_like(levels[..., 0])
    shift = 0
    for channel, width in enumerate(bits):
        codes = codes | levels[..., channel] << shift
        shift += width
    return codes


def unpacked(codes: np.ndarray, bits: Sequence[int]) -> np.ndarray:
    """Returns the levels, integers (..., C), that have been packed into integers (...)."""
    levels, shift = [], 0
    for width in bits:
        levels.append(codes >> shift & (2**width - 1))
        shift += width
    return np.stack(levels, axis=-1)


def max_levels(bits: Sequence[int]) -> np.ndarray:
    """Returns the highest level of each channel, float64 (C,)."""
    return np.array([2.0**width - 1.0 for width in bits])
