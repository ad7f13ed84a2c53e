"""Images: found in a stable order, made plain RGB from any mode, refused in one line."""

import io
import os
import struct
import threading
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import ImagePaths, find_images
from pixace.pictures.reading import open_image
from pixace.pictures.rgb import on_chequers, to_rgb
from pixace.wording import shown
from tests.tools.patience import PATIENCE


def encode(img, kind, **options):
    """Returns the bytes of a picture in one of Pillow's formats."""
    buffer = io.BytesIO()
    img.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(size=(64, 48)):
    """Returns a picture that compresses badly, so that every part of its file matters."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def refusal(source):
    """Opens what cannot be opened; returns the message, which must name it in one line."""
    with pytest.raises(ImageError) as caught:
        open_image(source)
    message = str(caught.value)
    assert message.startswith(f"{shown(source)}: ")
    assert message.isprintable(), "one line, nothing that a terminal would obey"
    return message.removeprefix(f"{shown(source)}: ")


# --- modes --------------------------------------------------------------------------------------

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def palette_picture():
    img = Image.new("P", (4, 4), 1)
    img.putpalette([*BLUE, *RED, *GREEN])
    return img


def sixteen_bits(level):
    return Image.fromarray(np.full((4, 4), level, np.uint16))


# name of the file -> its bytes, the colour of every pixel on a black and on a white background
FILES = {
    "bilevel.png": (encode(Image.new("1", (4, 4), 1), "PNG"), (255,) * 3, (255,) * 3),
    "bilevel-clear.png": (
        encode(Image.new("1", (4, 4), 1), "PNG", transparency=1),
        (0,) * 3,
        (255,) * 3,
    ),
    "grey.png": (encode(Image.new("L", (4, 4), 77), "PNG"), (77,) * 3, (77,) * 3),
    "grey.jpg": (encode(Image.new("L", (8, 8), 77), "JPEG"), (77,) * 3, (77,) * 3),
    "grey-clear.png": (
        encode(Image.new("L", (4, 4), 77), "PNG", transparency=77),
        (0,) * 3,
        (255,) * 3,
    ),
    "grey-alpha.png": (
        encode(Image.new("LA", (4, 4), (200, 102)), "PNG"),
        (80,) * 3,  # 200 * 0.4
        (233,) * 3,  # 200 * 0.4 + 255 * 0.6
    ),
    "grey-16-bits.png": (encode(sixteen_bits(32896), "PNG"), (128,) * 3, (128,) * 3),
    "grey-16-bits-dark.png": (encode(sixteen_bits(300), "PNG"), (1,) * 3, (1,) * 3),
    "palette.png": (encode(palette_picture(), "PNG"), RED, RED),
    "palette.gif": (encode(palette_picture(), "GIF"), RED, RED),
    "palette.bmp": (encode(palette_picture(), "BMP"), RED, RED),
    "palette-clear.png": (
        encode(palette_picture(), "PNG", transparency=1),
        (0,) * 3,
        (255,) * 3,
    ),
    "palette-clear.gif": (
        encode(palette_picture(), "GIF", transparency=1),
        (0,) * 3,
        (255,) * 3,
    ),
    "palette-half-clear.png": (
        encode(palette_picture(), "PNG", transparency=bytes([255, 102, 255])),
        (102, 0, 0),
        (255, 153, 153),
    ),
    "colour.png": (encode(Image.new("RGB", (4, 4), (1, 2, 3)), "PNG"), (1, 2, 3), (1, 2, 3)),
    "colour.bmp": (encode(Image.new("RGB", (4, 4), (1, 2, 3)), "BMP"), (1, 2, 3), (1, 2, 3)),
    "colour-clear.png": (
        encode(Image.new("RGB", (4, 4), (1, 2, 3)), "PNG", transparency=(1, 2, 3)),
        (0,) * 3,
        (255,) * 3,
    ),
    "alpha.png": (
        encode(Image.new("RGBA", (4, 4), (*RED, 102)), "PNG"),
        (102, 0, 0),
        (255, 153, 153),
    ),
    "alpha.webp": (
        encode(Image.new("RGBA", (4, 4), (*RED, 102)), "WEBP", lossless=True),
        (102, 0, 0),
        (255, 153, 153),
    ),
    "hidden-colour.png": (
        encode(Image.new("RGBA", (4, 4), (*GREEN, 0)), "PNG"),
        (0,) * 3,
        (255,) * 3,
    ),
    "print.jpg": (encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), RED, RED),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_becomes_the_same_plain_rgb(tmp_path, name):
    data, on_black, on_white = FILES[name]
    path = tmp_path / name
    path.write_bytes(data)
    for background, expected in (("black", on_black), ("white", on_white)):
        img = open_image(path, background)
        assert img.mode == "RGB"
        assert {pixel for _, pixel in img.getcolors()} == {expected}
    assert open_image(path).getpixel((0, 0)) == on_black, "black is the default"


@pytest.mark.parametrize(
    ("level", "grey"), [(0, 0), (257, 1), (25700, 100), (65535, 255), (128, 0), (129, 1)]
)
def test_sixteen_bit_greys_are_scaled_and_not_clipped(level, grey):
    assert to_rgb(sixteen_bits(level)).getpixel((0, 0)) == (grey,) * 3


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B"])
def test_both_byte_orders_of_sixteen_bits(mode):
    img = Image.new(mode, (2, 2))
    img.putpixel((1, 0), 25700)
    assert to_rgb(img).getpixel((1, 0)) == (100, 100, 100)
    assert to_rgb(img).getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([[0, 128, 255]], np.int32), [0, 128, 255]),
        (np.array([[0, 25700, 65535]], np.int32), [0, 100, 255]),
        (np.array([[-5, 50000, 100000]], np.int32), [0, 128, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 128, 255]], np.float32), [0, 128, 255]),
        (np.array([[0, 25700, 65535]], np.float32), [0, 100, 255]),
        (np.array([[np.nan, 0.2, -3]], np.float32), [0, 51, 0]),
    ],
)
def test_wide_greys_are_scaled_to_the_white_that_holds_them(pixels, expected):
    img = Image.fromarray(pixels)
    assert img.mode in ("I", "F")
    assert np.asarray(to_rgb(img))[0, :, 0].tolist() == expected


def test_what_is_transparent_is_seen_on_squares_of_two_greys():
    picture = Image.new("RGBA", (5, 5), "red")
    picture.paste((0, 0, 255, 20), (0, 0, 4, 4))
    squares = on_chequers(picture)
    assert squares.getpixel((4, 4)) == (255, 0, 0)
    greys = [[squares.getpixel((x, y))[0] for x in range(4)] for y in range(4)]
    assert greys == [[150, 150, 120, 120]] * 2 + [[120, 120, 150, 150]] * 2
    assert on_chequers(picture.convert("RGB")).tobytes() == picture.convert("RGB").tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_pictures_of_any_mode_can_be_given_in_python(mode):
    img = Image.new("RGB", (2, 2), "white").convert(mode)
    converted = to_rgb(img)
    assert converted.mode == "RGB"
    assert converted.getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("kind", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})]
)
def test_the_first_frame_of_an_animation_counts(tmp_path, kind, options):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    path = tmp_path / "animation"
    path.write_bytes(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    with Image.open(path) as file:
        assert file.n_frames == 3
    assert open_image(path).getcolors() == [(64, RED)]


# --- orientation --------------------------------------------------------------------------------

# The four quarters R G / B W as the file stores them, and as the tag says they are to be seen:
# where row 0 and column 0 of the file belong.
UPRIGHT = {
    1: "RG BW",  # top, left
    2: "GR WB",  # top, right
    3: "WB GR",  # bottom, right
    4: "BW RG",  # bottom, left
    5: "RB GW",  # left, top
    6: "BR WG",  # right, top
    7: "WG BR",  # right, bottom
    8: "GW RB",  # left, bottom
}
QUARTERS = {"R": RED, "G": GREEN, "B": BLUE, "W": (255, 255, 255)}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("JPEG", {"quality": 95, "subsampling": 0}),
    ],
)
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_pictures_are_turned_upright(tmp_path, kind, options, orientation):
    stored = Image.new("RGB", (32, 16))
    for letter, corner in zip("RGBW", [(0, 0), (16, 0), (0, 8), (16, 8)], strict=True):
        stored.paste(QUARTERS[letter], (*corner, corner[0] + 16, corner[1] + 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned"
    path.write_bytes(encode(stored, kind, exif=exif, **options))

    img = open_image(path)

    assert img.size == ((32, 16) if orientation < 5 else (16, 32))
    half_width, half_height = img.width // 2, img.height // 2
    for row, letters in enumerate(UPRIGHT[orientation].split()):
        for column, letter in enumerate(letters):
            left, top = column * half_width, row * half_height
            quarter = np.asarray(img.crop((left, top, left + half_width, top + half_height)))
            error = np.abs(quarter.astype(int) - QUARTERS[letter]).max()
            assert error <= (3 if kind == "JPEG" else 0)


def test_an_orientation_that_follows_the_pixels_counts_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.new("RGB", (8, 16), BLUE), "PNG", exif=exif)
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    assert start < data.index(b"IDAT")
    without, chunk = data[:start] + data[end:], data[start:end]
    path = tmp_path / "turned.png"
    path.write_bytes(without[:-12] + chunk + without[-12:])  # before the 12 bytes of IEND
    assert open_image(path).size == (16, 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif",
    [
        b"garbage",
        b"Exif\0\0garbage",
        b"II*\0\x08\0\0\0\xff\0\x12\x01\x03",  # 255 entries claimed, none there
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0\0\0\0\0",  # orientation 9
        b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0",  # points to itself
    ],
    ids=["garbage", "garbage-after-its-mark", "cut", "orientation-9", "loop"],
)
def test_a_damaged_orientation_does_not_cost_the_picture(tmp_path, kind, exif):
    if kind == "JPEG" and not exif.startswith(b"Exif"):
        exif = b"Exif\0\0" + exif
    path = tmp_path / "odd"
    path.write_bytes(encode(Image.new("RGB", (8, 16), BLUE), kind, exif=exif))
    img = open_image(path)
    assert img.size == (8, 16)
    assert np.abs(np.asarray(img).astype(int) - BLUE).max() <= 3


# --- finding ------------------------------------------------------------------------------------


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(folder):
    return [path.relative_to(folder).as_posix() for path in find_images(folder)]


def test_images_are_found_in_sub_folders_in_any_letter_case_and_in_order(tmp_path):
    names = ["a/1.png", "a/2.JPG", "a/b/1.png", "b/1.png", "b/x.Jpeg", "c.WebP", "d.bmp", "e.gif"]
    names += ["f.tif", "f.tiff", "g.JFIF", "h.avif"]
    others = ["a/1.txt", "png", "b/1.png.part", "c.psd", "d.svg", "config.json"]
    touch(tmp_path, *reversed(names), *others)
    assert found(tmp_path) == names
    assert list(find_images(str(tmp_path))) == list(find_images(tmp_path))


def test_images_are_in_the_order_of_their_paths(tmp_path):
    names = ["a/z/1.png", "a/z.png", "a b/1.png", "a.png", "a-/1.png", "a.png.gif/1.png", "A/9.png"]
    touch(tmp_path, *names)
    assert list(find_images(tmp_path)) == sorted(tmp_path / name for name in names)


def test_found_images_are_a_sequence_of_paths(tmp_path):
    touch(tmp_path, *"edcba", *(f"{name}.png" for name in "edcba"))
    images = find_images(tmp_path)
    paths = [tmp_path / f"{name}.png" for name in "abcde"]
    assert len(images) == 5
    assert (images[0], images[-1]) == (paths[0], paths[-1])
    assert list(images[1::2]) == paths[1::2]
    assert list(images.select([3, 0])) == [paths[3], paths[0]]
    assert paths[2] in images
    with pytest.raises(IndexError):
        images[5]


def test_some_of_the_images_come_from_all_over_the_folder():
    paths = ImagePaths(Path("a"), [b"%d" % number for number in range(10)])
    assert [*paths.spread(100)] == [*paths]
    assert [*paths.spread(3)] == [paths[0], paths[3], paths[6]]


def test_found_images_take_little_memory():
    tracemalloc.start()
    try:
        images = ImagePaths(Path("/album"), (b"%030d" % number for number in range(10_000)))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(images) == 10_000
    assert size < 50 * 10_000


def test_a_folder_with_the_suffix_of_an_image_is_searched_and_not_opened(tmp_path):
    touch(tmp_path, "album.png/1.png", "z.png")
    assert found(tmp_path) == ["album.png/1.png", "z.png"]


def test_link_loops_end_and_no_image_is_found_twice(tmp_path):
    touch(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b")
    (tmp_path / "c").symlink_to(tmp_path / "a")
    assert found(tmp_path) == ["a/1.png", "b/2.png"]
    (tmp_path / "own.png").symlink_to(tmp_path / "own.png")
    assert found(tmp_path) == ["a/1.png", "b/2.png", "own.png"]


def test_linked_folders_are_searched(tmp_path):
    touch(tmp_path, "elsewhere/1.png", "album/0.png")
    (tmp_path / "album" / "more").symlink_to(tmp_path / "elsewhere")
    assert found(tmp_path / "album") == ["0.png", "more/1.png"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such folder"),
        (lambda path: path.mkdir(), "no images in this folder"),
        (lambda path: touch(path, "a.txt", "sub/b.txt"), "no images in this folder"),
        (lambda path: path.touch(), "no such folder"),
    ],
    ids=["missing", "empty", "other-files", "a-file"],
)
def test_a_folder_without_images_is_named(tmp_path, make, reason):
    folder = tmp_path / "album"
    make(folder)
    with pytest.raises(ImageError, match=reason) as caught:
        find_images(folder)
    assert str(caught.value).startswith(f"{folder}: ")


def test_a_folder_without_a_name_is_not_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "a.png")
    with pytest.raises(UsageError, match="images must name a file or folder, not ''"):
        find_images("")
    assert len(find_images(".")) == 1


def test_a_folder_name_longer_than_any_is_refused_like_a_missing_one():
    with pytest.raises(ImageError, match="xxx"):
        find_images("x" * 300)


# --- unreadable things --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_file_cut_anywhere_is_refused(tmp_path, kind):
    data = encode(noise(), kind)
    for tenth in range(1, 10):
        path = tmp_path / f"{tenth}.img"
        path.write_bytes(data[: len(data) * tenth // 10])
        refusal(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_file_cut_near_its_end_is_refused_or_whole(tmp_path, kind):
    data = encode(noise(), kind)
    path = tmp_path / "cut"
    path.write_bytes(data)
    whole = open_image(path).tobytes()
    for missing in (1, 2, 3, 4, 8, 12, 16):
        path.write_bytes(data[:-missing])
        try:
            pixels = open_image(path).tobytes()
        except ImageError as error:
            assert str(path) in str(error)
        else:
            assert pixels == whole


HOSTILE = {
    "empty.png": b"",
    "one-byte.png": b"\x89",
    "magic.png": b"\x89PNG\r\n\x1a\n",
    "magic.jpg": b"\xff\xd8\xff",
    "magic.gif": b"GIF89a",
    "magic.bmp": b"BM",
    "magic.webp": b"RIFF\0\0\0\0WEBP",
    "text.png": b"hello\n" * 100,
    "page.jpg": b"<!DOCTYPE html><html><body>404</body></html>",
    "postscript.png": encode(Image.new("RGB", (4, 4)), "EPS"),
    "fax.tif": encode(Image.new("1", (4, 4)), "TIFF", compression="group4"),
    "icon.png": encode(Image.new("RGB", (16, 16)), "ICO"),
    "bad-crc.png": encode(noise(), "PNG")[:20] + b"\xff" + encode(noise(), "PNG")[21:],
    "no-pixels.png": encode(Image.new("RGB", (4, 4)), "PNG").replace(
        struct.pack(">II", 4, 4), struct.pack(">II", 0, 0)
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_image_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    assert refusal(path)


def test_the_suffix_does_not_decide(tmp_path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encode(Image.new("RGB", (4, 4), (9, 8, 7)), "PNG"))
    assert open_image(path).getpixel((0, 0)) == (9, 8, 7)
    assert open_image(str(path)).getpixel((0, 0)) == (9, 8, 7)


def test_what_is_no_file_is_refused(tmp_path):
    folder, link = tmp_path / "folder.png", tmp_path / "link.png"
    folder.mkdir()
    link.symlink_to(tmp_path / "nowhere.png")
    assert "not a regular file" in refusal(folder)
    assert "No such file" in refusal(link)
    assert "No such file" in refusal(tmp_path / "missing.png")
    assert "not a regular file" in refusal("/dev/zero")
    assert refusal("nul\0byte.png")
    assert refusal("x" * 300 + ".png")


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    reasons = []
    worker = threading.Thread(
        target=lambda: reasons.append(refusal(tmp_path / "pipe.png")), daemon=True
    )
    worker.start()
    worker.join(PATIENCE)
    assert reasons == ["not a regular file"]


def png_of_size(width, height):
    """Returns the beginning of a black PNG of any size, and all of its few kilobytes of pixels."""

    def chunk(name, data):
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    rows = zlib.compress(bytes((width // 8 + 1) * min(height, 9000)), 9)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("edge", [7072, 9000, 20000, 2**31 - 1])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, edge):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(edge if edge < 2**20 else 8, edge))
    assert path.stat().st_size < 50_000
    start = time.process_time()
    reason = refusal(path)
    assert time.process_time() - start < 5.0
    if edge < 10000:
        assert reason == f"{edge}x{edge} pixels are more than the 50 million allowed"


@pytest.mark.parametrize(("megabytes", "is_refused"), [(30, False), (33, True)])
def test_a_picture_with_very_much_before_its_pixels_is_refused(tmp_path, megabytes, is_refused):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (4, 4), "red").save(path)
    jpeg = path.read_bytes()
    segment = b"\xff\xeb" + struct.pack(">H", 50_000) + bytes(49_998)
    path.write_bytes(jpeg[:2] + segment * (20 * megabytes) + jpeg[2:])
    if is_refused:
        assert refusal(path) == "more than 32 MB come before the pixels"
    else:
        assert open_image(path).size == (4, 4)


@pytest.mark.parametrize("name", [b"two\nlines.png", b"bad\xff\xfe.png", b"\x1b[31mred.png"])
def test_names_of_any_bytes_are_spelt_in_one_line(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"no image")
    refusal(path)
    path.write_bytes(encode(Image.new("RGB", (4, 4), RED), "PNG"))
    assert open_image(path).getpixel((0, 0)) == RED
    assert list(find_images(tmp_path)) == [path]


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("plain.png", "plain.png"),
        ("größe 日本 😀.png", "größe 日本 😀.png"),
        ("a\nb\tc", r"a\nb\tc"),
        (os.fsdecode(b"a\xffb"), r"a\xffb"),
        ("\x1b[0m", r"\x1b[0m"),
        ("\u202egnp", r"\u202egnp"),
        (Path("a/b.png"), "a/b.png"),
    ],
)
def test_shown_keeps_what_prints(name, spelling):
    assert shown(name) == spelling


def test_text_that_is_no_file_name_is_refused_too():
    with pytest.raises(ImageError, match="ud800"):
        open_image("\ud800.png")
