"""The colour profile that a PNG means which has none, but numbers for its colours.

Those are the numbers of video (cICP), or else a gamma and chromaticities (gAMA, cHRM). What they
say is spelt as an ICC profile, so that all that is said of colours is read in one way.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

_D65, _D50 = (0.3127, 0.3290), (0.34567, 0.35850)
# White, red, green and blue in x, y, by the numbers of ITU-T H.273.
_PRIMARIES = {
    1: (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
_SRGB = 1, 13
# Gamma, a, b, c, d: (a x + b) ** gamma from d on, and below that c x.
_Curve = tuple[float, ...]
_CURVES: dict[int, _Curve] = {
    1: (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081),
    4: (2.2, 1, 0, 0, 0),
    5: (2.8, 1, 0, 0, 0),
    6: (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081),
    8: (1, 1, 0, 0, 0),
    13: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
}
_USUAL_GAMMA, _NEAR = 1 / 2.2, 0.05  # what the curve of sRGB is called, and how exactly
_GAMMAS = 0.1, 10.0
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def profile_of(info: Mapping[Any, Any]) -> bytes | None:
    """Returns the profile that a PNG means; None where it says nothing, or only that it is sRGB.

    Args:
      info: what Pillow knows of the file: cicp, srgb, gamma and chromaticity.
    """
    numbers = info.get("cicp")
    if numbers is not None and len(numbers) == 4:
        primaries, curve = _PRIMARIES.get(numbers[0]), _CURVES.get(numbers[1])
        if numbers[:2] == bytes(_SRGB) or primaries is None or curve is None:
            return None
        return _profile(primaries, curve)
    gamma, chromaticity = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or (gamma is None and chromaticity is None):
        return None
    primaries, curve = chromaticity or _PRIMARIES[_SRGB[0]], _CURVES[_SRGB[1]]
    if gamma is not None and abs(gamma / _USUAL_GAMMA - 1) > _NEAR:
        if not _GAMMAS[0] <= gamma <= _GAMMAS[1]:
            return None
        curve = (1 / gamma, 1, 0, 0, 0)
    return _profile(primaries, curve)


def _profile(primaries: tuple[float, ...], curve: _Curve) -> bytes | None:
    """Spells an ICC profile of three primaries and a curve; None for what is no such space."""
    try:
        columns = _to_xyz(primaries).T
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return None
    if not (np.isfinite(columns).all() and np.abs(columns).max() < 4):
        return None
    para = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(curve)
    tags = {b"wtpt": _xyz_tag(_xyz(*_D50))}
    tags |= {
        b"%cXYZ" % name: _xyz_tag(column) for name, column in zip(b"rgb", columns, strict=True)
    }
    tags |= {b"%cTRC" % name: para for name in b"rgb"}
    place, data = 132 + 12 * len(tags), b""
    table = struct.pack(">I", len(tags))
    for name, body in tags.items():
        table += name + struct.pack(">II", place + len(data), len(body))
        data += body
    head = struct.pack(">I", place + len(data)) + bytes(4) + b"\4\x20\0\0mntrRGB XYZ "
    head = head.ljust(36, b"\0") + b"acsp" + bytes(28) + _fixed(_xyz(*_D50))
    return head.ljust(128, b"\0") + table + data


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """Returns what makes XYZ as seen in the light of D50 of linear RGB, float64 (3, 3)."""
    white, *corners = (_xyz(*primaries[n : n + 2]) for n in (0, 2, 4, 6))
    matrix = np.array(corners).T
    matrix = matrix * np.linalg.solve(matrix, white)
    scale = (_BRADFORD @ _xyz(*_D50)) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ np.diag(scale) @ _BRADFORD @ matrix


def _xyz(x: float, y: float) -> np.ndarray:
    """Returns a chromaticity's XYZ at a luminance of 1."""
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _xyz_tag(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: Any) -> bytes:
    """Spells numbers as ICC does."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
