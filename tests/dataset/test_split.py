import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixace.dataset.caption_finding import find_captions
from pixace.dataset.split import check_split_folder, choose_val, make_split
from pixace.errors import ImageError, UsageError
from pixace.pictures.cutting import find_pictures
from pixace.pictures.folder import find_images
from pixace.pictures.reading import open_image
from pixace.settings.reading import ReadingSettings
from tests.conftest import paint


def digests(count: int, start: int = 0) -> list[bytes]:
    return [hashlib.sha256(b"%d" % n).digest() for n in range(start, start + count)]


def test_the_share_is_met_roughly():
    for share in (0.05, 0.5, 0.9):
        assert choose_val(digests(4000), [], share).mean() == pytest.approx(share, abs=0.02)


def test_a_picture_keeps_its_side_when_others_come_or_go():
    before = choose_val(digests(500), [], 0.2)
    after = choose_val(digests(900), [], 0.2)
    np.testing.assert_array_equal(before, after[:500])
    backwards = choose_val(digests(500)[::-1], [], 0.2)
    np.testing.assert_array_equal(before, backwards[::-1])


def test_near_duplicates_are_on_one_side():
    groups = [[*range(start, start + 5)] for start in range(0, 500, 5)]
    is_val = choose_val(digests(1000), groups, 0.2)
    sides = is_val[:500].reshape(100, 5)
    assert (sides == sides[:, :1]).all()
    assert 0 < sides[:, 0].sum() < 100
    np.testing.assert_array_equal(is_val[500:], choose_val(digests(1000), [], 0.2)[500:])


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_each_side_gets_something(share):
    for count in range(2, 12):
        assert 0 < choose_val(digests(count), [], share).sum() < count


@pytest.mark.parametrize("groups", [[], [[0, 1, 2]]])
def test_nothing_to_divide(groups):
    with pytest.raises(ImageError, match="no two different images"):
        choose_val(digests(3 if groups else 1), groups, 0.5)


@pytest.fixture
def classes(tmp_path, monkeypatch):
    """Two classes of pictures in `images`, one of which is a link; the test runs beside it."""
    paint(tmp_path / "images" / "cats", 3, seed=0)
    paint(tmp_path / "elsewhere" / "far" / "dogs", 3, seed=1)
    (tmp_path / "images" / "dogs").symlink_to(tmp_path / "elsewhere" / "far" / "dogs")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.mark.parametrize("is_absolute", [False, True])
def test_links_lead_to_the_images(classes, is_absolute):
    paths = find_images(classes / "images" if is_absolute else "../images")
    out = classes / "new" / "parts" if is_absolute else Path("../new/parts")
    is_val = np.array([False, True, False, True, True, False])
    check_split_folder(out, paths.folder)
    make_split(paths, is_val, out)
    assert sorted(entry.name for entry in (classes / "new").iterdir()) == ["parts"]
    for side, numbers in (("train", [0, 2, 5]), ("val", [1, 3, 4])):
        found = find_images(out / side)
        assert [path.relative_to(out / side) for path in found] == [
            paths[number].relative_to(paths.folder) for number in numbers
        ]
        for path, number in zip(found, numbers, strict=True):
            assert path.is_symlink() and not os.path.isabs(os.readlink(path))
            assert open_image(path).tobytes() == open_image(paths[number]).tobytes()


def test_links_survive_a_move_together(classes):
    paths = find_images(classes / "images" / "cats")
    make_split(paths, np.array([True, False, False]), classes / "images-split")
    moved = classes.parent / f"{classes.name}-moved"
    classes.rename(moved)
    (val,) = find_images(moved / "images-split" / "val")
    open_image(val)


def test_where_no_split_can_go(classes):
    images = classes / "images"
    (classes / "empty").mkdir()
    check_split_folder(classes / "empty", images)
    for out, problem in (
        (classes / "elsewhere", "not empty"),
        (images / "split", "lies inside"),
        (images, "not empty"),
        (images / "cats" / "disc-000.png", "is a file"),
    ):
        with pytest.raises(UsageError, match=problem):
            check_split_folder(out, images)
    inside = classes / "inside"
    inside.symlink_to(images / "cats")
    with pytest.raises(UsageError, match="lies inside"):
        check_split_folder(inside / "new", images)


def test_a_failure_leaves_nothing_behind(classes):
    paths = find_images(classes / "images" / "cats")
    (classes / "file").write_text("")
    with pytest.raises(ImageError, match="cannot write"):
        make_split(paths, np.array([True, False, False]), classes / "file" / "out")
    full = classes / "full"
    paint(full, 1, seed=0)
    with pytest.raises(ImageError, match="cannot write"):
        make_split(paths, np.array([True, False, False]), full)
    assert [entry.name for entry in full.iterdir()] == ["disc-000.png"]
    assert not [entry for entry in classes.iterdir() if entry.name.startswith(".")]


def test_what_is_cut_from_a_sheet_becomes_pictures(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 12, 4), np.uint8)
    (tmp_path / "images" / "a").mkdir(parents=True)
    Image.fromarray(pixels).save(tmp_path / "images" / "a" / "tiles.png")
    Image.fromarray(pixels[:, :4]).save(tmp_path / "images" / "b.png")
    paths = find_pictures(tmp_path / "images", ReadingSettings(grid="4x4")).paths
    make_split(paths, np.array([False, True, False, True]), tmp_path / "out")
    made = sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png")
    )
    assert made == [
        "train/a/tiles.png-0001.png",
        "train/a/tiles.png-0003.png",
        "val/a/tiles.png-0002.png",
        "val/b.png",
    ]
    assert [(tmp_path / "out" / name).is_symlink() for name in made] == [False] * 3 + [True]
    for number, name in ((0, made[0]), (2, made[1]), (1, made[2])):
        with Image.open(tmp_path / "out" / name) as img:
            np.testing.assert_array_equal(np.asarray(img), pixels[:, 4 * number : 4 * number + 4])


def test_captions_go_along(tmp_path):
    paths = [*paint(tmp_path / "in", 2, seed=0), *paint(tmp_path / "in" / "deep", 2, seed=1)]
    for path in paths[:3]:
        path.with_suffix(".txt").write_text(f"text of {path.parent.name}/{path.name}")
    rows = '{"file_name": "disc-001.png", "text": "a disc"}\n'
    (tmp_path / "in" / "deep" / "metadata.jsonl").write_text(rows)
    make_split(find_images(tmp_path / "in"), np.array([True, False, True, False]), tmp_path / "out")
    for kind, counts in (("txt", [1, 2]), ("metadata", [1, 0])):
        sides = [find_captions(tmp_path / "out" / side, kind) for side in ("train", "val")]
        assert [found.n_captioned for found in sides] == counts


def test_what_is_cut_from_a_sheet_has_its_text(tmp_path):
    sheet = np.random.default_rng(0).integers(0, 255, (4, 8, 3), np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(sheet).save(tmp_path / "in" / "sheet.png")
    (tmp_path / "in" / "sheet.txt").write_text("tiles")
    paths = find_pictures(tmp_path / "in", ReadingSettings(grid="4x4")).paths
    make_split(paths, np.array([True, False]), tmp_path / "out")
    for side in ("train", "val"):
        assert [*find_captions(tmp_path / "out" / side).captions] == [("tiles",)]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_what_is_cut_from_a_sheet_has_its_rows_of_metadata(tmp_path, suffix):
    sheet = np.random.default_rng(0).integers(0, 255, (4, 12, 3), np.uint8)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    Image.fromarray(sheet).save(tmp_path / "in" / "sub" / "sheet.png")
    Image.fromarray(sheet[:, :4]).save(tmp_path / "in" / "whole.png")
    rows = [("sub/../sub/sheet.png", "tiles"), ("sub/sheet.png", "größer"), ("whole.png", "one")]
    if suffix == "csv":
        lines = ["file_name,text", *map(",".join, rows)]
    else:
        lines = [json.dumps({"file_name": name, "caption": text}) for name, text in rows]
    (tmp_path / "in" / f"metadata.{suffix}").write_text("\n".join(lines))
    paths = find_pictures(tmp_path / "in", ReadingSettings(grid="4x4")).paths
    make_split(paths, np.array([False, True, False, True]), tmp_path / "out")
    train, val = (find_captions(tmp_path / "out" / side) for side in ("train", "val"))
    assert [*train.captions] == [("tiles", "grösser")] * 2
    assert [*val.captions] == [("tiles", "grösser"), ("one",)]
    assert not [line for line in val.troubles if "not there" in line]
