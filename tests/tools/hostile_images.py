"""Files that are no images, or that cost more than an image may: what the world keeps in folders.

All of them are made within seconds, from one seed, and take a few megabytes together.
"""

from __future__ import annotations

import io
import os
import random
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

SEED = 7
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
IEND = b"\0\0\0\0IEND\xaeB`\x82"


class Hostile(NamedTuple):
    """One file.

    Attributes:
      name: of the file, with the suffix of an image.
      make: puts it at a path.
      is_readable: whether it holds a picture after all.
    """

    name: bytes
    make: Callable[[Path], object]
    is_readable: bool = False


def hostile_images() -> list[Hostile]:
    """Returns all of them; their names differ."""
    contents = [
        *_cut(),
        *_renamed(),
        *_tiny(),
        *_huge(),
        *_floods(),
        *_damaged_pngs(),
        *_damaged_jpegs(),
        *_large_jpegs(),
        *_odd_gifs_and_bmps(),
        *_odd_tiffs(),
        *_noise(),
    ]
    written = [
        Hostile(name.encode(), lambda path, data=data: path.write_bytes(data), is_readable)
        for name, data, is_readable in contents
    ]
    return [*written, *_no_files(), *_odd_names()]


def scatter(folder: Path, files: list[Hostile]) -> None:
    """Puts files into a folder."""
    for file in files:
        file.make(folder / os.fsdecode(file.name))


Contents = Iterator[tuple[str, bytes, bool]]  # name, bytes, whether they can be read


def encode(img: Image.Image, kind: str, **options: object) -> bytes:
    """Returns the bytes of a picture in one of Pillow's formats."""
    buffer = io.BytesIO()
    img.save(buffer, kind, **options)
    return buffer.getvalue()


def png(*chunks: bytes, size: tuple[int, int] = (12, 12), depth: int = 8, colour: int = 2) -> bytes:
    """Returns a PNG of these chunks between its header and its end."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    return b"".join([PNG_MAGIC, chunk(b"IHDR", header), *chunks, IEND])


def chunk(kind: bytes, data: bytes) -> bytes:
    """Returns a PNG's chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deflated_zeros(count: int) -> bytes:
    """Returns so many zeros, compressed a thousandfold."""
    packer, piece = zlib.compressobj(9), bytes(1 << 20)
    parts = [packer.compress(piece) for _ in range(count >> 20)]
    return b"".join([*parts, packer.compress(bytes(count % (1 << 20))), packer.flush()])


def many_scans(edge: int, count: int) -> bytes:
    """Returns a progressive JPEG whose last scan is there so many times."""
    data = encode(Image.new("RGB", (edge, edge), "red"), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


PIXELS = chunk(b"IDAT", zlib.compress(bytes((12 * 3 + 1) * 12)))


def _picture() -> Image.Image:
    """Returns a picture that compresses badly, so that every part of its file matters."""
    pixels = np.random.default_rng(SEED).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def _cut() -> Contents:
    """Yields each format, cut at ten places from its first bytes to the middle of its pixels."""
    for kind, options in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("GIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("AVIF", {}),
    ):
        data = encode(_picture(), kind, **options)
        label = "-".join(
            [kind.lower(), *options, *(value for value in options.values() if value is not True)]
        )
        for place in (2, 6, 12, 20, 27, 40, *(len(data) * n // 10 for n in (3, 5, 7, 9))):
            yield f"cut-{label}-{place:04d}.{kind.lower()}", data[:place], False


def _renamed() -> Contents:
    """Yields other files under the names of images, and images under names of other formats."""
    small = Image.new("RGB", (16, 16), "red")
    for kind in ("ICO", "EPS", "PPM", "TGA", "PDF", "PCX", "SGI", "IM", "JPEG2000"):
        yield f"renamed-{kind.lower()}.png", encode(small, kind), False
    for name, data in {
        "page": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "script": b"#!/bin/sh\nrm -rf /\n",
        "archive": b"PK\x03\x04" + bytes(100),
        "gzip": zlib.compress(bytes(1000), wbits=31),
        "elf": b"\x7fELF" + bytes(100),
        "zeros": bytes(4096),
        "spaces": b" " * 4096,
        "ones": b"\xff" * 4096,
    }.items():
        yield f"renamed-{name}.jpg", data, False
    for kind, suffix in (
        *(("PNG", "jpg"), ("JPEG", "gif"), ("WEBP", "bmp"), ("BMP", "png")),
        *(("TIFF", "jpeg"), ("AVIF", "tif")),
    ):
        yield f"renamed-{kind.lower()}.{suffix}", encode(small, kind), True


def _tiny() -> Contents:
    for suffix in ("png", "jpg", "jpeg", "webp", "bmp", "gif"):
        yield f"empty.{suffix}", b"", False
        yield f"one-byte.{suffix}", b"\x89", False
    for suffix, magic in {
        "png": PNG_MAGIC,
        "jpg": b"\xff\xd8\xff",
        "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        "gif": b"GIF89a",
        "bmp": b"BM",
        "webp": b"RIFF\0\0\0\0WEBP",
    }.items():
        yield f"magic.{suffix}", magic, False
        yield f"magic-and-zeros.{suffix}", magic + bytes(200), False


def _huge() -> Contents:
    """Yields small files that claim very many pixels."""
    for edge in (7072, 9000, 13000, 20000, 2**31 - 1):
        rows = chunk(b"IDAT", deflated_zeros((edge // 8 + 1) * edge if edge < 2**16 else 0))
        yield f"huge-{edge}.png", png(rows, size=(edge, edge), depth=1, colour=0), False
    yield "huge-line.png", png(PIXELS, size=(2**31 - 1, 1)), False
    gif = encode(Image.new("P", (8, 8)), "GIF")
    yield "huge.gif", gif[:6] + b"\xff\xff\xff\xff" + gif[10:], False
    frame = gif.index(b",") + 5  # its size lies four bytes behind the comma
    yield "huge-frame.gif", gif[:frame] + b"\xff\xff\xff\xff" + gif[frame + 4 :], False
    bmp = encode(Image.new("RGB", (8, 8)), "BMP")
    for width, height in ((2**31 - 1, 1), (20000, 20000), (-1, 8), (0, 8)):
        size = struct.pack("<ii", width, height)
        yield f"huge-{width}x{height}.bmp", bmp[:18] + size + bmp[26:], False
    jpeg = encode(Image.new("RGB", (8, 8)), "JPEG")
    place = jpeg.index(b"\xff\xc0") + 5
    yield "huge.jpg", jpeg[:place] + b"\xff\xff\xff\xff" + jpeg[place + 4 :], False
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    webp = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    place = webp.index(b"VP8X") + 12
    yield "huge.webp", webp[:place] + b"\xfe\x3f\0" * 2 + webp[place + 6 :], False


def _floods() -> Contents:
    """Yields what is small, or claims to be, and would take minutes or gigabytes."""
    zeros = deflated_zeros(100 << 20)
    yield "flood-ztxt.png", png(chunk(b"zTXt", b"k\0\0" + zeros), PIXELS), True
    yield "flood-iccp.png", png(chunk(b"iCCP", b"k\0\0" + zeros), PIXELS), True
    yield "flood-itxt.png", png(chunk(b"iTXt", b"k\0\1\0\0\0" + zeros), PIXELS), True
    many = chunk(b"zTXt", b"k\0\0" + deflated_zeros(1 << 20)) * 70
    yield "flood-many-texts.png", png(many, PIXELS), True
    yield "flood-pixels.png", png(chunk(b"IDAT", zeros)), True
    yield "flood-chunks.png", png(chunk(b"teXt", b"") * 200_000, PIXELS), False
    yield "flood-empty-pixels.png", png(chunk(b"IDAT", b"") * 300_000, PIXELS), False
    yield "flood-scans.jpg", many_scans(1100, 1000), False
    yield "flood-few-pixels.jpg", many_scans(64, 1000), True
    jpeg = encode(Image.new("RGB", (8, 8)), "JPEG")
    yield "flood-fill-bytes.jpg", jpeg[:-2] + b"\xff" * 1_000_000 + b"\0" + jpeg[-2:], True
    frame = b"!\xf9\4\0\n\0\0\0," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2D\1\0"
    head = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    yield "flood-frames.gif", head + frame * 100_000 + b";", True
    yield "flood-endless.gif", head + frame * 1000, True
    yield "flood-comments.gif", head + b"!\xfe\1x\0" * 200_000 + frame + b";", False
    yield "flood-no-frames.gif", head + b"!\xf9\4\0\n\0\0\0" * 100_000 + b";", False


def _damaged_pngs() -> Contents:
    whole = encode(_picture(), "PNG")
    pixels = whole.index(b"IDAT")
    yield "png-bad-crc-of-header.png", whole[:29] + b"\0\0\0\0" + whole[33:], False
    yield "png-bad-header.png", whole[:20] + b"\xff" + whole[21:], False
    for offset in (10, 100, 1000):
        place = pixels + 4 + offset
        damaged = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        yield f"png-damaged-pixels-{offset}.png", damaged, False
    yield "png-garbage-pixels.png", png(chunk(b"IDAT", b"garbage" * 99)), False
    yield "png-no-pixels.png", png(), False
    yield "png-empty-pixels.png", png(chunk(b"IDAT", b"")), False
    yield "png-few-pixels.png", png(chunk(b"IDAT", zlib.compress(bytes(37 * 5)))), True
    yield "png-0x0.png", png(PIXELS, size=(0, 0)), False
    yield "png-0x12.png", png(PIXELS, size=(0, 12)), False
    yield "png-no-end.png", whole.removesuffix(IEND), True
    yield "png-no-palette.png", png(PIXELS, colour=3), False
    for depth, colour in ((3, 2), (16, 3), (1, 2), (8, 1), (0, 0), (255, 255)):
        yield f"png-depth-{depth}-{colour}.png", png(PIXELS, depth=depth, colour=colour), False
    yield "png-long-chunk.png", whole[:33] + b"\x7f\xff\xff\xfftEXt" + whole[33:], False
    yield "png-second-header.png", whole[:33] + whole[8:33] * 2 + whole[33:], True
    yield "png-no-header.png", PNG_MAGIC + whole[33:], False
    yield "png-header-only.png", whole[:33] + IEND, False
    for kind in (b"gAMA", b"pHYs", b"tRNS", b"cHRM", b"sRGB"):
        name = kind.decode().lower()
        yield f"png-short-{name}.png", png(chunk(kind, b""), PIXELS), kind != b"tRNS"


def _damaged_jpegs() -> Contents:
    whole = encode(_picture(), "JPEG")
    header = whole.index(b"\xff\xc0")
    pixels = whole.index(b"\xff\xda")
    yield "jpeg-no-end.jpg", whole[:-2], True
    yield "jpeg-two-starts.jpg", whole[:2] + whole, False
    yield "jpeg-second-start.jpg", whole[:pixels] + b"\xff\xd8" + whole[pixels:], False
    yield "jpeg-no-header.jpg", whole[:header] + whole[pixels:], False
    yield "jpeg-no-pixels.jpg", whole[:pixels] + b"\xff\xd9", False
    yield "jpeg-no-tables.jpg", whole[:2] + whole[header:], False
    # The pixels of the first are taken for arithmetically coded ones, of which any bytes will do.
    for name, marker in (("arithmetic", 0xC9), ("lossless", 0xC3), ("hierarchical", 0xC5)):
        marked = whole[:header] + bytes([255, marker]) + whole[header + 2 :]
        yield f"jpeg-{name}.jpg", marked, name == "arithmetic"
    yield "jpeg-12-bits.jpg", whole[: header + 4] + b"\x0c" + whole[header + 5 :], False
    yield "jpeg-9-parts.jpg", whole[: header + 9] + b"\x09" + whole[header + 10 :], False
    yield "jpeg-0x0.jpg", whole[: header + 5] + bytes(4) + whole[header + 9 :], False
    yield "jpeg-segment-of-0.jpg", whole[:2] + b"\xff\xe1\0\0" + whole[2:], True
    yield "jpeg-segment-too-long.jpg", whole[:2] + b"\xff\xe1\xff\xff" + whole[2:], False
    yield "jpeg-fill-bytes.jpg", whole[:2] + b"\xff" * 400_000 + whole[2:], False
    looping = b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"
    for name, exif in {
        "garbage": b"garbage",
        "cut": b"II*\0\x08\0\0\0\xff\0\x12\x01\x03",
        "looping": looping,
        "far": b"II*\0\xff\xff\xff\xff",
        "long": b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x09\0\0\0\0\0\0\0",
    }.items():
        segment = b"Exif\0\0" + exif
        marked = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
        yield f"exif-{name}.jpg", whole[:2] + marked + whole[2:], True
        yield f"exif-{name}.png", png(chunk(b"eXIf", exif), PIXELS), True
    segment = b"\xff\xe1\xff\xffExif\0\0" + bytes(65527)
    yield "exif-10-MB.jpg", whole[:2] + segment * 160 + whole[2:], True


def lossless_jpeg(edge: int) -> bytes:
    """Returns a lossless JPEG of one grey, as doctors use them."""

    def segment(marker: int, data: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data

    return b"".join(
        [
            b"\xff\xd8",
            segment(0xC3, struct.pack(">BHHB", 8, edge, edge, 1) + b"\1\x11\0"),
            segment(0xC4, b"\0\1" + bytes(16)),  # one code, of one bit: as the pixel before
            segment(0xDA, b"\1\1\0\1\0\0"),
            bytes(-(-edge * edge // 8)),
            b"\xff\xd9",
        ]
    )


def _large_jpegs() -> Contents:
    """Yields JPEGs of which not all is decoded, cut at ten places, and one that is decoded."""
    for label, options in (("baseline", {}), ("progressive", {"progressive": True})):
        data = encode(_picture().resize((320, 240)), "JPEG", **options)
        for tenth in range(10):
            yield f"large-{label}-{tenth}.jpg", data[: len(data) * tenth // 10 + 700], False
    yield "large-lossless.jpg", lossless_jpeg(256), True


def _odd_gifs_and_bmps() -> Contents:
    gif = encode(_picture().quantize(16), "GIF")
    frame = gif.index(b",")
    off = gif[: frame + 1] + b"\xff\xff\xff\xff" + gif[frame + 5 :]
    yield "gif-off-canvas.gif", off, False
    yield "gif-0x0.gif", gif[:6] + bytes(4) + gif[10:], True
    yield "gif-frame-0x0.gif", gif[: frame + 5] + bytes(4) + gif[frame + 9 :], False
    code = frame + 10 + (3 << (gif[frame + 9] & 7) + 1 if gif[frame + 9] & 0x80 else 0)
    for bits in (0, 13, 255):
        yield f"gif-{bits}-bits.gif", gif[:code] + bytes([bits]) + gif[code + 1 :], bits == 0
    yield "gif-no-frame.gif", gif[:frame] + b";", False
    bmp = encode(_picture(), "BMP")
    upside_down = struct.pack("<ii", 32, -24)
    yield "bmp-upside-down.bmp", bmp[:18] + upside_down + bmp[26:], True
    for bits in (0, 2, 3, 7, 64, 65535):
        yield f"bmp-{bits}-bits.bmp", bmp[:28] + struct.pack("<H", bits) + bmp[30:], False
    for method in (1, 2, 4, 5, 6, 11, 2**31):
        packed = bmp[:30] + struct.pack("<I", method) + bmp[34:]
        yield f"bmp-method-{method}.bmp", packed, False
    yield "bmp-header-0.bmp", bmp[:14] + bytes(4) + bmp[18:], False
    yield "bmp-header-huge.bmp", bmp[:14] + b"\xff\xff\xff\x7f" + bmp[18:], False
    yield "bmp-pixels-far.bmp", bmp[:10] + b"\xff\xff\xff\x7f" + bmp[14:], False
    palette = encode(_picture().quantize(16), "BMP")
    colours = palette[:46] + b"\xff\xff\xff\x7f" + palette[50:]
    yield "bmp-colours.bmp", colours, False
    rle = bytearray(palette[:1078])
    rle[30:34] = struct.pack("<I", 1)
    yield "bmp-rle-cut.bmp", bytes(rle) + b"\x20\x01" * 3, False
    yield "bmp-rle-jump.bmp", bytes(rle) + b"\0\2\xff\xff" * 9 + b"\0\1", False


def tiff(tags: dict[int, int], data: bytes = b"", kinds: dict[int, int] | None = None) -> bytes:
    """Returns a TIFF of grey pixels.

    Args:
      tags: each a number, beside those that every picture has.
      data: follows them, at offset 1024.
      kinds: type of a tag that is none of 4 bytes, and how many of it there are, at offset 1024.
    """
    usual = {256: 10, 257: 10, 258: 8, 259: 1, 262: 1, 273: 1024, 277: 1, 278: 10, 279: len(data)}
    entries = sorted((usual | tags).items())
    body = struct.pack("<H", len(entries))
    for tag, value in entries:
        body += struct.pack("<HHII", tag, *(kinds or {}).get(tag, (4, 1)), value)
    return (b"II*\0\x08\0\0\0" + body).ljust(1024, b"\0") + data


def _odd_tiffs() -> Contents:
    """Yields TIFFs that need other decoders, or much memory, or hold what is no picture."""
    yield "plain.tif", tiff({}, bytes(100)), True
    zeros = deflated_zeros(100 << 20)
    for edge in (16000, 2**31 - 16):
        tiles = {259: 8, 322: edge, 323: edge, 324: 1024, 325: len(zeros)}
        yield f"flood-tiles-{edge}.tif", tiff(tiles, zeros), False
    yield "flood-strip.tif", tiff({259: 8, 278: 2**32 - 1}, zeros), True
    yield "huge.tif", tiff({256: 20000, 257: 20000}, bytes(100)), False
    yield "two-tile-widths.tif", tiff({322: 1024}, bytes(100), {322: (4, 2)}), True
    large = dict.fromkeys(range(1000, 1060), (1, 9000000))
    yield "flood-tags.tif", tiff(dict.fromkeys(large, 1024), bytes(9_000_000), large), True
    for kind in ("jpeg", "zstd", "lzma"):
        yield f"compressed-{kind}.tif", encode(_picture(), "TIFF", compression=kind), False
    pages = [Image.new("RGB", (12, 12), colour) for colour in ("red", "blue")]
    two = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    yield "two-pages.tiff", two, True


def _noise() -> Contents:
    """Yields random bytes behind the beginning of each format."""
    chance = random.Random(SEED)
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF"):
        start = encode(_picture(), kind)[:40]
        for number in range(4):
            data = start[: chance.randrange(8, 14)] + chance.randbytes(chance.randrange(50, 500))
            yield f"noise-{number}.{kind.lower()}", data, False


def _no_files() -> Iterator[Hostile]:
    """Yields what has the name of an image and is no file, or none that may be read."""
    yield Hostile(b"other-fifo.png", os.mkfifo)
    yield Hostile(b"other-socket.png", _make_socket)
    for name, target in {
        "dangling": "nowhere.png",
        "looping": "other-looping.png",
        "to-zero": "/dev/zero",
        "to-random": "/dev/urandom",
        "to-terminal": "/dev/tty",
        "to-standard-input": "/dev/stdin",
        "to-fifo": "other-fifo.png",
        "to-long-name": "x" * 300,
        "to-process": "/proc/self/mem",
    }.items():
        yield Hostile(
            f"other-{name}.png".encode(), lambda path, target=target: path.symlink_to(target)
        )
    for suffix, head in (
        ("webp", b"RIFF\xf0\xff\xff\xffWEBPVP8 "),
        ("png", b""),
        ("gif", b"GIF89a"),
    ):
        yield Hostile(
            f"other-terabyte.{suffix}".encode(),
            lambda path, head=head: (path.write_bytes(head), os.truncate(path, 1 << 40)),
        )
    if os.geteuid():  # root may read everything
        yield Hostile(b"other-forbidden.png", lambda path: (path.touch(), path.chmod(0)))


def _make_socket(path: Path) -> None:
    """Puts a socket at a path, which may be longer than a socket's address."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _odd_names() -> Iterator[Hostile]:
    """Yields names of all kinds; every other file is a picture."""
    names = [
        b"two\nlines.png",
        b"\x1b[31mred\x1b[0m.png",
        "größe 日本 😀.png".encode(),
        b"not \xff\xfe UTF-8.png",
        b"n" * 251 + b".png",
        b"\r\x08\x07.png",
        "\u202egnp.png".encode(),
        b"-rf.png",
        b"<script>alert(1)</script>.png".replace(b"/", b"\\"),
        b"$(reboot);`reboot`.png",
        b" .png",
        b"%s%n{0}.png",
    ]
    picture = encode(Image.new("RGB", (12, 12), "red"), "PNG")
    for name in names:
        yield Hostile(b"a-" + name if len(name) < 200 else name, lambda p: p.write_bytes(b"bad"))
        yield Hostile(
            b"b-" + name if len(name) < 200 else b"m" + name[1:],
            lambda path: path.write_bytes(picture),
            is_readable=True,
        )
