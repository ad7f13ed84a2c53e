"""Collages: exact geometry, black borders, every format by its suffix, never half a file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixace.cli import main
from pixace.errors import ImageError, UsageError
from pixace.pictures.collage import collage, in_square
from pixace.pictures.writing import check_output, write_picture
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
}
COLOURS = ["red", "lime", "blue", "white", "yellow", "cyan"]


def squares(n_rows, n_columns, edge=8):
    """Returns rows of pictures of one colour each, and the colours as an array."""
    names = [
        [COLOURS[(3 * row + column) % 6] for column in range(n_columns)] for row in range(n_rows)
    ]
    rows = [[Image.new("RGB", (edge, edge), name) for name in line] for line in names]
    colours = [[picture.getpixel((0, 0)) for picture in row] for row in rows]
    return rows, np.array(colours)


def test_transparent_pixels_stay_so_and_borders_do_not():
    clear, red = Image.new("RGBA", (6, 6)), Image.new("RGB", (6, 6), "red")
    sheet = collage([[clear, red]], 16)
    assert sheet.mode == "RGBA" and sheet.size == (32, 16)
    assert sheet.getpixel((8, 8)) == (0, 0, 0, 0)
    assert sheet.getpixel((24, 8)) == (255, 0, 0, 255)
    assert sheet.getpixel((0, 0)) == sheet.getpixel((15, 15)) == (0, 0, 0, 255)


@pytest.mark.parametrize("suffix", FORMATS)
def test_formats_without_soft_alpha_show_the_background(suffix, tmp_path):
    picture = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    picture.paste((0, 0, 255, 51), (4, 0, 8, 8))
    write_picture(picture, tmp_path / f"a{suffix}", "lime")
    with Image.open(tmp_path / f"a{suffix}") as file:
        has_alpha = file.has_transparency_data
        pixels = np.asarray(file.convert("RGBA")).astype(int)
    assert has_alpha == (suffix in (".png", ".webp"))
    expected = (0, 0, 255, 51) if has_alpha else (0, 204, 51, 255)
    assert abs(pixels[2, 6] - expected).max() <= 4 and abs(pixels[2, 1, 0] - 255) <= 4


@pytest.mark.parametrize("size", [(6, 2), (2, 6)])
def test_tiles_keep_the_shape_of_pictures(size):
    tiles = [[Image.new("RGB", size, colour) for colour in ("red", "blue")]] * 3
    width, height = 10 * (size[0] + 2), 10 * (size[1] + 2)
    sheet = collage(tiles, max(width, height))
    assert sheet.size == (2 * width, 3 * height)
    centres = np.asarray(sheet)[height // 2 :: height, width // 2 :: width]
    assert (centres == [[255, 0, 0], [0, 0, 255]]).all()


@pytest.mark.parametrize(("size", "box"), [((4, 2), (0, 3, 12, 9)), ((2, 4), (3, 0, 9, 12))])
def test_in_a_square_the_rest_is_black(size, box):
    square = in_square(Image.new("RGB", size, "white"), 12)
    assert square.size == (12, 12)
    assert square.getbbox() == box
    assert square.crop(box).getcolors() == [(72, (255, 255, 255))]


def write_dot(path):
    write_picture(Image.new("L", (1, 1)), path)


def check_small(path):
    check_output(path, (10, 10))


CHECKS = [check_small, write_dot]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# --- layout -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_rows", "n_columns"), [(1, 1), (1, 5), (4, 1), (3, 2)])
@pytest.mark.parametrize("scale", [1, 7, 64, 256])
def test_size_and_place_of_every_tile(n_rows, n_columns, scale):
    rows, colours = squares(n_rows, n_columns)
    sheet = collage(rows, scale)
    assert sheet.mode == "RGB"
    assert sheet.size == (n_columns * scale, n_rows * scale)
    if scale > 1:
        centres = np.asarray(sheet)[scale // 2 :: scale, scale // 2 :: scale]
        np.testing.assert_array_equal(centres, colours)


@pytest.mark.parametrize(("edge", "scale"), [(8, 40), (8, 256), (16, 72), (32, 256)])
def test_each_tile_has_a_black_border_of_one_small_pixel(edge, scale):
    sheet = np.asarray(collage(squares(2, 3, edge)[0], scale))
    small_pixel = scale / (edge + 2)
    for top in (0, scale):
        for left in (0, scale, 2 * scale):
            tile = sheet[top : top + scale, left : left + scale]
            for side in (
                tile,
                tile[::-1],
                tile.transpose(1, 0, 2),
                tile[:, ::-1].transpose(1, 0, 2),
            ):
                # Black to the middle of the small pixel, at full strength from the middle of the
                # next one; the filter blends between the two.
                assert not side[: int(small_pixel / 2)].any()
                inside = side[int(np.ceil(1.5 * small_pixel)), scale // 2]
                assert inside.max() == 255


def test_the_pictures_given_are_not_changed():
    picture = Image.new("L", (8, 8), 100)
    sheet = collage([[picture]], 40)
    assert sheet.getpixel((20, 20)) == (100, 100, 100)
    assert (picture.mode, picture.size) == ("L", (8, 8))


# --- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [*FORMATS, ".PNG", ".JpEg"])
def test_the_suffix_says_the_format(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    sheet = collage(squares(2, 3)[0], 40)
    check_output(path, (10, 10))
    write_picture(sheet, path)
    with Image.open(path) as file:
        assert file.format == FORMATS[suffix.lower()]
        assert file.size == (120, 80)
        error = np.abs(np.asarray(file.convert("RGB")).astype(int) - np.asarray(sheet))
    lossless = file.format in ("PNG", "WEBP", "BMP")
    assert error.max() <= (0 if lossless else 40)
    assert error.mean() <= (0 if lossless else 3)
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_keeps_the_colour_of_every_pixel(tmp_path, suffix):
    write_picture(collage(squares(1, 2)[0], 40), tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as file:
        factors = [layer[1:3] for layer in file.layer]
    assert factors == [(1, 1)] * 3, "4:4:4, no chroma subsampling"


def test_a_folder_is_made(tmp_path):
    path = tmp_path / "results" / "today" / "out.png"
    write_picture(Image.new("RGB", (4, 4), "red"), path)
    assert names(path.parent) == ["out.png"]
    with Image.open(path) as file:
        assert file.getpixel((0, 0)) == (255, 0, 0)


def test_an_old_picture_is_replaced(tmp_path):
    for colour in ("red", "blue"):
        write_picture(Image.new("RGB", (4, 4), colour), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as file:
        assert file.getpixel((0, 0)) == (0, 0, 255)
    assert names(tmp_path) == ["out.png"]


@pytest.mark.parametrize("name", ["out", "out.tiff", "out.png.txt", ".png", "png", "two\nlines"])
@pytest.mark.parametrize("act", CHECKS)
def test_an_unknown_suffix_is_refused_and_the_known_ones_listed(tmp_path, name, act):
    with pytest.raises(UsageError, match=r"out must end in one of .*\.jpg.*\.png.*, not") as caught:
        act(tmp_path / "folder" / name)
    assert str(caught.value).isprintable()
    assert names(tmp_path) == []


def test_checking_leaves_no_trace_but_the_folder(tmp_path):
    check_output(tmp_path / "new" / "out.png", (10, 10))
    assert names(tmp_path / "new") == []
    write_picture(Image.new("RGB", (4, 4), "red"), tmp_path / "old.png")
    before = (tmp_path / "old.png").read_bytes()
    check_output(tmp_path / "old.png", (10, 10))
    assert (tmp_path / "old.png").read_bytes() == before


@pytest.mark.parametrize("act", CHECKS)
@pytest.mark.parametrize(
    "make",
    [
        lambda folder: (folder / "out.png").mkdir() or folder / "out.png",
        lambda folder: (folder / "file").touch() or folder / "file" / "out.png",
        lambda folder: folder / ("x" * 300 + ".png"),
        lambda folder: Path("/dev/null/out.png"),
    ],
    ids=["a-folder", "below-a-file", "name-too-long", "below-a-device"],
)
def test_a_place_that_cannot_be_written_is_told(tmp_path, act, make):
    path = make(tmp_path)
    before = names(tmp_path)
    with pytest.raises(ImageError, match="cannot write: ") as caught:
        act(path)
    assert str(caught.value).startswith(f"{path}: cannot write: ")
    assert names(tmp_path) == before


def test_a_name_as_long_as_the_file_system_allows(tmp_path):
    path = tmp_path / ("x" * 251 + ".png")
    check_output(path, (10, 10))
    write_picture(Image.new("RGB", (4, 4), "red"), path)
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("size", "name"),
    [((70_000, 1), "out.jpg"), ((20_000, 1), "out.webp"), ((70_000, 1), "out.gif")],
)
def test_a_picture_that_the_format_cannot_hold_is_told(tmp_path, size, name):
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(ImageError, match="cannot write: ") as caught:
        write_picture(Image.new("RGB", size), tmp_path / name)
    assert str(caught.value).isprintable()
    assert (tmp_path / name).read_bytes() == b"old"
    assert names(tmp_path) == [name]


def test_a_full_disk_leaves_the_old_picture(tmp_path):
    path = tmp_path / "out.bmp"
    path.write_bytes(b"old")
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from PIL import Image\n"
        "from pixace.pictures.writing import write_picture\n"
        "from pixace.errors import ImageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try: write_picture(Image.new('RGB', (200, 200)), Path(sys.argv[1]))\n"
        "except ImageError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # it could not write them either
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path}: cannot write: File too large\n"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["out.bmp"]


@pytest.mark.parametrize(("suffix", "limit"), [(".webp", 16383), (".jpg", 65535), (".gif", 65535)])
def test_a_picture_too_large_for_its_format_is_refused_in_advance(tmp_path, suffix, limit):
    check_output(tmp_path / f"x{suffix}", (10, limit))
    with pytest.raises(UsageError, match="too large"):
        check_output(tmp_path / f"x{suffix}", (10, limit + 1))
    check_output(tmp_path / "x.png", (10, limit + 1))


@pytest.mark.parametrize(("flag", "what"), [("out", "collage"), ("sheet", "sheet")])
def test_what_is_too_large_is_called_what_it_is(tmp_path, flag, what):
    for suffix, edge in ((".png", 20_000), (".webp", 16_384)):
        size = (edge, edge if suffix == ".png" else 10)
        with pytest.raises(UsageError, match=f"a {what} of {size[0]}x{size[1]} pixels is too"):
            check_output(tmp_path / f"x{suffix}", size, flag)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_one_and_what_it_leads_to_is_replaced_whole(tmp_path, is_there):
    (tmp_path / "far").mkdir()
    (tmp_path / "out.png").symlink_to("far/real.png")
    if is_there:
        (tmp_path / "far" / "real.png").write_bytes(b"old")
    check_output(tmp_path / "out.png", (4, 4))
    write_picture(Image.new("RGB", (4, 4), "red"), tmp_path / "out.png")
    assert (tmp_path / "out.png").is_symlink() and names(tmp_path / "far") == ["real.png"]
    with Image.open(tmp_path / "far" / "real.png") as picture:
        assert picture.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("act", CHECKS)
@pytest.mark.parametrize("target", ["fifo", "gone/a.png", "out.png", "file/a.png"])
def test_a_link_that_leads_to_no_file_is_told(tmp_path, act, target):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "out.png").symlink_to(target)
    with pytest.raises(ImageError, match=r"out\.png: cannot write: "):
        act(tmp_path / "out.png")
    assert names(tmp_path) == ["fifo", "file", "out.png"]


@pytest.mark.parametrize(
    "words",
    [
        "check --images=faces --sheet={}",
        "check --images=others --val_images=faces --sheet={}",
        "quantize --images=faces --out={}",
        "quantize --images=faces --out=new.png --colours=palette:others/b.png --palette_out={}",
        "quantize --images=others --out={} --colours=palette:faces/a.png",
        "score --model_name=emoji --images=faces --surprise={}",
    ],
)
def test_no_command_replaces_an_image_that_it_reads(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    for name in ("faces/a.png", "others/b.png"):
        Path(name).parent.mkdir()
        Image.new("RGB", (8, 8), "red").save(name)
    Path("link.png").symlink_to("faces/a.png")
    before = Path("faces/a.png").read_bytes()
    for name in ("faces/a.png", "link.png"):
        assert main(words.format(name).split()) == 2
        assert f"{name} would replace " in capsys.readouterr().err
    assert Path("faces/a.png").read_bytes() == before and not Path("new.png").exists()


def test_the_table_and_its_palette_are_two_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_picture(Image.new("RGB", (8, 8), "red"), Path("faces/a.png"))
    words = "quantize --images=faces --colours=palette:pico-8 --out=a.png --palette_out=./a.png"
    assert main(words.split()) == 2
    assert "out and palette_out are both a.png; name two files" in capsys.readouterr().err
