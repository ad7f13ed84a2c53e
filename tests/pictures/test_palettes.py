"""Files of palettes, good and bad."""

import os

import numpy as np
import pytest
from PIL import Image

from pixace.errors import PixaceError, UsageError
from pixace.pictures.known_palettes import KNOWN_PALETTES
from pixace.pictures.palettes import check_palette_file, read_palette, write_palette
from pixace.settings.colours import MAX_COLOURS

COLOURS = ["1a1c2c", "ff004d", "000000", "ffffff"]


@pytest.fixture
def palette(tmp_path):
    """Writes a palette's file and returns its path."""

    def write(name: str, data: bytes):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("suffix", [".gpl", ".hex", ".pal", ".png", ".GPL"])
def test_what_is_written_is_read(suffix, tmp_path):
    path = tmp_path / "new" / f"mine{suffix}"
    write_palette(COLOURS, path)
    assert read_palette(path) == COLOURS


def test_aseprite_s_palette_with_alpha(palette):
    """Of transparent entries nothing is kept; a name may hold anything."""
    path = palette(
        "a.gpl",
        b"GIMP Palette\nChannels: RGBA\nName: x\nColumns: 4\n#\n"
        b"  0   0   0   0\ttransparent\n 26  28  44 255\tUntitled 3\n255 0 77 128 a: b\n",
    )
    assert read_palette(path) == ["1a1c2c", "ff004d"]


def test_gimp_s_palette_without_alpha(palette):
    path = palette(
        "a.gpl", b"\xef\xbb\xbfGIMP Palette\r\nName: caf\xe9\r\n\r\n1 2 3 7 up\r\n1 2 3\r\n"
    )
    assert read_palette(path) == ["010203"]


def test_lists_of_hexadecimal_digits(palette):
    assert read_palette(palette("a.hex", b"#FF004D\r\n\r\n1a1c2c\n1A1C2C\n00000000\n010203ff")) == [
        "ff004d",
        "1a1c2c",
        "010203",
    ]


@pytest.mark.parametrize("rest", [b"", b"7 8 9\r\n"])  # more than it says are not its own
def test_jasc_s_palette(palette, rest):
    data = b"JASC-PAL\r\n0100\r\n2\r\n1 2 3\r\n4 5 6 255\r\n" + rest
    assert read_palette(palette("a.pal", data)) == ["010203", "040506"]


def test_as_many_colours_as_there_may_be(palette):
    colours = [f"{number:06x}" for number in range(MAX_COLOURS)]
    assert read_palette(palette("a.hex", "\n".join(colours).encode())) == colours


def test_a_picture_s_colours_come_row_by_row(tmp_path):
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0] = [[9, 9, 9, 255], [1, 2, 3, 255], [9, 9, 9, 255]]
    pixels[1] = [[5, 5, 5, 127], [0, 0, 0, 255], [1, 2, 3, 200]]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_palette(tmp_path / "a.png") == ["090909", "010203", "000000"]
    Image.open(tmp_path / "a.png").quantize(4).save(tmp_path / "indexed.png")
    assert len(read_palette(tmp_path / "indexed.png")) >= 2


BAD = {
    "empty.gpl": (b"", "first line is: GIMP Palette"),
    "empty.hex": (b"", "no colours in this palette"),
    "empty.pal": (b"", "first line is: JASC-PAL"),
    "empty.png": (b"", "empty, a file of 0 bytes"),
    "none.gpl": (b"GIMP Palette\n#\n", "no colours in this palette"),
    "clear.gpl": (b"GIMP Palette\nChannels: RGBA\n0 0 0 0\n", "no colours in this palette"),
    "short.gpl": (b"GIMP Palette\n1 2\n", "line 2 is no colour such as 255 0 77: '1 2'"),
    "alpha.gpl": (b"GIMP Palette\nChannels: RGBA\n1 2 3 up\n", "line 3 is no colour"),
    "large.gpl": (b"GIMP Palette\n1 2 256\n", "line 2 is no colour"),
    "huge.gpl": (b"GIMP Palette\n1 2 " + b"9" * 9000, "line 2 is no colour"),
    "binary.gpl": (bytes(range(256)), "first line is: GIMP Palette"),
    "binary.hex": (bytes(range(256)), "line 1 is no colour such as ff004d"),
    "binary.png": (bytes(range(256)), "not an image of a known kind"),
    "utf16.hex": ("ff004d\n".encode("utf-16"), "line 1 is no colour"),
    "five.hex": (b"ff004d\nff004\n", "line 2 is no colour such as ff004d: 'ff004'"),
    "cut.pal": (b"JASC-PAL\n0100\n16\n1 2 3\n4 5 6\n", "cut short: 2 of its 16 colours"),
    "count.pal": (b"JASC-PAL\n0100\nmany\n1 2 3\n", "third line should say how many"),
    "riff.pal": (b"RIFF\x10\0\0\0PAL data", "first line is: JASC-PAL"),
    "lines.hex": (b"ff004d\n" * 10**6, "larger than 1,000,000 bytes"),
    "many.hex": (b"".join(b"%06x\n" % n for n in range(4097)), "more than 4096 colours"),
    "blank.hex": (b"\n" * 10**6, "no colours in this palette"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_that_names_it(name, palette):
    data, message = BAD[name]
    path = palette(name, data)
    with pytest.raises(UsageError) as caught:
        read_palette(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert str(caught.value).isprintable() and len(str(caught.value)) < len(str(path)) + 200


def test_a_picture_that_is_no_palette(tmp_path):
    Image.new("RGB", (1025, 1024)).save(tmp_path / "large.png")
    with pytest.raises(UsageError, match="1025x1024 pixels are too many for a palette"):
        read_palette(tmp_path / "large.png")
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    with pytest.raises(UsageError, match="more than 4096 colours"):
        read_palette(tmp_path / "photo.png")


def test_what_is_no_file(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_palette(tmp_path / "a.gpl")
    os.mkfifo(tmp_path / "pipe.hex")
    with pytest.raises(UsageError, match="not a regular file"):
        read_palette(tmp_path / "pipe.hex")
    (tmp_path / "folder.pal").mkdir()
    with pytest.raises(UsageError, match="not a regular file"):
        read_palette(tmp_path / "folder.pal")


@pytest.mark.parametrize("name", ["a.ase", "a.txt", "a", ".hex"])
def test_other_suffixes(name, tmp_path):
    with pytest.raises(UsageError, match="must be a file that ends in .gpl, .hex, .pal, .png"):
        check_palette_file(name)
    with pytest.raises(UsageError, match="must be a file"):
        read_palette(tmp_path / name)


def test_a_palette_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PixaceError, match="cannot write"):
        write_palette(COLOURS, tmp_path / "file" / "a.hex")


def test_known_palettes():
    sizes = {name: len(colours) for name, colours in KNOWN_PALETTES.items()}
    assert sizes == {"pico-8": 16, "gameboy": 4, "db16": 16, "db32": 32, "endesga-32": 32}
    for colours in KNOWN_PALETTES.values():
        assert len(set(colours)) == len(colours)
        assert all(len(bytes.fromhex(colour)) == 3 for colour in colours)
