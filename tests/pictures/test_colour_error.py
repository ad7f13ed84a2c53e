import numpy as np
import pytest

from pixace.pictures.colour_error import colour_error


# CIELAB of sRGB colours under D65, as published by Lindbloom's and others' calculators.
@pytest.mark.parametrize(
    ("colour", "lab"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((5, 5, 5), (1.37, 0, 0)),
    ],
)
def test_the_error_is_a_distance_in_cielab(colour, lab):
    for other, other_lab in (((0, 0, 0), (0, 0, 0)), ((255, 0, 0), (53.24, 80.09, 67.20))):
        expected = np.linalg.norm(np.subtract(lab, other_lab))
        measured = colour_error(np.array([colour], np.uint8), np.array([other], np.uint8))
        assert measured == pytest.approx(expected, abs=0.05)


def test_what_is_mostly_transparent_does_not_count():
    pixels = np.array([[[0, 0, 0, 255], [255, 0, 0, 127], [0, 0, 0, 128]]], np.uint8)
    others = np.array([[[255, 255, 255, 255], [0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8)
    assert colour_error(pixels, others) == pytest.approx(50)
    assert colour_error(pixels[:, 1:2], others[:, 1:2]) == 0.0
