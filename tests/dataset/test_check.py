"""The examination of a folder from Python: figures, sheet and split, and what is refused."""

import shutil

import pytest
from PIL import Image

from pixace.dataset.check import check_images
from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import find_images
from pixace.settings.pictures import PictureSettings
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
