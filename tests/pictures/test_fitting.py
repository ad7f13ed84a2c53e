"""Pictures made whole: their size, the exact way back, large JPEGs that are not all decoded."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from pixace.errors import ImageError
from pixace.pictures.exact import enlarged
from pixace.pictures.fitting import fitted
from pixace.pictures.metadata import RECIPE_KEY
from pixace.pictures.reading import open_fitted, open_image
from pixace.settings.pictures import FITS, PictureSettings
from tests.tools.hostile_images import lossless_jpeg

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encode(img, kind, **options):
    """Returns the bytes of a picture in one of Pillow's formats."""
    buffer = io.BytesIO()
    img.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(size):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def shape(width, height, **others):
    return PictureSettings(height, width, "hsv:5,4,4", **others)


def test_scaling_takes_the_default_filter():
    img, size = noise((40, 20)), (16, 12)
    scaled = img.resize(size, Image.Resampling.BICUBIC)
    assert fitted(img, shape(*size)).tobytes() == scaled.tobytes()


def test_only_what_pixace_has_drawn_is_taken_back():
    small = noise((4, 4))
    large = enlarged(small, 3)
    assert fitted(large, shape(4, 4)).tobytes() == large.resize((4, 4)).tobytes()
    large.info[RECIPE_KEY] = "{}"
    assert fitted(large, shape(4, 4)).tobytes() == small.tobytes()
    assert fitted(large, shape(5, 5)).tobytes() == large.resize((5, 5)).tobytes()


@pytest.mark.parametrize("times", [1, 2, 7])
def test_whatever_was_made_larger_is_taken_back_where_that_is_asked_for(times):
    small = noise((6, 4))
    unscaled = dataclasses.replace(shape(6, 4), unscale=True)
    assert fitted(enlarged(small, times), unscaled).tobytes() == small.tobytes()
    other = enlarged(noise((5, 4)), times)
    assert fitted(other, unscaled).tobytes() == fitted(other, shape(6, 4)).tobytes()


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize(("size", "times"), [((13, 8), 4), ((11, 8), 8), ((12, 8), 4), ((5, 7), 3)])
def test_and_so_are_pictures_of_other_shapes_before_these_are_changed(fit, size, times):
    small = noise(size)
    pictures = shape(8, 8, fit=fit) if fit == "crop" else shape(16, 16, fit=fit)
    unscaled = dataclasses.replace(pictures, unscale=True)
    assert fitted(enlarged(small, times), unscaled).tobytes() == fitted(small, pictures).tobytes()
    plain = Image.new("RGB", (64, 48), "red")  # may have been of any size
    assert fitted(plain, unscaled) == fitted(plain, pictures)


def test_that_of_coarser_pixel_art_some_blocks_are_left():
    small = noise((3, 2))
    unscaled = dataclasses.replace(shape(6, 4), unscale=True)
    assert fitted(enlarged(small, 8), unscaled).tobytes() == enlarged(small, 2).tobytes()


# --- transparency -------------------------------------------------------------------------------


def with_alpha(width, height, colours="hsv:5,4,4"):
    return PictureSettings(height, width, colours, "white", alpha=True)


def half_transparent(size):
    """Noise in all four channels, as PNGs of soft edges have it."""
    pixels = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_picture_of_the_right_size_keeps_colours_and_alpha():
    img = half_transparent((7, 5))
    assert fitted(img, with_alpha(7, 5)).tobytes() == img.tobytes()
    palette = Image.new("P", (7, 5), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putpixel((2, 2), 0)
    palette.info["transparency"] = 0
    plain = np.asarray(fitted(palette, with_alpha(7, 5)))
    assert plain[2, 2, 3] == 0 and (np.delete(plain.reshape(-1, 4), 16, 0) == [*GREEN, 255]).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "CMYK", "YCbCr", "P", "I;16", "I", "F"])
def test_what_has_no_transparency_is_opaque_in_its_own_colours(mode):
    img = Image.new(mode, (4, 4), 9) if mode[0] in "IF" else noise((4, 4)).convert(mode)
    plain = fitted(img, with_alpha(4, 4))
    assert plain.mode == "RGBA" and plain.getextrema()[3] == (255, 255)
    assert plain.convert("RGB").tobytes() == fitted(img, shape(4, 4)).tobytes()


def test_hidden_colours_do_not_bleed():
    """Blue stays blue beside transparent pixels whose colour is white."""
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[:, 3:] = 255, 255, 255, 0
    pixels[:, :3] = *BLUE, 255
    small = np.asarray(fitted(Image.fromarray(pixels), with_alpha(3, 3)))
    seen = small[small[..., 3] >= 128]
    assert len(seen) and (seen[:, :2] <= 1).all() and (seen[:, 2] >= 254).all()


@pytest.mark.parametrize("colours", ["hsv:5,4,4", "palette:0000ff,ffffff"])
def test_pictures_that_fit_in_whole_blocks_get_no_new_pixels(colours):
    img = half_transparent((4, 3))
    assert fitted(img, with_alpha(8, 9, colours)).tobytes() == img.resize((8, 9), 0).tobytes()
    large = enlarged(img, 3)
    large.info[RECIPE_KEY] = "{}"
    assert fitted(large, with_alpha(4, 3, colours)).tobytes() == img.tobytes()
    one_way = fitted(img, with_alpha(8, 7, colours))
    assert one_way.tobytes() == img.resize((8, 7)).tobytes(), "blocks would not be of one size"


# --- other shapes -------------------------------------------------------------------------------


def pixels(img):
    return np.asarray(img)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(24, 16), (16, 24), (1, 256), (1, 1)])
def test_a_picture_of_exactly_that_size_stays_as_it_is(fit, size):
    img = noise(size)
    assert fitted(img, shape(*size, fit=fit)).tobytes() == img.tobytes()


@pytest.mark.parametrize("fit", FITS)
def test_pictures_of_the_same_shape_are_scaled_whatever_the_fit(fit):
    img = noise((48, 32))
    assert fitted(img, shape(24, 16, fit=fit)) == img.resize((24, 16))


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((36, 16), (6, 0, 30, 16)),
        ((24, 22), (0, 3, 24, 19)),
        ((25, 16), (0, 0, 24, 16)),  # of whole pixels
        ((24, 256), (0, 120, 24, 136)),
    ],
)
def test_to_crop_is_to_take_the_largest_part_in_the_middle(size, box):
    img = noise(size)
    assert fitted(img, shape(24, 16, fit="crop")) == img.crop(box)
    large = img.resize((3 * size[0], 3 * size[1]))
    part = large.crop([3 * edge for edge in box]).resize((24, 16))
    if size != (25, 16):
        assert fitted(large, shape(24, 16, fit="crop")) == part


def test_the_largest_part_touches_two_sides_of_the_picture():
    for width in range(1, 40):
        for height in (1, 3, 20, 39):
            # Black all around: where the part touches a side, that is seen.
            img = Image.new("RGB", (width, height), "white")
            seen = pixels(fitted(img, shape(7, 5, fit="crop")))
            assert (seen == 255).all()


@pytest.mark.parametrize(
    ("size", "inner", "place"),
    [
        ((32, 16), (24, 12), (0, 2)),
        ((16, 16), (16, 16), (4, 0)),
        ((4, 32), (2, 16), (11, 0)),
        ((256, 1), (24, 1), (0, 7)),
        ((1, 256), (1, 16), (11, 0)),
        ((12, 4), (24, 8), (0, 4)),
    ],
)
@pytest.mark.parametrize("background", ["black", "#336699"])
def test_to_pad_is_to_show_all_of_it_on_the_background(size, inner, place, background):
    img = noise(size)
    seen = fitted(img, shape(24, 16, fit="pad", background=background))
    whole = Image.new("RGB", (24, 16), background)
    whole.paste(img.resize(inner), place)
    assert seen == whole


def test_what_is_transparent_and_what_is_padded_are_of_one_colour():
    img = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    seen = fitted(img, shape(24, 16, fit="pad", background="#336699"))
    assert seen.getcolors() == [(24 * 16, (0x33, 0x66, 0x99))]


@pytest.mark.parametrize(
    ("size", "times"), [((16, 16), 1), ((16, 9), 1), ((5, 4), 4), ((8, 3), 3), ((11, 8), 2)]
)
def test_padding_makes_no_new_colours_for_a_palette(size, times):
    img = noise(size)
    pictures = dataclasses.replace(shape(24, 16, fit="pad"), colours="palette:000000,ffffff")
    seen = fitted(img, pictures)
    blocks = enlarged(img, times)
    place = ((24 - blocks.width) // 2, (16 - blocks.height) // 2)
    whole = Image.new("RGB", (24, 16))
    whole.paste(blocks, place)
    assert seen == whole


@pytest.mark.parametrize("fit", FITS)
def test_what_pixace_has_drawn_is_taken_back_whatever_the_fit(fit):
    small = noise((6, 4))
    large = enlarged(small, 5)
    large.info[RECIPE_KEY] = "{}"
    assert fitted(large, shape(6, 4, fit=fit)).tobytes() == small.tobytes()


def test_what_a_picture_carries_stays_with_it():
    img = noise((9, 4))
    img.info[RECIPE_KEY] = "{}"
    for fit in FITS:
        assert fitted(img, shape(6, 4, fit=fit)).info[RECIPE_KEY] == "{}"


# --- large JPEGs --------------------------------------------------------------------------------


def photograph(size):
    """Returns a picture of soft colours, some grain and hard edges."""
    soft = Image.fromarray(np.random.default_rng(1).integers(0, 256, (9, 12, 3), dtype=np.uint8))
    img = soft.resize(size)
    grain = np.random.default_rng(2).normal(0, 8, (size[1], size[0], 3))
    img = Image.fromarray(np.clip(np.asarray(img) + grain, 0, 255).astype(np.uint8))
    for number, colour in enumerate((RED, GREEN, BLUE)):
        edge = size[1] // (2 + number)
        img.paste(colour, (number * edge // 2, number * edge // 3, number * edge, number * edge))
    return img


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
@pytest.mark.parametrize("size", [(24, 16), (16, 24), (30, 4), (4, 30)])
def test_a_large_jpeg_fits_as_if_all_of_it_had_been_decoded(tmp_path, fit, orientation, size):
    path = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.write_bytes(encode(photograph((1803, 1349)), "JPEG", quality=90, exif=exif))
    pictures = shape(*size, fit=fit)
    ours = pixels(open_fitted(path, pictures)).astype(int)
    differences = np.abs(ours - pixels(fitted(open_image(path), pictures)))
    # Turned before it is scaled, hard edges ring the other way.
    assert differences.max() <= (4 if orientation < 5 else 12)
    assert differences.mean() < 1


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_on_its_side_is_scaled_once(tmp_path, orientation):
    path = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.write_bytes(encode(photograph((1203, 899)), "JPEG", quality=90, exif=exif))
    ours = pixels(open_fitted(path, shape(32, 8))).astype(int)
    differences = np.abs(ours - pixels(open_image(path).resize((32, 8))))
    assert differences.max() <= 12 and differences.mean() < 1


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_large_jpeg_is_scaled_as_if_all_of_it_had_been_decoded(tmp_path, mode, options):
    path = tmp_path / "large.jpg"
    img = photograph((1203, 899)).convert(mode)  # neither a multiple of 8
    path.write_bytes(encode(img, "JPEG", quality=90, **options))
    for size in ((6, 6), (16, 16), (32, 18), (18, 32)):
        scaled = np.asarray(open_fitted(path, shape(*size)), int)
        assert np.abs(scaled - np.asarray(open_image(path).resize(size))).max() <= 2


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_large_jpeg_is_scaled_and_then_turned(tmp_path, orientation):
    path = tmp_path / "large.jpg"
    img = photograph((1203, 899))
    path.write_bytes(encode(img, "JPEG"))
    exif = Image.Exif()
    exif[0x0112] = orientation
    flat = open_fitted(path, shape(16, 16))
    flat.info["exif"] = exif.tobytes()
    path.write_bytes(encode(img, "JPEG", exif=exif))
    assert open_fitted(path, shape(16, 16)).tobytes() == ImageOps.exif_transpose(flat).tobytes()


def test_scaling_a_large_jpeg_takes_little_memory(tmp_path):
    path = tmp_path / "large.jpg"
    path.write_bytes(encode(Image.new("RGB", (8000, 6000), BLUE), "JPEG"))
    program = (
        "import sys\n"
        "from pixace.pictures.reading import open_fitted\n"
        "from pixace.settings.pictures import PictureSettings\n"
        "def peak():\n"
        "    return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "before = peak()\n"
        "img = open_fitted(sys.argv[1], PictureSettings.of(32))\n"
        "print(img.size, peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    size, kilobytes = done.stdout.rsplit(maxsplit=1)
    assert size == "(32, 32)"
    assert int(kilobytes) < 20_000, "all its pixels would be 370 MB"


@pytest.mark.parametrize(
    "data",
    [
        encode(photograph((255, 255)), "JPEG"),
        encode(photograph((600, 600)).convert("CMYK"), "JPEG"),
        lossless_jpeg(600),
        *(encode(photograph((600, 600)), kind) for kind in ("PNG", "WEBP", "GIF", "BMP")),
    ],
    ids=["small", "inks", "lossless", "PNG", "WEBP", "GIF", "BMP"],
)
def test_other_pictures_are_scaled_pixel_by_pixel(tmp_path, data):
    path = tmp_path / "picture"
    path.write_bytes(data)
    assert open_fitted(path, shape(16, 16)).tobytes() == open_image(path).resize((16, 16)).tobytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_large_jpeg_that_is_damaged_is_refused_as_ever(tmp_path, options):
    path = tmp_path / "cut.jpg"
    data = encode(photograph((1200, 900)), "JPEG", **options)
    for tenth in range(10):
        path.write_bytes(data[: len(data) * tenth // 10])
        with pytest.raises(ImageError) as caught:
            open_fitted(path, shape(16, 16))
        with pytest.raises(ImageError) as whole:
            open_image(path)
        assert str(caught.value) == str(whole.value)
