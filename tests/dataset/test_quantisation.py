"""The table of quantised pictures."""

import numpy as np
import pytest
from PIL import Image

from pixace.cli import main
from pixace.dataset.quantisation import quantisation_table
from pixace.errors import ImageError
from pixace.pictures.colour_error import colour_error
from pixace.settings.pictures import PictureSettings, tile_size
from pixace.settings.reading import ReadingSettings
from pixace.tokens import image_to_tokens, tokens_to_image
from tests.conftest import paint

TINY = PictureSettings(6, 6, "hsv:5,4,4")


def test_columns_are_what_a_model_sees(painted):
    table = quantisation_table(painted / "val", TINY, ["hsv:8,4,4", "hsv:2,1,2"])
    assert len(table.rows) == 5
    for original, fine, coarse in table.rows:
        assert original.size == (6, 6)
        for image, bits in ((fine, (8, 4, 4)), (coarse, (2, 1, 2))):
            assert image == tokens_to_image(image_to_tokens(original, 6, bits), bits)
    fine, coarse = table.errors
    assert 0 < fine < coarse / 2
    pixels = [np.stack([np.asarray(row[column]) for row in table.rows]) for column in (0, 2)]
    assert coarse == colour_error(*pixels)


@pytest.mark.parametrize("image_size", ["8x2", "2x8", "1x64"])
def test_oblong_pictures_stand_below_their_headings(painted, image_size):
    pictures = PictureSettings.of(image_size)
    table = quantisation_table(painted / "val", pictures, ["hsv:5,4,4", "hsv:2,1,2"])
    picture = table.picture(100)
    _, height = tile_size(pictures.size, 100)
    assert picture.size == table.size(100) == (300, 5 * height + 30)
    assert {row[0].size for row in table.rows} == {pictures.size}
    cells = np.asarray(picture)[30:].reshape(-1, 3, 100, 3)
    np.testing.assert_array_equal(cells[:, 0, [0, -1]], cells[:, 1, [0, -1]])


def test_pictures_come_from_all_over_the_folder(tmp_path):
    for number in range(10):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    table = quantisation_table(tmp_path, TINY, ["hsv:5,4,4"], n_images=5)
    assert [row[0].getpixel((0, 0))[0] for row in table.rows] == [0, 2, 4, 6, 8]


def test_the_command_writes_a_picture_and_its_figures(tmp_path, capsys):
    paint(tmp_path / "in", 3, seed=3)
    (tmp_path / "in" / "disc-001.png").write_bytes(b"no picture")
    out = tmp_path / "new" / "table.png"
    flags = ["--bitdepth=5,4,4", "--bitdepth=4,3,3", "--image_size=6", "--scale=100"]
    assert main(["quantize", f"--images={tmp_path / 'in'}", f"--out={out}", *flags]) == 0
    said = capsys.readouterr()
    assert "warning: skipped" in said.err
    assert "disc-001.png" in said.err
    first, *figures, unit = said.out.splitlines()
    assert first == f"{out}: 2 pictures"
    assert [line.split()[0] for line in figures] == ["5,4,4", "4,3,3"]
    assert [line.split()[1] for line in figures] == ["8194", "1026"]
    table = quantisation_table(tmp_path / "in", TINY, ["hsv:5,4,4", "hsv:4,3,3"])
    assert [line.split()[-1] for line in figures] == [f"{error:.2f}" for error in table.errors]
    assert "CIELAB" in unit
    with Image.open(out) as picture:
        assert picture.size == (3 * 100, 2 * 100 + 30)
        pixels = np.asarray(picture)
    for left in (0, 100, 200):  # each column has two lines of letters, with a margin
        heading = pixels[:30, left : left + 100].min(axis=2)
        lines = (heading < 128).any(axis=1)
        assert np.diff(lines.astype(int)).clip(0).sum() == 2
        assert not (heading[:, [0, -1]] < 128).any()


def test_palettes_stand_beside_bit_depths(painted, tmp_path, capsys):
    out, palette = tmp_path / "table.png", tmp_path / "found.gpl"
    columns = ["--bitdepth=4,3,3", "--colours=rgb:3,3,2", "--colours=palette:auto:4"]
    words = [f"--images={painted / 'val'}", "--image_size=12", f"--out={out}"]
    assert main(["quantize", *words, *columns, f"--palette_out={palette}"]) == 0
    said = capsys.readouterr().out.splitlines()
    figures = [line.split() for line in said[1:4]]
    assert [line[0] for line in figures] == ["4,3,3", "rgb:3,3,2", "palette:auto:4"]
    assert [line[1] for line in figures] == ["1026", "258", "6"]
    assert said[-1] == f"{palette}: 4 colours"
    assert main(["quantize", *words, f"--colours=palette:{palette}"]) == 0
    again = capsys.readouterr().out.splitlines()[1].split()
    assert again == [f"palette:{palette}", *figures[2][1:]]
    with Image.open(out) as picture:
        assert picture.size[0] == 2 * 128, "no bit depths where other colours are named"


@pytest.fixture
def icons(tmp_path):
    """A red square in a transparent frame, whose hidden colour is white."""
    pixels = np.full((6, 6, 4), (255, 255, 255, 0), np.uint8)
    pixels[2:4, 2:4] = 255, 0, 0, 255
    (tmp_path / "icons").mkdir()
    Image.fromarray(pixels).save(tmp_path / "icons" / "a.png")
    return tmp_path / "icons"


def test_transparency_is_shown_and_no_colour(icons, tmp_path, capsys):
    out, jpeg = tmp_path / "table.png", tmp_path / "table.jpg"
    words = [f"--images={icons}", "--image_size=6", "--scale=80", "--alpha", "--background=blue"]
    colours = ["--colours=palette:auto:1", "--colours=palette:000000"]
    assert main(["quantize", *words, *colours, f"--out={out}"]) == 0
    exact, black = capsys.readouterr().out.splitlines()[1:3]
    assert exact.endswith("0.00") and float(black.split()[-1]) > 100, "of the red ones alone"
    with Image.open(out) as picture:
        assert picture.mode == "RGBA"
        pixels = np.asarray(picture)[24:]
    for left, colour in ((0, (255, 0, 0, 255)), (80, (255, 0, 0, 255)), (160, (0, 0, 0, 255))):
        assert (pixels[40, left + 40] == colour).all()
        assert (pixels[20, left + 20] == 0).all()
    assert main(["quantize", *words, *colours, f"--out={jpeg}"]) == 0
    with Image.open(jpeg) as picture:
        assert abs(np.subtract(picture.getpixel((20, 44)), (0, 0, 255))).max() < 9


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        ([], 2, "quantize needs --images=FOLDER"),
        (["--images={}", "--bitdepth=5,4"], 2, "bitdepth must be three numbers"),
        (["--images={}", "--bitdepth=a,b,c"], 2, "flag --bitdepth=a,b,c: not a list of numbers"),
        (
            ["--images={}", *["--bitdepth=5,4,4"] * 21],
            2,
            "name 1 to 20 bitdepths and colours, not 21",
        ),
        (
            ["--images={}", "--colours=palette:nes"],
            2,
            "palette:nes is neither a palette's file nor",
        ),
        (["--images={}", "--colours=palette:no.gpl"], 2, "no.gpl: No such file"),
        (["--images={}", "--palette_out=a.gpl"], 2, "palette_out needs one --colours=palette:"),
        (
            ["--images={}", "--colours=palette:db16", "--palette_out=a.txt"],
            2,
            "palette_out must be a file that ends in .gpl, .hex, .pal, .png",
        ),
        (["--images={}", "--n_images=0"], 2, "n_images"),
        (["--images={}", "--scale=10"], 2, "scale"),
        (["--images={}", "--out=table.txt"], 2, "out must end in"),
        (["--images=nowhere"], 1, "nowhere: no such folder of images"),
    ],
)
def test_wrong_usage_is_one_line(painted, capsys, flags, status, message):
    words = [flag.format(painted / "val") for flag in flags]
    assert main(["quantize", *words]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_folder_without_a_readable_image(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImageError, match="none of 1 image files can be read"):
        quantisation_table(tmp_path, TINY, ["hsv:5,4,4"])


def test_cells_of_sheets_are_pictures(tmp_path):
    """Taken back exactly, they have few enough colours for their own palette."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 18, 3), np.uint8)
    Image.fromarray(pixels.repeat(3, 0).repeat(3, 1)).save(tmp_path / "tiles.png")
    reading = ReadingSettings(grid="18x18", unscale=True)
    table = quantisation_table(tmp_path, TINY, ["palette:auto:108"], reading=reading)
    assert table.errors == [0]
    for number, (original, quantised) in enumerate(table.rows):
        assert original == quantised
        np.testing.assert_array_equal(original, pixels[:, 6 * number : 6 * number + 6])
