"""Pictures are turned upright as EXIF says, whatever else it holds, and wherever it is kept."""

import io
import itertools
import struct
import zlib

import pytest
from PIL import Image

from pixace.pictures.formats.orientation import exif_of, lies_on_its_side, orientation_of, turned
from pixace.pictures.reading import open_image
from tests.tools.hostile_images import chunk, encode, png, tiff

LYING = Image.new("RGB", (16, 8), "blue")
FORMATS = {
    kind: encode(LYING, kind, exif=b"Exif\0\0" + b"%EXIF%".ljust(512, b"%"))
    for kind in ("JPEG", "WEBP")
}
ORDERS = {b"II": "<", b"MM": ">"}


def directory(order, entries, follows=b""):
    """Returns EXIF of one directory; each entry is a tag, a type, a count and 4 bytes."""
    letter = ORDERS[order]
    body = b"".join(struct.pack(f"{letter}HHI4s", *entry) for entry in sorted(entries))
    head = order + struct.pack(f"{letter}HIH", 42, 8, len(entries))
    return head + body + bytes(4) + follows


def says(order, number, kind="H", tag_type=3):
    return (0x0112, tag_type, 1, struct.pack(ORDERS[order] + kind, number))


# Text where a number belongs, a number where text belongs, values that are not in the file.
ODD = [
    (tag, kind, count, value)
    for tag, (kind, count, value) in itertools.product(
        (0x010E, 0x011A, 0x0128, 0x0131, 0x8769, 0x8825, 0x9C9B),
        ((2, 2, b"2"), (11, 1, b"\0\0\xc0?"), (5, 1, b"\xff\xff\xff\xff"), (3, 2**32 - 1, b"9")),
    )
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_no_other_tag_keeps_a_picture_from_being_turned(tmp_path, kind, order):
    for odd in ODD:
        exif = directory(order, [says(order, 6), odd], follows=b"\0\1" + bytes(14))
        if kind == "PNG":
            data = png(chunk(b"eXIf", exif), *_pixels_of_16_by_8(), size=(16, 8))
        else:
            data = FORMATS[kind].replace(b"%EXIF%".ljust(512, b"%"), exif.ljust(512, b"\0"))
        (tmp_path / "a").write_bytes(data)
        assert open_image(tmp_path / "a").size == (8, 16), odd


def _pixels_of_16_by_8():
    return [chunk(b"IDAT", zlib.compress((b"\0" + bytes(48)) * 8))]


@pytest.mark.parametrize("order", ORDERS)
def test_a_directory_of_gps_is_not_looked_at(order):
    gps = struct.pack(f"{ORDERS[order]}HHHI4s", 1, 2, 2, 4, b"1.5\0") + bytes(4)
    place = struct.pack(f"{ORDERS[order]}I", 8 + 2 + 24 + 4)
    exif = directory(order, [says(order, 6), (0x8825, 4, 1, place)], gps)
    img = Image.new("RGB", (16, 8))
    img.info["exif"] = b"Exif\0\0" + exif
    assert turned(img).size == (8, 16)


@pytest.mark.parametrize(
    ("exif", "expected"),
    [
        (b"", 1),
        (b"II*\0", 1),
        (b"II*\0\xff\xff\xff\xff", 1),
        (b"II*\0\x08\0\0\0\1", 1),
        (b"XX*\0" + directory(b"II", [says(b"II", 6)])[4:], 1),
        (directory(b"II", [says(b"II", 0)]), 1),
        (directory(b"II", [says(b"II", 9)]), 1),
        (directory(b"MM", [says(b"MM", 8)]), 8),
        (directory(b"II", [says(b"II", 5, "I", 4)]), 5),
        (directory(b"MM", [says(b"MM", 7, "B", 1)]), 7),
        (directory(b"II", [says(b"II", 6, "f", 11)]), 1),
        (directory(b"II", [(0x0112, 3, 2, b"\6\0\1\0")]), 1),
        (directory(b"II", [says(b"II", 9), says(b"II", 3)]), 3),
        (directory(b"II", [says(b"II", 6)]).replace(b"\1\0\x12", b"\xff\xff\x12"), 6),
        (b"Exif\0\0Exif\0\0" + directory(b"II", [says(b"II", 6)]), 6),
        (exif_of(4), 4),
    ],
)
def test_what_exif_says(exif, expected):
    img = Image.new("L", (2, 1))
    img.info["exif"] = exif
    assert orientation_of(img) == expected
    assert lies_on_its_side(img) == (expected > 4)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("number", range(1, 9))
def test_tiffs_and_avifs_are_turned_once(tmp_path, order, number):
    tags = {274: number} if number > 1 else {}
    tiff = io.BytesIO()
    img = Image.new("L", (3, 2), 9)
    img.putpixel((0, 0), 200)
    img.save(tiff, "TIFF", tiffinfo=tags, big_endian=order == b"MM")
    (tmp_path / "a.tif").write_bytes(tiff.getvalue())
    seen = open_image(tmp_path / "a.tif").convert("L")
    img.info["exif"] = exif_of(number)
    assert seen.tobytes() == turned(img).tobytes() and seen.size == turned(img).size
    (tmp_path / "a.avif").write_bytes(encode(LYING, "AVIF", exif=exif_of(number)))
    assert open_image(tmp_path / "a.avif").size == ((16, 8) if number < 5 else (8, 16))


def test_no_other_tag_costs_a_tiff(tmp_path):
    for tag, kind, count, _ in ODD:
        data = tiff({tag: 0x01000009, 274: 6, 257: 2, 256: 5}, bytes(10), {tag: (kind, count)})
        (tmp_path / "a.tif").write_bytes(data)
        assert open_image(tmp_path / "a.tif").size == (2, 5), (tag, kind, count)


@pytest.mark.parametrize("key", ["xmp", "XML:com.adobe.xmp"])
@pytest.mark.parametrize(
    "spelt",
    [
        'tiff:Orientation="6"',
        "tiff:Orientation='6'",
        'tiff:Orientation = "6"',
        "<tiff:Orientation> 6 </tiff:Orientation>",
    ],
)
def test_xmp_counts_where_exif_says_nothing(key, spelt):
    img = Image.new("L", (2, 1))
    img.info[key] = spelt if key != "xmp" else spelt.encode()
    assert turned(img).size == (1, 2)
    assert orientation_of(turned(img)) == 1, "it is not turned twice"
    img.info["exif"] = exif_of(1)
    assert turned(img) is img


def test_the_exif_of_old_pngs_counts_too(tmp_path):
    exif = exif_of(6)
    text = f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode()
    text_chunk = chunk(b"tEXt", b"Raw profile type exif\0" + text)
    (tmp_path / "a.png").write_bytes(png(text_chunk, *_pixels_of_16_by_8(), size=(16, 8)))
    assert open_image(tmp_path / "a.png").size == (8, 16)
    img = Image.new("L", (2, 1))
    img.info["Raw profile type exif"] = text.decode()
    assert turned(turned(img)).size == (1, 2), "it is not turned twice"
    broken = text_chunk[:8] + text_chunk[8:-4].replace(b"49492a", b"xyzxyz") + text_chunk[-4:]
    (tmp_path / "a.png").write_bytes(png(broken, *_pixels_of_16_by_8(), size=(16, 8)))
    assert open_image(tmp_path / "a.png").size == (16, 8)


def test_several_pictures_in_a_jpeg_are_the_first_one(tmp_path):
    frames = [Image.new("RGB", (16, 8), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:], exif=exif_of(6))
    start = data.index(b"MPF\0")
    for damage in (0, 8, 12, 14, 26, 30, 50):  # what says where the others are
        damaged = bytearray(data)
        damaged[start + damage] ^= 0xFF
        (tmp_path / "a.jpg").write_bytes(bytes(damaged))
        assert open_image(tmp_path / "a.jpg").size == (8, 16), damage
