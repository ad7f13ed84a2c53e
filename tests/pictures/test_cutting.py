"""Which pictures are in a folder's files: cells of sheets, frames of animations, what JSON says."""

import json
import logging
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.cutting import find_pictures
from pixace.pictures.exact import tiled
from pixace.pictures.formats.suffixes import spelled_counts
from pixace.pictures.many import read_in_order
from pixace.pictures.sheet_data import aseprite_data
from pixace.settings.reading import ReadingSettings
from tests.tools.hostile_images import chunk, deflated_zeros, png

GREY, CLEAR = (90, 90, 90, 255), (0, 0, 0, 0)


def sprite(number, size=(4, 3)):
    """Returns a small picture, RGBA, of which no other number has the same."""
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 4), np.uint8)
    pixels[..., 3] = 255
    return Image.fromarray(pixels)


def grid_sheet(pictures, columns, margin=0, spacing=0):
    """Returns a sheet of pictures of one size, None for an empty cell."""
    width, height = next(picture for picture in pictures if picture).size
    rows = -(-len(pictures) // columns)
    size = [
        2 * margin + n * edge + (n - 1) * spacing for n, edge in ((columns, width), (rows, height))
    ]
    sheet = Image.new("RGBA", tuple(size))
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        place = (margin + column * (width + spacing), margin + row * (height + spacing))
        if picture is not None:
            sheet.paste(picture, place)
    return sheet


def pictures_of(folder, **reading):
    """Returns the pictures of a folder by what they are called, as RGBA."""
    paths = find_pictures(folder, ReadingSettings(**reading)).paths

    def work(path, img):
        return img.convert("RGBA")

    results = [*read_in_order(paths, range(len(paths)), work, 3)]
    assert [number for number, _ in results] == list(range(len(paths)))
    return {paths.label(number): picture for number, picture in results}


def same(one, other):
    return one.size == other.size and one.convert("RGBA").tobytes() == other.tobytes()


# --- grids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("margin", "spacing"), [(0, 0), (1, 0), (0, 2), (3, 1)])
@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_a_sheet_is_cut_exactly(tmp_path, margin, spacing, mode):
    sprites = [sprite(number) for number in range(11)]
    sheet = grid_sheet([*sprites, None], 4, margin, spacing)
    (sheet if mode == "RGBA" else sheet.quantize(256)).save(tmp_path / "tiles.png")
    if mode == "P":
        sprites = [
            Image.open(tmp_path / "tiles.png").convert("RGBA").crop((x, y, x + 4, y + 3))
            for y in range(margin, margin + 3 * (3 + spacing), 3 + spacing)
            for x in range(margin, margin + 4 * (4 + spacing), 4 + spacing)
        ][:11]
    grid = f"4x3+{margin}+{spacing}"
    found = find_pictures(tmp_path, ReadingSettings(grid=grid))
    assert (found.n_files, found.n_cut, found.n_empty, found.unreadable) == (1, 1, 1, [])
    cut = pictures_of(tmp_path, grid=grid)
    assert [*cut] == [f"tiles.png#{number // 4 + 1},{number % 4 + 1}" for number in range(11)]
    assert all(same(one, other) for one, other in zip(cut.values(), sprites, strict=True))


def test_cells_of_one_colour_and_transparent_ones_are_empty(tmp_path):
    hidden = sprite(1)
    hidden.putalpha(0)
    dot = Image.new("RGBA", (4, 3), GREY)
    dot.putpixel((2, 1), CLEAR)
    cells = [sprite(0), Image.new("RGBA", (4, 3), GREY), hidden, dot]
    grid_sheet(cells, 2).save(tmp_path / "tiles.png")
    assert [*pictures_of(tmp_path, grid="4x3")] == ["tiles.png#1,1", "tiles.png#2,2"]
    assert find_pictures(tmp_path, ReadingSettings(grid="4x3")).n_empty == 2
    hidden = grid_sheet([sprite(0), hidden], 2).convert("LA")
    hidden.save(tmp_path / "tiles.png")
    assert [*pictures_of(tmp_path, grid="4x3")] == ["tiles.png#1,1"]


def test_a_sheet_that_the_grid_does_not_divide_is_told(tmp_path, caplog):
    grid_sheet([sprite(0), sprite(1)], 2).save(tmp_path / "even.png")
    uneven = grid_sheet([sprite(2), sprite(3)], 2)
    uneven.crop((0, 0, uneven.width + 1, uneven.height)).save(tmp_path / "uneven.png")
    found = find_pictures(tmp_path, ReadingSettings(grid="4x3"))
    assert (len(found.paths), found.n_cut, found.n_uneven) == (4, 2, 1)
    with caplog.at_level(logging.INFO):
        found.tell()
    assert caplog.messages[0].endswith("0 empty cells left out; pixels left over in 1")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "I;16", "CMYK"])
def test_sheets_of_any_mode(tmp_path, mode):
    pixels = np.zeros((4, 8), np.uint16)
    pixels[1:3, 5:7] = 65535
    sheet = Image.fromarray(pixels)
    if mode != "I;16":
        sheet = Image.fromarray((pixels >> 8).astype(np.uint8)).convert(mode)
    sheet.save(tmp_path / f"tiles.{'tif' if mode == 'CMYK' else 'png'}")
    found = find_pictures(tmp_path, ReadingSettings(grid="4x4"))
    assert [found.paths.label(0)[-4:], len(found.paths), found.n_empty] == ["#1,2", 1, 1]


def test_single_pictures_beside_sheets(tmp_path):
    """One that is a cell stays a file, even a blank one; one that is smaller is refused by name."""
    Image.new("RGB", (4, 3), "red").save(tmp_path / "blank.png")
    sprite(0, (3, 3)).save(tmp_path / "small.png")
    grid_sheet([sprite(1), sprite(2)], 2).save(tmp_path / "tiles.png")
    found = find_pictures(tmp_path, ReadingSettings(grid="4x3"))
    assert [*map(str, found.paths)] == [
        f"{tmp_path}/{name}" for name in ("blank.png", "tiles.png#1,1", "tiles.png#1,2")
    ]
    assert (found.n_files, found.n_cut) == (3, 1)
    assert found.unreadable == [
        (tmp_path / "small.png", "3x3 pixels are too few for a cell of 4x3")
    ]


def test_a_sheet_is_turned_as_its_file_says(tmp_path):
    sheet = grid_sheet([sprite(0), sprite(1)], 2).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    sheet.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "tiles.png", exif=exif)
    cut = pictures_of(tmp_path, grid="4x3")
    assert all(same(picture, sprite(number)) for number, picture in enumerate(cut.values()))
    assert len(cut) == 2


def test_an_empty_sheet_alone_is_one_line(tmp_path):
    Image.new("RGBA", (8, 6)).save(tmp_path / "tiles.png")
    with pytest.raises(ImageError, match="no picture can be taken from its 1 image files; every"):
        find_pictures(tmp_path, ReadingSettings(grid="4x3"))


def test_a_sheet_beyond_the_limits_is_one_line(tmp_path):
    rows = chunk(b"IDAT", deflated_zeros(2501 * 20000))
    (tmp_path / "vast.png").write_bytes(png(rows, size=(20000, 20000), depth=1, colour=0))
    with pytest.raises(ImageError, match=r"vast\.png: 20000x20000 pixels are more than"):
        find_pictures(tmp_path, ReadingSettings(grid="16x16"))
    rows = chunk(b"IDAT", deflated_zeros(876 * 7000))
    (tmp_path / "vast.png").write_bytes(png(rows, size=(7000, 7000), depth=1, colour=0))
    with pytest.raises(ImageError, match="49,000,000 cells are more than the 1,000,000 allowed"):
        find_pictures(tmp_path, ReadingSettings(grid="1x1"))


# --- frames -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"), [("gif", {}), ("png", {}), ("webp", {"lossless": True})]
)
def test_every_frame_of_an_animation(tmp_path, kind, options):
    frames = []
    for number in range(7):
        frames.append(Image.new("RGB", (9, 8), "black"))
        frames[-1].paste((255, 40 * number, 0), (number, 1, number + 2, 5))
    frames[0].save(tmp_path / f"walk.{kind}", save_all=True, append_images=frames[1:], **options)
    sprite(0).save(tmp_path / "alone.png")
    cut = pictures_of(tmp_path, frames="all")
    assert [*cut] == ["alone.png", *(f"walk.{kind}#{number}" for number in range(1, 8))]
    for frame, picture in zip(frames, [*cut.values()][1:], strict=True):
        assert same(frame, picture)
    first = pictures_of(tmp_path)
    assert [*first] == ["alone.png", f"walk.{kind}"]
    assert same(frames[0], first[f"walk.{kind}"])


def test_the_picture_for_those_who_show_no_animation_is_no_frame(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], default_image=True)
    cut = pictures_of(tmp_path, frames="all")
    assert [*cut] == ["a.png#1", "a.png#2"]
    assert [picture.getpixel((0, 0))[:3] for picture in cut.values()] == [(0, 255, 0), (0, 0, 255)]


def test_of_a_tiff_only_the_first_page_is_taken(tmp_path):
    pages = [sprite(number) for number in range(3)]
    pages[0].save(tmp_path / "pages.tiff", save_all=True, append_images=pages[1:])
    cut = pictures_of(tmp_path, frames="all")
    assert [*cut] == ["pages.tiff"]
    assert same(pages[0], cut["pages.tiff"])


def test_animations_are_not_cut_by_the_grid(tmp_path):
    frames = [sprite(number, (8, 6)).convert("RGB") for number in range(2)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "b.png")
    both = [*pictures_of(tmp_path, frames="all", grid="8x3")]
    assert both == ["a.png#1", "a.png#2", "b.png#1,1", "b.png#2,1"]


def test_more_frames_than_are_allowed_are_one_line(tmp_path):
    frame = b"!\xf9\4\0\n\0\0\0," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2D\1\0"
    for name, edge, count in (("many.gif", 8, 10_001), ("large.gif", 7000, 30)):
        head = b"GIF89a" + struct.pack("<HHBBB", edge, edge, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
        (tmp_path / name).write_bytes(head + frame * count + b";")
    sprite(0).save(tmp_path / "alone.png")
    found = find_pictures(tmp_path, ReadingSettings(frames="all"))
    assert [*map(found.paths.label, range(len(found.paths)))] == ["alone.png"]
    assert [(path.name, problem) for path, problem in found.unreadable] == [
        (
            "large.gif",
            "30 frames of 7000x7000 pixels are more than the 10,000 frames and 1000 million "
            "pixels allowed",
        ),
        (
            "many.gif",
            "10,001 frames of 8x8 pixels are more than the 10,000 frames and 1000 million pixels "
            "allowed",
        ),
    ]


def test_an_animation_that_claims_frames_is_one_line(tmp_path):
    frames = [sprite(number).convert("RGB") for number in range(2)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    data = (tmp_path / "a.png").read_bytes()
    place = data.index(b"acTL")
    claim = b"acTL" + struct.pack(">II", 9000, 0)
    claim += struct.pack(">I", zlib.crc32(claim))
    (tmp_path / "a.png").write_bytes(data[:place] + claim + data[place + len(claim) :])
    with pytest.raises(ImageError, match=r"1 image files; the first: .*a\.png: \w.*") as caught:
        find_pictures(tmp_path, ReadingSettings(frames="all"))
    assert str(caught.value).isprintable()


# --- JSON beside a sheet --------------------------------------------------------------------------


def test_a_sheet_of_our_own_comes_back(tmp_path):
    sprites = [sprite(number) for number in range(5)]
    sheet = tiled(
        [[img.convert("RGB") for img in sprites[:3]], [img.convert("RGB") for img in sprites[3:]]]
    )
    names = [f"{number // 3 + 1:03}-{number % 3 + 1}" for number in range(5)]
    sheet.save(tmp_path / "sheet.png")
    (tmp_path / "sheet.json").write_text(aseprite_data(sheet, "sheet.png", (4, 3), names))
    cut = pictures_of(tmp_path)
    assert [*cut] == [f"sheet.png#{name}" for name in names]
    assert all(same(one, other) for one, other in zip(sprites, cut.values(), strict=True))
    found = find_pictures(tmp_path)
    assert (found.n_cut, found.n_empty, found.others) == (1, 0, {})


@pytest.mark.parametrize("is_array", [False, True])
def test_trimmed_frames_are_restored(tmp_path, is_array):
    """As TexturePacker and Aseprite write them; a rotated one is refused by name."""
    sheet = grid_sheet([sprite(0), sprite(1), sprite(2)], 3)
    sheet.save(tmp_path / "atlas.png")
    frames = {
        "hero/walk 0.png": {
            "frame": {"x": 0, "y": 0, "w": 4, "h": 3},
            "rotated": False,
            "trimmed": True,
            "spriteSourceSize": {"x": 2, "y": 5, "w": 4, "h": 3},
            "sourceSize": {"w": 16, "h": 12},
            "duration": 100,
        },
        "hero/walk 1.png": {
            "frame": {"x": 4, "y": 0, "w": 3, "h": 4},
            "rotated": True,
            "trimmed": False,
            "sourceSize": {"w": 3, "h": 4},
        },
        "whole": {"frame": {"x": 8, "y": 0, "w": 4, "h": 3}},
    }
    listed = [{"filename": name, **frame} for name, frame in frames.items()]
    data = {"frames": listed if is_array else frames, "meta": {"image": "atlas.png", "scale": "1"}}
    (tmp_path / "atlas.json").write_text(json.dumps(data))
    cut = pictures_of(tmp_path, grid="1x1")
    assert [*cut] == ["atlas.png#hero/walk 0.png", "atlas.png#whole"], "and the grid has no say"
    restored = Image.new("RGBA", (16, 12))
    restored.paste(sprite(0), (2, 5))
    assert same(restored, cut["atlas.png#hero/walk 0.png"])
    assert same(sprite(2), cut["atlas.png#whole"])
    ((path, problem),) = find_pictures(tmp_path).unreadable
    assert str(path) == f"{tmp_path}/atlas.png#hero/walk 1.png"
    assert problem == "is rotated in the sheet; export it without rotation"


def test_what_is_said_of_a_sheet_goes_before_the_grid(tmp_path):
    grid_sheet([sprite(0), sprite(1)], 2).save(tmp_path / "a.png")
    grid_sheet([sprite(0), sprite(1)], 2).save(tmp_path / "b.png")
    frames = {"one": {"frame": {"x": 1, "y": 0, "w": 2, "h": 2}}}
    (tmp_path / "b.json").write_text(json.dumps({"frames": frames}))
    assert [*pictures_of(tmp_path, grid="4x3")] == ["a.png#1,1", "a.png#1,2", "b.png#one"]


# --- what is not read -----------------------------------------------------------------------------


def test_other_files_are_counted_by_suffix(tmp_path, caplog):
    (tmp_path / "below").mkdir()
    sprite(0).save(tmp_path / "below" / "a.png")
    for name in ("a.psd", "b.PSD", "below/c.svg", "notes", ".hidden.txt", "below/a.json"):
        (tmp_path / name).write_text("{}")
    found = find_pictures(tmp_path)
    assert found.others == {".psd": 2, ".svg": 1, "no suffix": 1, ".json": 1}
    with caplog.at_level(logging.INFO):
        found.tell()
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path}: not read as images: 2 .psd, 1 ")


def test_nothing_is_told_of_a_folder_of_images(tmp_path, caplog):
    sprite(0).save(tmp_path / "a.png")
    with caplog.at_level(logging.INFO):
        find_pictures(tmp_path).tell()
    assert caplog.messages == []


def test_a_line_of_suffixes_is_not_long():
    counts = {f".{'x' * number}\n": 1 for number in range(1, 100)}
    line = spelled_counts(counts)
    assert line.isprintable()
    assert line.endswith(", ...")
    assert len(line) < 400
