"""`pixace check` from end to end."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from pixace.cli import main
from pixace.pictures.folder import find_images
from tests.conftest import paint
from tests.tools.places import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """30 pictures in `images`, one of them twice, and a file that is none; the test runs there."""
    paint(tmp_path / "images", 30, seed=3)
    shutil.copy(tmp_path / "images" / "disc-000.png", tmp_path / "images" / "again\n.png")
    (tmp_path / "images" / "text.png").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_as_a_user_runs_it(folder):
    """Without trax or anything else that is slow to import."""
    program = (
        "import sys\nfrom pixace.cli import main\nstatus = main(sys.argv[1:])\n"
        "sys.exit(status or bool({'trax', 'jax', 'tensorflow', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "check", "--images=images", "--sheet=sheet.png"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "31 of the images are drawn in sheet.png\n"
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "images            31",
        "unreadable        1",
        "    images/text.png: not an image of a known kind "
        "(jpg, jpeg, jpe, jfif, jfi, jif, png, apng, webp, bmp, dib, gif, tif, tiff, avif)",
        "sizes             12x12 (31)",
    ]
    assert "exact duplicates  2 in 1 group" in lines
    assert r"    images/again\n.png = images/disc-000.png" in lines
    assert any(line.startswith("A model soon knows 31 images") for line in lines)
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (800, 800)


def test_transparency_is_told_and_seen(folder, capsys):
    icon = Image.new("RGBA", (10, 10), (255, 0, 0, 255))
    icon.paste((0, 0, 255, 64), (0, 0, 10, 5))
    (folder / "icons").mkdir()
    icon.save("icons/a.png")
    assert main(["check", "--images=icons", "--image_size=10"]) == 0
    said = capsys.readouterr().out
    assert "\ntransparent       1 (50% of all pixels in part)\n" in said
    assert "will show --background=black" in said and "be drawn so: --alpha." in said
    words = ["--image_size=10", "--alpha", "--background=lime", "--sheet=sheet.jpg"]
    assert main(["check", "--images=icons", *words]) == 0
    said = capsys.readouterr().out
    assert "--background" not in said and "50.0% of the pixels are neither" in said
    with Image.open("sheet.jpg") as sheet:
        red, green, blue = sheet.getpixel((150, 25))
    assert red < 9 and green > 246 and blue < 9, "as a JPEG has no transparency"


def test_json(folder, capsys):
    paint(folder / "val", 3, seed=4)
    shutil.copy("images/disc-004.png", "val")
    words = ["--image_size=16", "--bitdepth=2,2,2", "--val_images=val"]
    assert main(["check", "--images=images", *words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["n_images"] == 31 and printed["n_val_images"] == 4
    assert printed["exact_duplicates"] == [["images/again\n.png", "images/disc-000.png"]]
    assert ["val/disc-004.png", "images/disc-004.png"] in printed["shared_with_val"]
    assert printed["image_size"] == 16 and printed["bitdepth"] == "2,2,2"
    assert any("smaller than 16x16" in sentence for sentence in printed["advice"])


def test_split(folder, capsys):
    words = ["check", "--images=images", "--split=0.3"]
    assert main([*words, "--out=one"]) == 0
    printed = capsys.readouterr()
    assert "no validation folder" not in printed.out
    sides = {side: find_images(folder / "one" / side) for side in ("train", "val")}
    for side, paths in sides.items():
        assert f"one/{side}: {len(paths)} images" in printed.err
    names = {side: {path.name for path in paths} for side, paths in sides.items()}
    assert len(names["train"]) + len(names["val"]) == 31
    assert any({"again\n.png", "disc-000.png"} <= side for side in names.values())
    assert main([*words, "--out=two"]) == 0
    for side in names:
        assert {path.name for path in find_images(folder / "two" / side)} == names[side]


def test_a_folder_of_which_nothing_can_be_read(folder, capsys):
    (folder / "bad").mkdir()
    (folder / "bad" / "text.png").write_text("no picture")
    assert main(["check", "--images=bad", "--sheet=sheet.png"]) == 0
    printed = capsys.readouterr()
    assert "nothing can be learned from this folder" in printed.out
    assert printed.err == "warning: no image can be read, so that sheet.png is not drawn\n"


def test_a_split_that_cannot_be_made_does_not_cost_the_figures(folder, capsys):
    (folder / "one").mkdir()
    Image.new("RGB", (4, 4)).save(folder / "one" / "only.png")
    assert main(["check", "--images=one", "--json", "--split=0.5", "--out=two"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["n_images"] == 1
    assert printed.err == "pixace: there are no two different images to divide\n"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "check needs --images=FOLDER"),
        (["--images="], 2, "images must name a file or folder, not ''"),
        (["--images=absent"], 1, "absent: no such folder of images"),
        (["--images=images", "--val_images=absent"], 1, "absent: no such folder of images"),
        (["--images=images", "--split=0.1"], 2, "--split=SHARE and --out=FOLDER go together"),
        (["--images=images", "--out=x"], 2, "--split=SHARE and --out=FOLDER go together"),
        (["--images=images", "--split=1", "--out=x"], 2, "split must be from 0.001 to 0.999"),
        (["--images=images", "--split=0.1", "--out=images"], 2, "not empty"),
        (["--images=images", "--split=0.1", "--out=images/x"], 2, "lies inside images"),
        (
            ["--images=images", "--split=0.1", "--out=x", "--val_images=images"],
            2,
            "choose one of --val_images and --split",
        ),
        (["--images=images", "--sheet=x.txt"], 2, "sheet must end in one of"),
        (["--images=images", "--bitdepth=9,9,9"], 2, "bitdepth"),
        (["--images=images", "--background=nowhere"], 2, "background must be a colour"),
    ],
)
def test_wrong_usage(folder, capsys, words, status, message):
    assert main(["check", *words]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err and len(printed.err.splitlines()) == 1
    assert sorted(entry.name for entry in folder.iterdir()) == ["images"]


def test_colours_of_the_images_themselves(folder, capsys):
    words = ["check", "--images=images", "--image_size=12"]
    assert main([*words, "--colours=palette:auto:64", "--sheet=sheet.png", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["bitdepth"].startswith("palette:000000,") and "colours)" in printed["bitdepth"]
    assert printed["quantisation"][printed["bitdepth"]] == 0
    assert printed["palettes"]["palette:auto:64"] == 0 < printed["palettes"]["palette:auto:16"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "\nof palettes       palette:auto:16 " in said
    assert "few colours: --colours=palette:auto:64 keeps every one of them exactly." in said
    assert main([*words, "--colours=palette:gameboy", "--bitdepth=5,4,4"]) == 2
    assert "name different colours; leave one out" in capsys.readouterr().err
