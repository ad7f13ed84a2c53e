"""What a PNG says of its colours by numbers is shown as it means."""

import struct

import numpy as np
import pytest

from pixace.pictures.formats.png_colours import profile_of
from pixace.pictures.reading import open_image
from tests.tools.hostile_images import chunk, png

SRGB_CORNERS = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_CORNERS = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
COLOUR = (200, 80, 70)


def shown(tmp_path, *chunks, colour=COLOUR):
    import zlib

    pixels = chunk(b"IDAT", zlib.compress(b"\0" + bytes(colour)))
    (tmp_path / "a.png").write_bytes(png(*chunks, pixels, size=(1, 1)))
    return open_image(tmp_path / "a.png").getpixel((0, 0))


def gamma(value):
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def corners(values):
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


def to_the_power(level, exponent):
    """Returns a level of linear light, in sRGB."""
    light = (level / 255) ** exponent
    return 255 * (12.92 * light if light < 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [gamma(0.45455)],
        [gamma(0.45)],
        [gamma(0.45455), corners(SRGB_CORNERS)],
        [corners(SRGB_CORNERS)],
        [chunk(b"sRGB", b"\0"), gamma(1.0), corners(P3_CORNERS)],
        [chunk(b"cICP", bytes([1, 13, 0, 1]))],
        [chunk(b"cICP", bytes([9, 16, 0, 1]))],  # brighter than any screen
        [chunk(b"cICP", bytes([99, 99, 0, 1]))],
        [gamma(0)],
        [gamma(1000)],
        [corners((0,) * 8)],
        [corners((0.3,) * 8)],
    ],
)
def test_what_means_srgb_or_makes_no_sense_changes_nothing(tmp_path, chunks):
    for colour in (COLOUR, (3, 2, 1), (0, 255, 17)):
        assert shown(tmp_path, *chunks, colour=colour) == colour


@pytest.mark.parametrize("value", [1.0, 1 / 1.8])
def test_a_gamma(tmp_path, value):
    expected = [to_the_power(level, 1 / value) for level in COLOUR]
    assert np.abs(np.subtract(shown(tmp_path, gamma(value)), expected)).max() <= 1.5


def test_the_same_colours_said_in_two_ways(tmp_path):
    by_corners = shown(tmp_path, gamma(0.45455), corners(P3_CORNERS))
    by_number = shown(tmp_path, chunk(b"cICP", bytes([12, 13, 0, 1])))
    assert by_corners == by_number != COLOUR
    assert np.abs(np.subtract(by_number, (216, 69, 63))).max() <= 2


def test_the_numbers_of_video_come_first(tmp_path):
    chunks = [chunk(b"cICP", bytes([12, 13, 0, 1])), gamma(1.0)]
    assert shown(tmp_path, *chunks) == shown(tmp_path, chunks[0])


def test_no_words_about_colours_are_no_profile():
    assert profile_of({}) is None
    assert profile_of({"srgb": 0, "gamma": 1.0}) is None
