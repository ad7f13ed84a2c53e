"""What stands beside a sheet: field by field, and as other programs read it."""

import json

import pytiled_parser
from PIL import Image

from pixace import __version__
from pixace.pictures.sheet_data import aseprite_data, tiled_data

SHEET = Image.new("P", (12, 6))  # 3 x 2 frames of 4 x 3, of which 5 are there


def test_aseprite_s_array_form():
    names = [f"{number}.png" for number in range(5)]
    data = json.loads(aseprite_data(SHEET, "a.png", (4, 3), names))
    assert list(data) == ["frames", "meta"]
    assert data["meta"] == {
        "app": "pixace",
        "version": __version__,
        "image": "a.png",
        "format": "I8",
        "size": {"w": 12, "h": 6},
        "scale": "1",
        "frameTags": [],
        "layers": [],
        "slices": [],
    }
    assert data["frames"][4] == {
        "filename": "4.png",
        "frame": {"x": 4, "y": 3, "w": 4, "h": 3},
        "rotated": False,
        "trimmed": False,
        "spriteSourceSize": {"x": 0, "y": 0, "w": 4, "h": 3},
        "sourceSize": {"w": 4, "h": 3},
        "duration": 100,
    }
    places = [(frame["frame"]["x"], frame["frame"]["y"]) for frame in data["frames"]]
    assert places == [(0, 0), (4, 0), (8, 0), (0, 3), (4, 3)]
    assert [frame["filename"] for frame in data["frames"]] == names


def test_a_sheet_without_a_palette_is_called_so():
    for mode in ("RGB", "RGBA"):
        data = json.loads(aseprite_data(SHEET.convert(mode), "a.png", (4, 3), []))
        assert data["meta"]["format"] == "RGBA8888"


def test_tiled_s_tile_set(tmp_path):
    path = tmp_path / "a.tsj"
    path.write_text(tiled_data(SHEET, "a.png", (4, 3), "a", 5))
    assert json.loads(path.read_text()) == {
        "type": "tileset",
        "name": "a",
        "image": "a.png",
        "imagewidth": 12,
        "imageheight": 6,
        "tilewidth": 4,
        "tileheight": 3,
        "tilecount": 5,
        "columns": 3,
        "margin": 0,
        "spacing": 0,
    }
    read = pytiled_parser.parse_tileset(path)
    assert (read.name, read.tile_count, read.columns) == ("a", 5, 3)
    assert (read.tile_width, read.tile_height, read.margin, read.spacing) == (4, 3, 0, 0)
    assert str(read.image) == "a.png"
