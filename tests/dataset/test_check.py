"""The examination of a folder from Python: figures, sheet and split, and what is refused."""

import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

from pixace.dataset.check import check_images
from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import find_images
from pixace.pictures.writing import write_picture
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import ReadingSettings
from tests.conftest import paint

PICTURES = PictureSettings(16, 16, "hsv:2,2,2")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """30 pictures in `images`, and a file that is none; the test runs there."""
    paint(tmp_path / "images", 30, seed=3)
    (tmp_path / "images" / "text.png").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_figures_and_advice(folder):
    paint(folder / "val", 3, seed=4)
    shutil.copy("images/disc-004.png", "val")
    shown, seen = [], []
    checked = check_images(
        "images",
        PICTURES,
        val_images="val",
        show=shown.append,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert shown == [checked]
    assert seen == [(done, 35) for done in range(1, 36)]
    findings = checked.findings
    assert (findings.n_images, findings.n_val_images, len(findings.unreadable)) == (30, 4, 1)
    assert findings.shared_with_val == [["val/disc-004.png", "images/disc-004.png"]]
    assert any("smaller than 16x16" in sentence for sentence in checked.advice)
    assert checked.to_dict() == {**findings.to_dict(), "advice": checked.advice}


def test_captions_of_validation_images_are_told_with_classes_that_are_new(folder):
    for place in ("kinds/cat", "kinds/dog", "val/cat", "val/frog"):
        paint(folder / place, 1, seed=4)
    found = check_images("kinds", PICTURES, val_images="val").findings
    assert found.captions["summary"] == "2 of 2 images, from class folders; 2 classes"
    assert found.val_captions["summary"] == "2 of 2 images, from class folders; 2 classes"
    assert found.val_captions["troubles"] == ["classes that the images to train on have not: frog"]
    assert check_images("kinds", PICTURES).findings.val_captions is None


def test_sheet_and_split(folder):
    checked = check_images(folder / "images", PICTURES, sheet="sheet.png", split=0.3, out="divided")
    assert not any("no validation folder" in sentence for sentence in checked.advice)
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (800, 800)
    assert sum(len(find_images(f"divided/{side}")) for side in ("train", "val")) == 30


def test_what_cannot_be_written_does_not_cost_the_figures(folder):
    (folder / "one").mkdir()
    Image.new("RGB", (4, 4)).save("one/only.png")
    shown = []
    with pytest.raises(ImageError, match="no two different images to divide"):
        check_images("one", PICTURES, split=0.5, out="two", show=shown.append)
    assert [checked.findings.n_images for checked in shown] == [1]


@pytest.mark.parametrize(
    ("arguments", "wording"),
    [
        ({"split": 0.1}, "go together"),
        ({"out": "x"}, "go together"),
        ({"split": 1, "out": "x"}, "split must be from 0.001 to 0.999"),
        ({"split": 0.1, "out": "x", "val_images": "images"}, "choose one of"),
        ({"split": 0.1, "out": "images/x"}, "lies inside images"),
        ({"sheet": "x.txt"}, "sheet must end in one of"),
    ],
)
def test_what_is_wrong_is_found_before_an_image_is_read(folder, arguments, wording):
    seen = []
    with pytest.raises(UsageError, match=wording):
        check_images("images", PICTURES, progress=lambda *counts: seen.append(counts), **arguments)
    assert seen == []
    assert [path.name for path in folder.iterdir()] == ["images"]


def test_sheets_pixel_art_and_other_files(tmp_path):
    """Cells are counted, and shown as the model will see them; what is no image is named."""
    rng = np.random.default_rng(0)
    art = [rng.integers(0, 256, (8, 8, 3), np.uint8) for _ in range(12)]
    sheet = np.zeros((2 * 16, 7 * 16, 3), np.uint8)
    for number, pixels in enumerate(art):
        row, column = divmod(number, 7)
        large = pixels.repeat(2, 0).repeat(2, 1)
        sheet[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = large
    (tmp_path / "images").mkdir()
    Image.fromarray(sheet).save(tmp_path / "images" / "tiles.png")
    (tmp_path / "images" / "tiles.psd").touch()
    write_picture(Image.new("RGB", (40, 40)), tmp_path / "images" / "quantised.png")
    (tmp_path / "images" / ".hidden.png").touch()
    pictures = PictureSettings(8, 8, "palette:auto:4096")
    reading = ReadingSettings(grid="16x16")
    checked = check_images(tmp_path / "images", pictures, reading=reading)
    findings = checked.findings
    assert (findings.n_images, findings.n_files, findings.n_cut, findings.n_empty) == (12, 1, 1, 2)
    assert (findings.not_read, findings.made_larger) == ({".psd": 1}, {"8x8": 12})
    assert findings.left_out == {"made": 1, "models": 0, "hidden": 1, "closed": 0}
    assert findings.classes == {"(top folder)": 12}
    proposal = "from 8x8: --image_size=8 --unscale takes that back exactly"
    assert any(proposal in sentence for sentence in checked.advice)
    checked = check_images(
        tmp_path / "images",
        pictures,
        reading=ReadingSettings(grid="16x16", unscale=True),
        sheet=tmp_path / "sheet.png",
    )
    assert not any("--unscale" in sentence for sentence in checked.advice)
    with Image.open(tmp_path / "sheet.png") as drawn:
        for number, pixels in enumerate(art):
            row, column = divmod(number, 4)
            place = (100 * (2 * column + 1) + 1, 100 * row + 1)
            tile = drawn.crop((*place, place[0] + 98, place[1] + 98)).resize((8, 8), 0)
            np.testing.assert_array_equal(np.asarray(tile), pixels)


def test_files_that_are_refused_are_named(tmp_path):
    Image.new("RGB", (3, 3)).save(tmp_path / "small.png")
    Image.effect_noise((8, 4), 90).save(tmp_path / "tiles.png")
    checked = check_images(tmp_path, PICTURES, reading=ReadingSettings(grid="4x4"))
    (unreadable,) = checked.findings.unreadable
    assert unreadable["path"] == f"{tmp_path}/small.png"
    assert checked.findings.n_images == 2


def test_a_palette_keeps_every_image_only_if_it_has_all_colours_of_all_of_them(tmp_path):
    """Also of those that are not among the 200 whose colour errors are measured."""
    for number in range(401):
        Image.new("RGB", (4, 4), (number % 10 * 20, 7, 9)).save(tmp_path / f"{number:03}.png")
    pictures = PictureSettings(4, 4, "hsv:2,2,2")
    checked = check_images(tmp_path, pictures)
    assert checked.findings.n_colours == 10
    assert any("palette:auto:16 keeps every one" in sentence for sentence in checked.advice)
    many = np.arange(300, dtype=np.uint16).reshape(15, 20)
    pixels = np.stack([many % 20, many // 20, many * 0 + 200], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "001.png")
    checked = check_images(tmp_path, dataclasses.replace(pictures, width=20, height=15))
    assert checked.findings.n_colours is None
    assert not any("keeps every one" in sentence for sentence in checked.advice)


def test_a_folder_in_which_all_is_transparent(tmp_path):
    for number in range(3):
        Image.new("RGBA", (8, 8), (10 * number, 0, 0, 0)).save(tmp_path / f"{number}.png")
    checked = check_images(tmp_path, PictureSettings(8, 8, "hsv:2,2,2", alpha=True))
    findings = checked.findings
    assert (findings.n_transparent, findings.palettes, findings.n_colours) == (3, {}, 0)
    assert not any("palette:" in sentence for sentence in checked.advice)
    with pytest.raises(ImageError, match="no colours to find"):
        check_images(tmp_path, PictureSettings(8, 8, "palette:auto", alpha=True))
