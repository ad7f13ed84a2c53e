import numpy as np
import pytest
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.exact import enlarged
from pixace.pictures.reading import open_fitted, open_image
from pixace.pictures.writing import write_picture
from pixace.settings.pictures import PictureSettings
from pixace.tokens import image_to_tokens
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import encoded, pixels_of, tokens_of, tokens_of_each
from pixace.tokens.tiles import picture_of
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


def test_files_read_together_have_the_tokens_of_each(noise, tmp_path):
    pictures = PictureSettings(16, 32, "hsv:5,4,4")
    drawn = picture_of(np.arange(16 * 32) + 2 + 16 * 32, pictures)  # of the least value
    drawn.save(tmp_path / "photo.png")
    drawn.info["pixace"] = "{}"
    write_picture(drawn, tmp_path / "drawn.png")
    noise.save(tmp_path / "noise.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    names = ("noise.png", "bad.png", "drawn.png", "photo.png")
    noise_row, error, *rows = tokens_of_each([tmp_path / name for name in names], pictures)
    assert isinstance(error, ImageError) and "bad.png: not an image" in str(error)
    for name, row in zip(("noise.png", "drawn.png", "photo.png"), (noise_row, *rows), strict=True):
        assert row.dtype == np.int32
        np.testing.assert_array_equal(row, tokens_of(tmp_path / name, pictures))
    assert (rows[0] != rows[1]).any()
    assert [type(each) for each in tokens_of_each([tmp_path / "bad.png"], pictures)] == [ImageError]


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
