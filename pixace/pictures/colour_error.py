"""How different colours look, and which colour of some is nearest to another."""

from __future__ import annotations

import numpy as np

from pixace.pictures.rgb import OPAQUE

# sRGB (IEC 61966-2-1): linear RGB to CIE XYZ, and XYZ of its white, D65.
_XYZ = np.array(
    [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
)
_WHITE = _XYZ.sum(axis=1)
_ENCODED = np.arange(256) / 255.0
_LINEAR = np.where(_ENCODED <= 0.04045, _ENCODED / 12.92, ((_ENCODED + 0.055) / 1.055) ** 2.4)
_AT_ONCE = 1 << 16  # distances at a time, which a processor's cache holds


def colour_error(pixels: np.ndarray, others: np.ndarray) -> float:
    """Returns the mean colour difference of two equally large sets of pixels.

    It is the distance in the colour space CIELAB (CIE 1976, "Delta E*ab"; ISO/CIE 11664-4), of sRGB
    under its own white, averaged over the pixels. Black and white are 100 apart; about 2 can just
    be told apart side by side.

    Args:
      pixels: uint8 sRGB of shape (..., 3); or with alpha, (..., 4), of which those that are mostly
        transparent do not count.
      others: the same.
    """
    if pixels.shape[-1] > 3:
        is_opaque = pixels[..., 3] >= OPAQUE
        if not is_opaque.any():
            return 0.0
        pixels, others = pixels[is_opaque, :3], others[is_opaque, :3]
    return float(np.linalg.norm(lab(pixels) - lab(others), axis=-1).mean())


def nearest(pixels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Returns which of some colours is nearest to each pixel in CIELAB; the first of equally near.

    Args:
      pixels: uint8 sRGB of shape (N, 3).
      colours: uint8 sRGB of shape (K, 3).

    Returns:
      Integers of shape (N,), from 0 to K - 1.
    """
    return nearest_points(lab(pixels), lab(colours))


def nearest_points(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns which of the others, float64 (K, 3), is nearest to each point, (N, 3); int (N,)."""
    # |p - q|^2 less |p|^2, which is the same for all q, as one product of matrices.
    factors = np.vstack([-2 * others.T, (others**2).sum(axis=1)])
    points = np.column_stack([points, np.ones(len(points))])
    step = max(1, _AT_ONCE // len(others))
    found = np.empty(len(points), np.int64)
    distances = np.empty((step, len(others)))
    for start in range(0, len(points), step):
        some = points[start : start + step]
        np.matmul(some, factors, out=distances[: len(some)])
        distances[: len(some)].argmin(axis=1, out=found[start : start + step])
    return found


def lab(pixels: np.ndarray) -> np.ndarray:
    """Converts uint8 sRGB of shape (..., 3) to float64 CIELAB of the same shape."""
    relative = _LINEAR[pixels] @ _XYZ.T / _WHITE
    bent = np.where(
        relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29
    )
    x, y, z = bent[..., 0], bent[..., 1], bent[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
