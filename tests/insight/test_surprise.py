import dataclasses
import math

import numpy as np
import pytest
from PIL import Image

from pixace.insight.surprise import Surprise, heat_map, magma, sheet_size, surprise_sheet
from pixace.settings.pictures import PictureSettings
from pixace.tokens.reading import tokens_of

PICTURES = PictureSettings(4, 4, "hsv:2,1,2")  # 34 colours


def test_magma_gets_brighter_from_black_to_pale_yellow():
    colours = magma(np.linspace(0, 1, 100)).astype(int)
    assert colours.shape == (100, 3)
    assert colours[0].max() < 8 and colours[-1].min() > 180
    brightness = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness) > -0.5).all()
    np.testing.assert_array_equal(magma(np.array([-1.0, 2.0])), magma(np.array([0.0, 1.0])))


def test_the_scale_ends_at_a_blind_guess():
    guess = math.log(34)
    nats = np.array([0.0, guess / 2, guess, 9 * guess, 0.0, guess])
    pixels = np.asarray(heat_map(nats, dataclasses.replace(PICTURES, height=2, width=3)))
    expected = magma(np.array([[0, 0.5, 1], [1, 0, 1]]))
    np.testing.assert_array_equal(pixels, expected)


def a_surprise(colour: str, nats: float, name: str = "some.png") -> Surprise:
    tokens = tokens_of(Image.new("RGB", (4, 4), colour), PICTURES)
    return Surprise(name, tokens, np.full(16, nats))


def test_a_sheet_shows_each_picture_beside_its_heat_map():
    rows = [a_surprise("white", 9.0), a_surprise("red", 0.0, "a\nb" + "long" * 100)]
    sheet = surprise_sheet(rows, PICTURES)
    assert sheet.size == sheet_size(2)
    legend = sheet.height - 2 * 128
    centres = [
        [sheet.getpixel((64 + 128 * column, legend + 64 + 128 * row)) for column in range(2)]
        for row in range(2)
    ]
    assert centres == [
        [(255, 255, 255), tuple(magma(np.array(1.0)).tolist())],
        [(255, 0, 0), tuple(magma(np.array(0.0)).tolist())],
    ]
    captions = np.asarray(sheet)[legend:, 2 * 128 :]
    for row in range(2):
        half = captions[row * 128 : (row + 1) * 128]
        assert half.any()  # there is text
        assert not half[:, -4:].any()  # and it ends before the edge
    bar = np.asarray(sheet)[12, 8:248]
    np.testing.assert_array_equal(bar, magma(np.linspace(0, 1, 240)))


def test_bits_are_the_mean_of_the_pixels():
    assert a_surprise("red", math.log(8)).bits_per_pixel == pytest.approx(3)
