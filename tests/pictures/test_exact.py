"""Exact pictures: blocks, sheets and palettes, pixel for pixel."""

import numpy as np
import pytest
from PIL import Image

from pixace.pictures.exact import block_size, enlarged, indexed, shrunk, tiled
from pixace.pictures.metadata import RECIPE_KEY


def noise(height, width, bands=3, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, bands), np.uint8)
    return Image.fromarray(pixels)


def reopened(picture, path):
    picture.save(path)
    with Image.open(path) as file:
        file.load()
        return file


# --- blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2, 5])
def test_enlarging_repeats_each_pixel_and_is_taken_back(times):
    picture = noise(4, 6)
    large = enlarged(picture, times)
    expected = np.asarray(picture).repeat(times, 0).repeat(times, 1)
    np.testing.assert_array_equal(np.asarray(large), expected)
    assert shrunk(large, picture.size).tobytes() == picture.tobytes()


@pytest.mark.parametrize("size", [(5, 4), (12, 8), (6, 5), (4, 6), (100, 100)])
def test_what_is_not_made_of_blocks_is_not_taken_back(size):
    assert shrunk(noise(8, 12), size) is None or size == (12, 8)


def test_one_pixel_in_a_block_that_differs_is_seen():
    large = enlarged(noise(4, 4), 4)
    large.putpixel((15, 15), (1, 2, 3))
    assert shrunk(large, (4, 4)) is None


# --- sheets -------------------------------------------------------------------------------------


def test_frames_are_side_by_side_without_borders():
    rows = [[noise(2, 3, seed=3 * row + column) for column in range(3)] for row in range(2)]
    sheet = tiled(rows)
    assert sheet.mode == "RGB"
    expected = np.vstack([np.hstack([np.asarray(frame) for frame in row]) for row in rows])
    np.testing.assert_array_equal(np.asarray(sheet), expected)


def test_a_cell_without_a_frame_is_transparent():
    sheet = np.asarray(tiled([[noise(2, 3), noise(2, 3, seed=1)], [noise(2, 3, seed=2)]]))
    assert sheet.shape == (4, 6, 4)
    assert not sheet[2:, 3:].any()
    assert (sheet[:2, :, 3] == 255).all() and (sheet[2:, :3, 3] == 255).all()


# --- palettes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_colours", [1, 2, 16, 17, 256])
def test_a_palette_has_exactly_the_colours_of_the_picture(tmp_path, n_colours):
    colours = np.random.default_rng(n_colours).permutation(1 << 24)[:n_colours]
    colours = colours.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3]
    picture = Image.fromarray(colours[np.arange(20 * 16).reshape(20, 16) % n_colours])
    result = reopened(indexed(picture), tmp_path / "out.png")
    assert result.mode == "P" and "transparency" not in result.info
    assert result.convert("RGB").tobytes() == picture.tobytes()
    palette = np.reshape(result.getpalette(), (-1, 3))[:n_colours]
    assert sorted(palette.tolist()) == sorted(colours.tolist())
    assert indexed(picture).tobytes() == indexed(picture.copy()).tobytes()


def test_more_colours_than_a_palette_holds_stay_as_they_are():
    ramp = Image.fromarray(
        np.dstack(
            [np.arange(257)[None] // 256, [np.arange(257) % 256] * 1, np.zeros((1, 257))]
        ).astype(np.uint8)
    )
    assert indexed(ramp) is ramp


def test_transparent_colours_come_first_and_stay_transparent(tmp_path):
    pixels = np.full((2, 3, 4), 255, np.uint8)
    pixels[0, 0], pixels[1, 1] = (0, 0, 0, 0), (0, 0, 0, 255)
    result = reopened(indexed(Image.fromarray(pixels)), tmp_path / "out.png")
    assert result.mode == "P"
    assert np.asarray(result).tolist() == [[0, 2, 2], [2, 1, 2]]
    np.testing.assert_array_equal(np.asarray(result.convert("RGBA")), pixels)
    assert b"tRNS" in (tmp_path / "out.png").read_bytes()


def test_the_recipe_stays_with_the_picture():
    picture = noise(2, 2)
    picture.info[RECIPE_KEY] = "{}"
    assert indexed(picture).info == {RECIPE_KEY: "{}"}


@pytest.mark.parametrize("times", [1, 2, 5, 30])
@pytest.mark.parametrize("bands", [3, 4])
def test_the_size_of_blocks_is_found(times, bands):
    large = enlarged(noise(9, 6, bands), times)
    assert block_size(large) == times
    assert block_size(large.convert("L")) == times
    off = large.copy()
    off.putpixel((0, off.height - 1), (1,) * bands)
    assert block_size(off) == 1


def test_blocks_must_fill_the_picture_and_be_squares():
    large = enlarged(noise(9, 6), 4)
    assert block_size(large.crop((1, 0, 24, 36))) == 1
    assert block_size(large.crop((0, 0, 22, 36))) == 2
    assert block_size(large.resize((48, 36), Image.Resampling.NEAREST)) == 4
    assert block_size(Image.new("RGB", (12, 18), "red")) == 6, "of one colour"
    assert block_size(Image.new("RGB", (1, 1))) == 1
