import dataclasses

import numpy as np
import pytest
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.exact import enlarged, indexed
from pixace.pictures.reading import open_fitted, open_image
from pixace.pictures.writing import write_picture
from pixace.settings.pictures import PictureSettings
from pixace.tokens import image_to_tokens
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import encoded, picture_of_file, pixels_of, tokens_of, tokens_of_each
from pixace.tokens.tiles import picture_of
from pixace.tokens.vocabulary import N_RESERVED, TRANSPARENT_ID
from tests.conftest import paint_stripes

SQUARE = PictureSettings(6, 6, "hsv:3,2,2")
WIDE = PictureSettings(4, 6, "hsv:3,2,2", "white")


@pytest.fixture
def noise() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 4), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_square_has_the_tokens_of_the_public_function(noise):
    tokens = tokens_of(noise, SQUARE)
    assert tokens.dtype == np.int32
    np.testing.assert_array_equal(tokens, image_to_tokens(noise, 6, (3, 2, 2)))


@pytest.mark.parametrize("pictures", [SQUARE, WIDE])
def test_a_file_has_the_tokens_of_the_picture_in_it(noise, tmp_path, pictures):
    path = tmp_path / "noise.png"
    noise.save(path)
    tokens = tokens_of(path, pictures)
    assert tokens.shape == (pictures.n_pixels,)
    for same in (str(path), noise, open_image(path, pictures.background)):
        np.testing.assert_array_equal(tokens_of(same, pictures), tokens)


def test_pixels_are_the_scaled_picture_in_all_its_colours(noise):
    pixels = pixels_of(noise.convert("RGB"), WIDE)
    np.testing.assert_array_equal(pixels, np.asarray(noise.convert("RGB").resize((6, 4))))


def test_transparency_shows_the_background():
    clear = Image.new("RGBA", (3, 3))
    assert (pixels_of(clear, WIDE) == 255).all()
    assert (pixels_of(clear, SQUARE) == 0).all()


def test_a_large_jpeg_is_not_decoded_in_full(tmp_path):
    path, pictures = tmp_path / "large.jpg", PictureSettings(6, 6, "hsv:2,1,2")
    paint_stripes(path)
    tokens = tokens_of(path, pictures)
    drafted = np.asarray(open_fitted(path, pictures))
    np.testing.assert_array_equal(tokens, encoded(drafted, pictures))
    assert (tokens != tokens_of(open_image(path), pictures)).any(), "all its pixels have others"


def test_many_pictures_are_encoded_as_each_of_them(noise):
    pixels = pixels_of(noise, WIDE)
    both = encoded(np.stack([pixels, pixels[::-1]]), WIDE)
    assert both.shape == (2, 24)
    np.testing.assert_array_equal(both[0], tokens_of(noise, WIDE))
    np.testing.assert_array_equal(both[1].reshape(4, 6), both[0].reshape(4, 6)[::-1])


@pytest.mark.parametrize("colours", ["hsv:5,4,4", "hsv:4,3,3", "hsv:0,7,7", "hsv:0,0,1"])
@pytest.mark.parametrize("times", [1, 3])
def test_what_pixace_has_drawn_comes_back_exactly(tmp_path, colours, times):
    """In every colour that there is, also those that another round trip would change."""
    palette = codec_of(PictureSettings(1, 1, colours)).colours()
    for start in range(0, len(palette), 16 * 32):
        ids = np.resize(np.arange(start, min(start + 16 * 32, len(palette))), 16 * 32)
        pictures = PictureSettings(16, 32, colours)
        drawn = enlarged(picture_of(ids, pictures), times)
        drawn.info["pixace"] = "{}"
        write_picture(drawn, tmp_path / "a.png")
        for source in (tmp_path / "a.png", drawn):
            tokens = tokens_of(source, pictures)
            assert (tokens.dtype, tokens.shape) == (np.int32, (16 * 32,))
            np.testing.assert_array_equal(palette[tokens], palette[ids])
            assert (tokens >= 2).all()


@pytest.mark.parametrize("colours", ["hsv:5,4,4", "rgb:3,3,2", "grey:3", "palette:ff004d,000000"])
@pytest.mark.parametrize("times", [1, 3])
def test_what_was_drawn_with_transparency_comes_back_exactly(tmp_path, colours, times):
    pictures = PictureSettings(16, 32, colours, alpha=True)
    palette = codec_of(pictures).colours()
    ids = np.random.default_rng(0).integers(TRANSPARENT_ID, len(palette), 16 * 32)
    ids[::3] = TRANSPARENT_ID
    drawn = enlarged(picture_of(ids, pictures), times)
    drawn.info["pixace"] = "{}"
    for source in (indexed(drawn), drawn):
        write_picture(source, tmp_path / "a.png")
        tokens = tokens_of(tmp_path / "a.png", pictures)
        np.testing.assert_array_equal(palette[tokens], palette[ids])
        np.testing.assert_array_equal(tokens == TRANSPARENT_ID, ids == TRANSPARENT_ID)


def test_a_transparent_picture_is_still_one_for_models_that_know_none(noise):
    tokens = tokens_of(noise, WIDE)
    assert (tokens >= N_RESERVED).all()
    seen = tokens_of(noise, dataclasses.replace(WIDE, alpha=True))
    assert (seen == TRANSPARENT_ID).any() and (seen >= N_RESERVED).any()


def test_files_read_together_have_the_tokens_of_each(noise, tmp_path):
    pictures = PictureSettings(16, 32, "hsv:5,4,4")
    drawn = picture_of(np.arange(16 * 32) + 2 + 16 * 32, pictures)  # of the least value
    drawn.save(tmp_path / "photo.png")
    drawn.info["pixace"] = "{}"
    write_picture(drawn, tmp_path / "drawn.png")
    noise.save(tmp_path / "noise.png")
    paths = [tmp_path / name for name in ("noise.png", "drawn.png", "photo.png")]
    rows = tokens_of_each([picture_of_file(Image.open(path), pictures) for path in paths], pictures)
    assert rows.dtype == np.int32
    for path, row in zip(paths, rows, strict=True):
        np.testing.assert_array_equal(row, tokens_of(path, pictures))
    assert (rows[1] != rows[2]).any()


def test_a_photograph_of_those_colours_is_read_as_ever():
    pictures = PictureSettings(16, 32, "hsv:5,4,4")
    ids = np.arange(16 * 32) + 2
    photo = picture_of(ids, pictures)
    usual = encoded(np.asarray(photo), pictures)
    np.testing.assert_array_equal(tokens_of(photo, pictures), usual)
    photo.putpixel((0, 0), (1, 2, 3))
    photo.info["pixace"] = "{}"  # such as a collage of that size
    assert (tokens_of(photo, pictures)[1:] == usual[1:]).all()


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"bad\.png: not an image of a known kind"):
        tokens_of(tmp_path / "bad.png", SQUARE)
    with pytest.raises(ImageError, match=r"^http://127\.0\.0\.1:9/x\.png: "):
        tokens_of("http://127.0.0.1:9/x.png", SQUARE)
