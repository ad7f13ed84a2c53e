import shutil

import numpy as np
import pytest
from PIL import Image

from pixace.dataset.caption_finding import find_captions
from pixace.dataset.examine import examine
from pixace.dataset.findings import make_report
from pixace.errors import ImageError
from pixace.pictures.cutting import find_pictures
from pixace.pictures.folder import find_images
from pixace.settings.pictures import PictureSettings
from tests.conftest import paint


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Twelve files of many kinds, two of which cannot be read."""
    folder = tmp_path_factory.mktemp("mixed")
    cats = paint(folder / "cats", 5, seed=0)
    paint(folder / "dogs" / "young", 2, seed=1)
    shutil.copy(cats[0], folder / "dogs" / "cat.png")
    with Image.open(cats[1]) as img:
        img.convert("RGB").resize((24, 24)).save(folder / "wide.webp", lossless=True)
    Image.new("L", (40, 20), 90).save(folder / "grey.png")
    holed = Image.new("RGBA", (30, 30), "red")
    holed.save(folder / "opaque.png")
    holed.putpixel((3, 3), (0, 0, 0, 100))
    holed.resize((30, 30)).save(folder / "see-through.png")
    (folder / "text.png").write_text("no picture")
    (folder / "cut.png").write_bytes(cats[2].read_bytes()[:90])
    return folder


def test_the_report(mixed):
    done = []
    pictures = PictureSettings(16, 16, "hsv:4,3,3")
    report = make_report(
        examine(find_images(mixed), progress=done.append),
        pictures=pictures,
        found=find_pictures(mixed),
        captions=find_captions(mixed),
    ).to_dict()
    assert sum(done) == 14
    assert report["n_images"] == 12
    assert [row["path"] for row in report["unreadable"]] == [
        str(mixed / "cut.png"),
        str(mixed / "text.png"),
    ]
    assert report["unreadable"][1]["problem"].startswith("not an image of a known kind")
    assert report["sizes"] == {"12x12": 8, "30x30": 2, "40x20": 1, "24x24": 1}
    assert report["n_oblong"] == 1
    assert report["image_size"] == 16
    assert report["n_enlarged"] == 8
    assert report["median_short_edge"] == 12
    assert report["modes"] == {"RGB": 9, "L": 1, "RGBA": 2}
    assert report["n_transparent"] == 1
    assert report["soft_alpha"] == 1 / (8 * 144 + 2 * 900 + 800 + 576)
    assert report["n_grey"] == 1
    assert report["classes"] == {"cats": 5, "(top folder)": 4, "dogs": 3}
    disc, copy = mixed / "cats" / "disc-000.png", mixed / "dogs" / "cat.png"
    assert report["exact_duplicates"] == [[str(disc), str(copy)]]
    assert [str(mixed / "cats" / "disc-001.png"), str(mixed / "wide.webp")] in report[
        "near_duplicates"
    ]
    assert report["n_val_images"] is None and report["shared_with_val"] == []
    assert report["bitdepth"] == "4,3,3"
    assert list(report["quantisation"]) == ["3,2,2", "4,3,3", "5,4,4"]
    assert list(report["palettes"]) == ["palette:auto:16", "palette:auto:64", "palette:auto:256"]
    assert [*report["palettes"].values()] == sorted(report["palettes"].values(), reverse=True)


def test_what_is_in_training_and_validation(mixed, tmp_path):
    paint(tmp_path, 3, seed=9)
    with Image.open(mixed / "cats" / "disc-003.png") as img:
        img.resize((36, 36), Image.Resampling.NEAREST).save(tmp_path / "again.png")
    (tmp_path / "bad.jpg").write_text("")
    pictures = PictureSettings(6, 6, "hsv:2,1,2")
    report = make_report(
        examine(find_images(mixed)),
        examine(find_images(tmp_path)),
        pictures=pictures,
        found=find_pictures(mixed),
        captions=find_captions(mixed),
    )
    assert report.n_val_images == 4
    assert report.shared_with_val == [
        [str(tmp_path / "again.png"), str(mixed / "cats" / "disc-003.png")]
    ]
    assert len(report.unreadable) == 3
    assert list(report.quantisation) == ["2,1,2", "3,2,2", "4,3,3", "5,4,4"]


def test_transparency_shows_the_background(mixed):
    black, white = (examine(find_images(mixed), background) for background in ("black", "white"))
    number = [path.name for path in black.paths].index("see-through.png")
    assert black.facts[number].thumbnail.tolist() != white.facts[number].thumbnail.tolist()
    assert black.facts[number].digest == white.facts[number].digest


def test_nothing_to_read(tmp_path):
    with pytest.raises(ImageError, match="no images"):
        examine(find_images(tmp_path))
    (tmp_path / "bad.png").write_text("")
    report = make_report(
        examine(find_images(tmp_path)),
        pictures=PictureSettings(8, 8, "hsv:3,2,2"),
        found=find_pictures(tmp_path),
        captions=find_captions(tmp_path),
    )
    assert report.n_images == 0 and len(report.unreadable) == 1
    assert np.isfinite([*report.quantisation.values()]).all()
