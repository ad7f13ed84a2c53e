"""What stands around a pixel, for whole pictures and pixel by pixel."""

import numpy as np
import pytest

from pixace.backend.door import jax, trax
from pixace.models.layers.neighbours import NEIGHBOURS, Neighbours

SHAPE = (4, 5)
N_PIXELS = SHAPE[0] * SHAPE[1]


def layer(mode: str, n_pictures: int) -> Neighbours:
    made = Neighbours(SHAPE, mode)
    made.init(trax.shapes.ShapeDtype((n_pictures, 1, 2), np.float32))
    made.rng = jax.random.PRNGKey(0)
    return made


@pytest.fixture
def pictures() -> np.ndarray:
    """Two pictures of two numbers for each pixel."""
    return np.random.default_rng(0).normal(size=(2, *SHAPE, 2)).astype(np.float32)


def shifted(pictures: np.ndarray) -> np.ndarray:
    """What comes in: the start symbol's vector, and all pixels but the last."""
    pixels = pictures.reshape(2, N_PIXELS, 2)
    return np.concatenate([np.full((2, 1, 2), 9.0, np.float32), pixels[:, :-1]], axis=1)


def expected(pictures: np.ndarray) -> np.ndarray:
    around = np.zeros((2, *SHAPE, len(NEIGHBOURS), 2), np.float32)
    for number, (y, x) in enumerate(NEIGHBOURS):
        for row, column in np.ndindex(SHAPE):
            if row + y >= 0 and 0 <= column + x < SHAPE[1]:
                around[:, row, column, number] = pictures[:, row + y, column + x]
    return around.reshape(2, N_PIXELS, -1)


def test_all_neighbours_were_drawn_before():
    assert all(y < 0 or (y == 0 and x < 0) for y, x in NEIGHBOURS)
    assert len(set(NEIGHBOURS)) == 16


def test_a_whole_picture(pictures):
    np.testing.assert_array_equal(layer("eval", 2)(shifted(pictures)), expected(pictures))


def test_the_beginning_of_a_picture(pictures):
    found = layer("eval", 2)(shifted(pictures)[:, :7])
    np.testing.assert_array_equal(found, expected(pictures)[:, :7])


@pytest.mark.parametrize("pieces", [[1] * N_PIXELS, [7, 1, 1, 8, 3]])
def test_pixel_by_pixel(pictures, pieces):
    memory, start = layer("predict", 2), 0
    found = []
    for length in pieces:
        found.append(memory(shifted(pictures)[:, start : start + length]))
        start += length
    np.testing.assert_array_equal(np.concatenate(found, axis=1), expected(pictures))
