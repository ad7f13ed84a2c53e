"""Training and validation images: a file is on one side, by whatever name."""

import logging
import os

import pytest

from pixace.dataset.sides import sides_of
from pixace.errors import ImageError
from pixace.settings.training import TrainingSettings
from tests.conftest import paint


@pytest.fixture
def images(tmp_path, monkeypatch):
    """The current folder, with `images`, in which 3 files are in `train` and 2 in `val`."""
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "images" / "train", 3, seed=1)
    paint(tmp_path / "images" / "val", 2, seed=2)
    return tmp_path


def link_to_val(folder):
    (folder / "linked").symlink_to("images/val")
    return "images", "linked"


def links_to_files(folder):
    (folder / "other").mkdir()
    for path in (folder / "images" / "val").iterdir():
        (folder / "other" / f"x{path.name}").symlink_to(path)
    return "images", "other"


def hard_links(folder):
    (folder / "other").mkdir()
    os.link(folder / "images" / "val" / "disc-000.png", folder / "other" / "a.png")
    os.link(folder / "images" / "val" / "disc-001.png", folder / "other" / "b.png")
    return "images", "other"


@pytest.mark.parametrize(
    "named",
    [
        lambda folder: ("images", None),
        lambda folder: ("images", "images/val"),
        lambda folder: (folder / "images", "images/../images/val/"),
        lambda folder: (".", "images/val"),
        link_to_val,
        links_to_files,
        hard_links,
    ],
)
def test_validation_images_are_left_out_of_training(images, named, caplog):
    train, val = named(images)
    settings = TrainingSettings(images=str(train), val_images=val)
    sides = sides_of(settings)
    assert (len(sides.train.paths), len(sides.val.paths)) == (3, 2)
    assert {path.parent.name for path in sides.train.paths} == {"train"}
    (line,) = caplog.messages
    assert "2 of its 5 images are in" in line
    assert line.endswith("too, to validate on; they are left out of training")


def test_one_file_to_validate_on(images, caplog):
    val = "images/train/disc-001.png"
    sides = sides_of(TrainingSettings(images="images/train", val_images=val))
    assert [path.name for path in sides.train.paths] == ["disc-000.png", "disc-002.png"]
    assert f"1 of its 3 images are in {val}, too" in caplog.text


def test_where_all_would_be_left_out_they_are_not_validated_on(images, caplog):
    sides = sides_of(TrainingSettings(images="images/train", val_images="images"))
    assert (len(sides.train.paths), len(sides.val.paths)) == (3, 2)
    assert caplog.messages == [
        "images: 3 of its 5 images are those of images/train, to train on; they are left out of "
        "validation"
    ]


def test_the_same_folder_twice_is_told(images, caplog):
    (images / "again").symlink_to("images")
    sides = sides_of(TrainingSettings(images="images", val_images="again"))
    assert (len(sides.train.paths), len(sides.val.paths)) == (5, 5)
    assert "images and again are the same images" in caplog.text


def test_folders_apart_are_not_told(images, caplog):
    caplog.set_level(logging.INFO)
    sides = sides_of(TrainingSettings(images="images/train"))
    assert (len(sides.train.paths), len(sides.val.paths)) == (3, 2)
    os.rename("images/val", "elsewhere")
    assert sides_of(TrainingSettings(images="images/train")).val is None
    (images / "elsewhere" / "nowhere.png").symlink_to("absent")
    (images / "images" / "train" / "nowhere.png").symlink_to("absent")
    assert len(sides_of(TrainingSettings(images="images", val_images="elsewhere")).val.paths) == 3
    assert not caplog.messages
    with pytest.raises(ImageError, match="absent: no such folder"):
        sides_of(TrainingSettings(images="images", val_images="absent"))
