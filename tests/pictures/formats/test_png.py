"""PNGs: chunks that nobody needs cost nothing; transparent levels are of the file's own depth."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.cutting import find_pictures
from pixace.pictures.many import read_in_order
from pixace.pictures.reading import open_image
from pixace.pictures.rgb import to_rgb, to_rgba
from pixace.settings.reading import ReadingSettings
from tests.tools.hostile_images import IEND, chunk, encode, png

RED = (255, 0, 0)
ROWS = chunk(b"IDAT", zlib.compress((b"\0" + bytes(RED * 12)) * 12))
MUCH = zlib.compress(b"word " * 300_000)


def spoilt(data):
    """Returns a chunk whose checksum is wrong."""
    return data[:-1] + bytes([data[-1] ^ 1])


NEEDLESS = {
    "much compressed text": chunk(b"zTXt", b"k\0\0" + MUCH),
    "much text of any language": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + MUCH),
    "much text": chunk(b"tEXt", b"k\0" + b"word " * 300_000),
    "a text without key": chunk(b"tEXt", b""),
    "a text of an unknown compression": chunk(b"zTXt", b"k\0\7abc"),
    "no compressed text": chunk(b"zTXt", b"k\0\0abc"),
    "a long profile": chunk(b"iCCP", b"k\0\0" + MUCH),
    "no profile": chunk(b"iCCP", b""),
    "a profile without name": chunk(b"iCCP", b"k"),
    "a profile of an unknown compression": chunk(b"iCCP", b"k\0\1abc"),
    "no such chunk": chunk(b"abCd", b"123"),
    "a damaged text": spoilt(chunk(b"tEXt", b"k\0v")),
    "a damaged gamma": spoilt(chunk(b"gAMA", struct.pack(">I", 1000))),
    "a damaged orientation": spoilt(
        chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0")
    ),
    "many chunks": chunk(b"tEXt", b"k\0v") * 300,
    **{
        f"a stunted {kind.decode()}": chunk(kind, bytes(length))
        for kind in (
            b"pHYs",
            b"gAMA",
            b"cHRM",
            b"sRGB",
            b"cICP",
            b"bKGD",
            b"tIME",
            b"sBIT",
            b"eXIf",
        )
        for length in (0, 1, 2)
    },
}


@pytest.mark.parametrize("name", NEEDLESS)
def test_what_is_not_needed_costs_nothing(tmp_path, name):
    path, extra = tmp_path / "a.png", NEEDLESS[name]
    for data in (png(extra, ROWS), png(ROWS, extra)):
        path.write_bytes(data)
        assert open_image(path).getcolors() == [(144, RED)]


def test_neither_do_cut_chunks_behind_the_pixels(tmp_path):
    whole = png(ROWS, chunk(b"tEXt", b"k\0" + bytes(100))).removesuffix(IEND)
    for n_missing in range(1, 112):
        (tmp_path / "a.png").write_bytes(whole[:-n_missing])
        assert open_image(tmp_path / "a.png").getcolors() == [(144, RED)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (png(chunk(b"tRNS", b""), ROWS), "damaged PNG: Truncated tRNS chunk"),
        (png(spoilt(chunk(b"tRNS", bytes(6))), ROWS), "damaged PNG: broken PNG file"),
        (png(spoilt(chunk(b"PLTE", bytes(6))), ROWS), "damaged PNG: broken PNG file"),
        (png(chunk(b"tEXt", b"k\0v")[:-6], ROWS), "damaged PNG"),
        (png(chunk(b"tEXt", bytes(33_000_000)), ROWS), "more than 32 MB come before the pixels"),
    ],
    ids=["short", "crc", "critical", "cut", "bytes"],
)
def test_what_is_needed_is_checked_and_bounds_are_kept(tmp_path, data, reason):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageError, match=rf"a\.png: {reason}"):
        open_image(tmp_path / "a.png")


# --- the level that is transparent --------------------------------------------------------------


def levels(*values):
    return struct.pack(f">{len(values)}H", *values)


# depth, colour type, the pixels of one row, their number, tRNS, those that are transparent
CLEAR = {
    "1 bit": (1, 0, bytes([0b10110000]), 4, levels(1), [0, 2, 3]),
    "1 bit, black": (1, 0, bytes([0b10110000]), 4, levels(0), [1]),
    "2 bits": (2, 0, bytes([0b00011011]), 4, levels(2), [2]),
    "2 bits, too high": (2, 0, bytes([0b00011011]), 4, levels(0xFF01), [1]),
    "2 bits, a bit too high": (2, 0, bytes([0b00011011]), 4, levels(5), [1]),
    "4 bits": (4, 0, bytes([0x0F, 0x5A]), 4, levels(5), [2]),
    "8 bits": (8, 0, bytes([0, 77, 200, 255]), 4, levels(200), [2]),
    "8 bits, too high": (8, 0, bytes([0, 77, 200, 255]), 4, levels(0x0100), [0]),
    "16 bits": (16, 0, levels(0, 0x1235, 0x1234, 0x1200), 4, levels(0x1234), [2]),
    "8 bits of colour": (8, 2, bytes([1, 2, 3, 1, 2, 4]), 2, levels(1, 2, 3), [0]),
    "16 bits of colour": (
        *(16, 2, levels(0x1234, 5, 6, 0x1235, 5, 6, 0x1234, 5, 0x106, 0x1234, 5, 6), 4),
        *(levels(0x1234, 5, 6), [0, 3]),
    ),
}


@pytest.mark.parametrize("name", CLEAR)
def test_one_level_is_transparent_and_no_other(tmp_path, name):
    depth, colour, row, width, clear, expected = CLEAR[name]
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    path = tmp_path / "a.png"
    path.write_bytes(
        png(chunk(b"tRNS", clear), pixels, size=(width, 1), depth=depth, colour=colour)
    )
    seen = [open_image(path, "#010203").getpixel((x, 0)) for x in range(width)]
    other = [open_image(path, "#fdfcfb").getpixel((x, 0)) for x in range(width)]
    assert [x for x in range(width) if seen[x] != other[x]] == expected
    plain = png(pixels, size=(width, 1), depth=depth, colour=colour)
    path.write_bytes(plain)
    opaque = [open_image(path).getpixel((x, 0)) for x in range(width)]
    assert all(seen[x] == opaque[x] for x in range(width) if x not in expected)


def test_a_picture_in_python_has_a_transparent_deep_grey():
    img = Image.fromarray(np.array([[300, 65535]], np.uint16))
    img.info["transparency"] = 65535
    assert np.asarray(to_rgb(img, "red")).tolist() == [[[1, 1, 1], [*RED]]]
    assert np.asarray(to_rgba(img)).tolist() == [[[1, 1, 1, 255], [255, 255, 255, 0]]]


# --- animations ---------------------------------------------------------------------------------


def control(number, size=(12, 12), place=(0, 0)):
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, *size, *place, 1, 10, 0, 0))


def test_the_one_colour_of_16_bits_is_transparent_in_animations_too(tmp_path):
    frames = chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0, (2, 1))
    pixels = zlib.compress(b"\0" + levels(0x1234, 0x0506, 7, 0x4321, 0x0506, 7))
    second = control(1, (2, 1)) + chunk(b"fdAT", struct.pack(">I", 2) + pixels)
    clear = chunk(b"tRNS", levels(0x1234, 0x0506, 7))
    data = png(frames, clear, chunk(b"IDAT", pixels), second, size=(2, 1), depth=16)
    (tmp_path / "a.png").write_bytes(data)
    seen = open_image(tmp_path / "a.png", "white")
    assert [seen.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0x43, 5, 0)]


N_FRAMES = chunk(b"acTL", struct.pack(">II", 2, 0))


@pytest.mark.parametrize(
    "before",
    [
        chunk(b"acTL", b"") + control(0),
        chunk(b"acTL", bytes(8)),
        N_FRAMES + chunk(b"fcTL", b"\0"),
        N_FRAMES + control(5),
        N_FRAMES + control(0, size=(13, 12)),
        N_FRAMES + control(0, size=(6, 6), place=(2, 2)),
        N_FRAMES + control(0) + control(0),
    ],
)
def test_an_animation_that_is_damaged_is_its_picture(tmp_path, before):
    after = control(1) + chunk(b"fdAT", levels(0, 2) + zlib.compress(bytes(37 * 12)))
    for data in (png(before, ROWS), png(before, ROWS, after)):
        (tmp_path / "a.png").write_bytes(data)
        assert open_image(tmp_path / "a.png").getcolors() == [(144, RED)]


def test_an_animation_does_not_begin_on_the_picture_of_those_who_show_none(tmp_path):
    still = chunk(b"IDAT", zlib.compress((b"\0" + bytes([255, 0, 0, 255] * 4)) * 4))
    green = zlib.compress((b"\0" + bytes([0, 255, 0, 255] * 2)) * 2)
    frame = control(0, (2, 2), (1, 1)) + chunk(b"fdAT", levels(0, 1) + green)
    second = control(2, (2, 2), (0, 0)) + chunk(b"fdAT", levels(0, 3) + green)
    data = png(N_FRAMES, still, frame, second, size=(4, 4), colour=6)
    (tmp_path / "a.png").write_bytes(data)
    assert open_image(tmp_path / "a.png").getcolors() == [(16, RED)]
    paths = find_pictures(tmp_path, ReadingSettings(frames="all")).paths
    clear = [
        np.asarray(alpha)
        for _, alpha in read_in_order(paths, range(2), lambda _, i: to_rgba(i).getchannel("A"), 9)
    ]
    assert clear[0].sum() == 4 * 255 and clear[0][1:3, 1:3].all()
    assert clear[1][:2, :2].all() and not clear[1][3].any()


def test_animations_of_whole_frames_are_as_they_were(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    (tmp_path / "a.png").write_bytes(
        encode(frames[0], "PNG", save_all=True, append_images=frames[1:])
    )
    paths = find_pictures(tmp_path, ReadingSettings(frames="all")).paths
    seen = [img for _, img in read_in_order(paths, range(3), lambda _, img: to_rgb(img), 9)]
    assert [img.tobytes() for img in seen] == [frame.tobytes() for frame in frames]
