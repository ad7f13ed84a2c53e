"""Old layouts of BMP: palettes of few greys, alpha that nobody has filled in."""

import struct

import numpy as np
import pytest
from PIL import Image

from pixace.pictures.formats.png_colours import profile_of
from pixace.pictures.reading import open_image
from tests.tools.hostile_images import encode, tiff

BITMAP = 14  # bytes of the header of a file


def bmp(bits, indices, palette, header=40, compression=0, n_colours=None, has_file_header=True):
    """Returns a BMP of a palette; its rows are a multiple of 4 bytes."""
    height, width = indices.shape
    if bits == 8:
        pixels = indices[::-1].astype(np.uint8).tobytes()
    else:
        spread = np.unpackbits(indices[::-1].astype(np.uint8)[..., None], axis=2)[..., -bits:]
        pixels = np.packbits(spread.reshape(height, -1), axis=1).tobytes()
    n_colours = len(palette) if n_colours is None else n_colours
    size = struct.pack("<II", width, height) if header > 12 else struct.pack("<HH", width, height)
    info = struct.pack("<I", header) + size + struct.pack("<HH", 1, bits)
    if header > 12:
        info += struct.pack("<IIIIII", compression, len(pixels), 0, 0, n_colours, 0)
    filler = b"\0" if header > 12 else b""
    info = info.ljust(header, b"\0") + b"".join(bytes(3 * [grey]) + filler for grey in palette)
    head = b"BM" + struct.pack("<IHHI", 0, 0, 0, BITMAP + len(info))
    return (head if has_file_header else b"") + info + pixels


def seen(tmp_path, data):
    (tmp_path / "a.bmp").write_bytes(data)
    return np.asarray(open_image(tmp_path / "a.bmp"))[..., 0]


SQUARES = np.indices((16, 32)).sum(0) % 2


@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize("palette", [[0, 255], [255, 0], [0, 254]])
@pytest.mark.parametrize("header", [40, 108, 124])
def test_two_greys_are_what_the_palette_says(tmp_path, bits, palette, header):
    expected = np.array(palette)[SQUARES]
    assert (seen(tmp_path, bmp(bits, SQUARES, palette, header)) == expected).all()


@pytest.mark.parametrize("bits", [4, 8])
def test_without_the_header_of_a_file_too(tmp_path, bits):
    data = bmp(bits, SQUARES, [0, 255], has_file_header=False)
    assert (seen(tmp_path, data) == 255 * SQUARES).all()


def test_the_header_of_os_2(tmp_path):
    palette = [*range(16)]
    levels = np.arange(512).reshape(16, 32) % 16
    assert (seen(tmp_path, bmp(4, levels, palette, header=12)) == levels).all()


@pytest.mark.parametrize(("bits", "n_greys"), [(4, 16), (4, 5), (8, 256), (8, 17), (8, 1)])
def test_greys_in_their_order_are_what_they_are(tmp_path, bits, n_greys):
    levels = np.arange(512).reshape(16, 32) % n_greys
    assert (seen(tmp_path, bmp(bits, levels, range(n_greys))) == levels).all()


@pytest.mark.parametrize("palette", [[0, 255], [255, 0]])
def test_runs_of_two_greys(tmp_path, palette):
    data = bytearray(bmp(8, SQUARES[:1] * 0, palette, compression=1))
    data = data[: BITMAP + 40 + 8] + bytes([16, 1, 16, 0, 0, 1])
    assert (seen(tmp_path, data) == [[palette[1]] * 16 + [palette[0]] * 16]).all()


def of_32_bits(alphas, header=56):
    pixels = b"".join(bytes([0, 0, 255, alpha]) for alpha in alphas)
    info = struct.pack("<IiiHHIIiiII", header, len(alphas), 1, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    info += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = b"BM" + struct.pack("<IHHI", 0, 0, 0, BITMAP + header)
    return head + info.ljust(header, b"\0") + pixels


@pytest.mark.parametrize("header", [56, 108, 124])
def test_an_alpha_of_nothing_but_zeros_is_none(tmp_path, header):
    path = tmp_path / "a.bmp"
    path.write_bytes(of_32_bits([0, 0, 0], header))
    assert open_image(path, "white").getcolors() == [(3, (255, 0, 0))]
    path.write_bytes(of_32_bits([0, 0, 0], header)[BITMAP:])
    assert open_image(path, "white").getcolors() == [(3, (255, 0, 0))]
    path.write_bytes(of_32_bits([0, 255, 51], header))
    pixels = [open_image(path, "white").getpixel((x, 0)) for x in range(3)]
    assert pixels == [(255, 255, 255), (255, 0, 0), (255, 204, 204)]


def test_other_formats_define_theirs(tmp_path):
    hidden = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    for kind in ("PNG", "WEBP", "TIFF"):
        (tmp_path / "a").write_bytes(encode(hidden, kind))
        assert open_image(tmp_path / "a", "white").getcolors() == [(4, (255, 255, 255))]
    # Four samples of which a TIFF does not say what the last one is.
    tags = {256: 2, 257: 2, 258: 1024, 262: 2, 273: 1032, 277: 4, 278: 2, 279: 16}
    data = tiff(tags, struct.pack("<4H", 8, 8, 8, 8) + bytes([255, 0, 0, 0] * 4), {258: (3, 4)})
    (tmp_path / "a").write_bytes(data)
    assert open_image(tmp_path / "a", "white").getcolors() == [(4, (255, 0, 0))]


@pytest.mark.parametrize(
    ("claimed", "lacking", "is_used"),
    [(b"DEBM", 0, True), (b"BGRs", 0, False), (b"DEBM", 1, False)],
)
def test_a_profile_counts_that_is_in_the_file(tmp_path, claimed, lacking, is_used):
    display_p3 = profile_of({"cicp": bytes([12, 13, 0, 1])})
    info = (
        struct.pack("<IiiHHIIiiII", 124, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0).ljust(56, b"\0") + claimed
    )
    info = info.ljust(112, b"\0") + struct.pack("<III", 128, len(display_p3), 0)
    pixels = bytes([60, 30, 200, 0])
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, BITMAP + 124) + info + pixels + display_p3
    (tmp_path / "a.bmp").write_bytes(data[: len(data) - lacking])
    seen = open_image(tmp_path / "a.bmp").getpixel((0, 0))
    assert seen == ((218, 0, 54) if is_used else (200, 30, 60))
