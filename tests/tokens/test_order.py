import numpy as np
import pytest

from pixace.settings.pictures import PictureSettings
from pixace.tokens.order import PixelOrder, order_of

SHAPE = (2, 3)
BY_COLUMNS = np.array([0, 3, 1, 4, 2, 5])


@pytest.fixture
def picture() -> np.ndarray:
    return np.array([[10, 11, 12], [13, 14, 15]])


def test_settings_name_the_order_of_reading(picture):
    order = order_of(PictureSettings(*SHAPE, "hsv:5,4,4"))
    sequence = order.sequence(picture)
    assert sequence.tolist() == [10, 11, 12, 13, 14, 15]
    np.testing.assert_array_equal(order.picture(sequence), picture)


def test_reading_order_copies_nothing(picture):
    order = PixelOrder(*SHAPE)
    assert np.shares_memory(order.sequence(picture), picture)
    assert np.shares_memory(order.picture(order.sequence(picture)), picture)


def test_another_order_says_which_pixel_comes_when(picture):
    order = PixelOrder(*SHAPE, BY_COLUMNS)
    sequence = order.sequence(picture)
    assert sequence.tolist() == [10, 13, 11, 14, 12, 15]
    np.testing.assert_array_equal(order.picture(sequence), picture)


@pytest.mark.parametrize("permutation", [None, BY_COLUMNS])
@pytest.mark.parametrize("leading", [(), (0,), (4,), (2, 3)])
def test_many_pictures_at_once(permutation, leading):
    order = PixelOrder(*SHAPE, permutation)
    pictures = np.random.default_rng(0).integers(0, 99, (*leading, *SHAPE))
    sequences = order.sequence(pictures)
    assert sequences.shape == (*leading, 6)
    np.testing.assert_array_equal(order.picture(sequences), pictures)


@pytest.mark.parametrize("permutation", [None, BY_COLUMNS])
def test_mirrored_swaps_left_and_right(picture, permutation):
    order = PixelOrder(*SHAPE, permutation)
    swapped = order.sequence(picture)[order.mirrored()]
    np.testing.assert_array_equal(order.picture(swapped), picture[:, ::-1])


@pytest.mark.parametrize("permutation", [None, BY_COLUMNS])
def test_rolled_brings_in_at_one_side_what_leaves_at_the_other(picture, permutation):
    order = PixelOrder(*SHAPE, permutation)
    sequences = order.sequence(np.stack([picture, picture + 10, picture]))
    shifted = order.picture(order.rolled(sequences, np.array([0, 1, -1]), np.array([0, 2, -4])))
    expected = [picture, np.roll(picture + 10, (1, 2), (0, 1)), np.roll(picture, (-1, -4), (0, 1))]
    np.testing.assert_array_equal(shifted, expected)
