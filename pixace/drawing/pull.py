"""A pull: the colours that pixels should have, and what it costs each token to have another one.

What a pixel is drawn from is the model's logits less a weight times the distance in CIELAB
(CIE 1976) between each token's colour and the one wanted there. The weight grows with the strength
without bounds: with none, the model draws as ever; with all of it, only the nearest token is left.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from pixace.pictures.colour_error import lab
from pixace.pictures.rgb import OPAQUE
from pixace.tokens.vocabulary import N_RESERVED, TRANSPARENT_ID

_HALF = 0.15  # nats for each unit of distance at a strength of a half
_NEVER = 1e9  # nats; finite, as differences of infinities would make NaNs
_CLEAR = 100.0  # least distance of what is transparent from a colour: that of black from white


@dataclasses.dataclass(frozen=True, eq=False)
class Pull:
    """What pulls the pixels of each picture of a drawing.

    Attributes:
      wanted: uint8 (L, C), the colour of each pixel, RGB or RGBA.
      colours: uint8 (V, C), the colour of each token; those that are reserved have none.
      strength: above 0, up to 1.
    """

    wanted: np.ndarray
    colours: np.ndarray
    strength: float

    def next_costs(self, done: int, n_pixels: int) -> np.ndarray:
        """Returns what to take from the logits of so many pixels after those done.

        Only so much of it is in memory at a time.

        Returns:
          Nats, float32 (n_pixels, V); those beyond the picture are 0.
        """
        wanted = self.wanted[done : done + n_pixels]
        distances = self._distances(wanted)
        distances[:, ~self._has_colour] = np.inf
        if self.strength < 1:
            costs = np.minimum(distances * _weight(self.strength), _NEVER)
        else:
            is_nearest = np.arange(len(self.colours)) == distances.argmin(axis=1)[:, None]
            costs = np.where(is_nearest, 0, _NEVER)
        missing = n_pixels - len(wanted)
        return np.pad(costs, ((0, missing), (0, 0))).astype(np.float32)

    def _distances(self, pixels: np.ndarray) -> np.ndarray:
        """Returns how far pixels, uint8 (N, C), are from each token's colour, float64 (N, V)."""
        points = lab(pixels[:, :3])
        squares = np.zeros((len(pixels), len(self.colours)))
        for channel in range(3):  # all three at once would take three times the memory
            squares += (points[:, channel, None] - self._points[:, channel]) ** 2
        distances = np.sqrt(squares)
        if pixels.shape[1] == 4:
            is_clear, other = pixels[:, 3:] < OPAQUE, self.colours[:, 3] < OPAQUE
            # Also farther than any colour, or one that the model has nothing near to would be none.
            farthest = distances[:, N_RESERVED:].max(axis=1, keepdims=True)
            apart = np.where(is_clear, _CLEAR, np.maximum(_CLEAR, farthest + 1))
            distances = np.where(is_clear | other, apart * (is_clear != other), distances)
        return distances

    @functools.cached_property
    def _points(self) -> np.ndarray:
        """The tokens' colours in CIELAB, float64 (V, 3)."""
        return lab(self.colours[:, :3])

    @functools.cached_property
    def _has_colour(self) -> np.ndarray:
        """Which tokens a pixel can be, bool (V,)."""
        tokens = np.arange(len(self.colours))
        is_clear = (tokens == TRANSPARENT_ID) & (self.colours.shape[1] == 4)
        return (tokens >= N_RESERVED) | is_clear


def _weight(strength: float) -> float:
    """Returns nats for each unit of distance: from 0 to any number as the strength goes to 1."""
    return _HALF * strength / (1 - strength)
