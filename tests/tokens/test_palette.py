"""Palettes: exact where the colours are there, the nearest in CIELAB where they are not."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from pixace.pictures.colour_error import lab
from pixace.pictures.known_palettes import KNOWN_PALETTES
from pixace.settings.pictures import PictureSettings
from pixace.tokens.palette import PaletteCodec
from pixace.tokens.reading import encoded, pixels_of, tokens_of
from pixace.tokens.tiles import picture_of


def drawn(n_colours: int) -> tuple[list[str], np.ndarray]:
    """Returns so many colours, and pictures of them, uint8 (3, 8, 8, 3)."""
    rng = np.random.default_rng(n_colours)
    codes = rng.choice(1 << 24, n_colours, replace=False)
    entries = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
    return [f"{code:06x}" for code in codes], entries[rng.integers(0, n_colours, (3, 8, 8))]


@pytest.mark.parametrize("n_colours", [1, 2, 16, 256, 4096])
def test_pictures_of_its_colours_come_back_exactly(n_colours):
    colours, pictures = drawn(n_colours)
    settings = PictureSettings(8, 8, "palette:" + ",".join(colours))
    tokens = encoded(pictures, settings)
    for row, picture in zip(tokens, pictures, strict=True):
        np.testing.assert_array_equal(np.asarray(picture_of(row, settings)), picture)


def test_enlarging_by_a_whole_number_makes_no_new_colours(tmp_path):
    colours, pictures = drawn(16)
    settings = PictureSettings(16, 24, "palette:" + ",".join(colours))
    small = Image.fromarray(pictures[0])
    small.save(tmp_path / "small.png")
    blocks = small.resize((24, 16), Image.Resampling.NEAREST)
    for source in (small, tmp_path / "small.png"):
        assert picture_of(tokens_of(source, settings), settings) == blocks
    np.testing.assert_array_equal(
        pixels_of(small, dataclasses.replace(settings, colours="hsv:5,4,4")),
        np.asarray(small.resize((24, 16))),
    )
    other = dataclasses.replace(settings, width=20)
    np.testing.assert_array_equal(pixels_of(small, other), np.asarray(small.resize((20, 16))))


def test_tokens_are_in_the_order_of_the_palette():
    codec = PaletteCodec(["ff004d", "000000", "1d2b53"])
    np.testing.assert_array_equal(codec.colours()[2:], [[255, 0, 77], [0, 0, 0], [29, 43, 83]])


@pytest.mark.parametrize("name", KNOWN_PALETTES)
def test_other_colours_become_the_nearest(name):
    codec = PaletteCodec(KNOWN_PALETTES[name])
    pixels = np.random.default_rng(0).integers(0, 256, (500, 3), dtype=np.uint8)
    entries = codec.colours()[2:]
    distances = np.linalg.norm(lab(pixels)[:, None] - lab(entries), axis=-1)
    for _ in range(2):  # the second time from memory
        np.testing.assert_array_equal(codec.encode(pixels) - 2, distances.argmin(axis=1))
