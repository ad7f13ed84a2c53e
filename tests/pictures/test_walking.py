"""Which files of a folder are its owner's pictures."""

import os
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from pixace.checkpoints.config_file import save_config
from pixace.errors import ImageError
from pixace.pictures.cutting import find_pictures
from pixace.pictures.folder import LeftOut, find_images, list_folder, require_images
from pixace.pictures.formats.suffixes import SUFFIXES, is_other_picture, suffix_of
from pixace.pictures.writing import write_picture
from pixace.settings.model import ModelConfig
from pixace.settings.reading import ReadingSettings
from tests.tools.drawings import a_recipe

RECIPE = a_recipe()
NATIVE = RECIPE.config.pictures.size


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def drawn(path, size=NATIVE):
    picture = Image.new("RGB", size, "navy")
    picture.info["pixace"] = RECIPE.to_text()
    write_picture(picture, path)


def names_of(folder):
    listing = list_folder(folder)
    assert find_images(listing) is listing.paths, "it is not looked through twice"
    require_images(folder)
    return [listing.paths.label(number) for number in range(len(listing.paths))]


HIDDEN = (
    *(".a.png", "._a.png", ".Trash-1000/files/a.png", ".ipynb_checkpoints/a.png", ".git/a.png"),
    *(
        "__MACOSX/a.png",
        "@eaDir/a.png/SYNOFILE_THUMB_M.jpg",
        "$RECYCLE.BIN/a.png",
        "#recycle/a.png",
    ),
    *("sub/.thumbnails/a.png", "lost+found/a.png", "System Volume Information/a.png"),
    *("Network Trash Folder/a.png", "Temporary Items/a.png"),
)


def test_what_is_hidden_below_the_folder_is_passed_over(tmp_path):
    top = tmp_path / ".hidden" / "faces"
    touch(top, *HIDDEN, "Thumbs.db", "desktop.ini", "Icon\r", ".DS_Store", "__macosx.png", "b.png")
    (top / "shown.png").symlink_to(".git/a.png")
    assert names_of(top) == ["__macosx.png", "b.png", "shown.png"]
    listing = list_folder(top)
    assert (listing.others, listing.left_out) == (Counter(), LeftOut(hidden=len(HIDDEN)))


def test_a_folder_of_nothing_else_says_so(tmp_path):
    touch(tmp_path, ".a.png", ".b/c.png", "1.HEIC", "2.heic", "notes.txt")
    drawn(tmp_path / "collage.png", (90, 40))
    (tmp_path / "model").mkdir()
    save_config(tmp_path / "model", ModelConfig())
    expected = (
        "no images in this folder .*; left out: 1 picture made by pixace, 1 folder of a model, "
        "2 hidden files or folders; not read: 2 .heic, 1 .txt$"
    )
    for find in (list_folder, require_images):
        with pytest.raises(ImageError, match=expected):
            find(tmp_path)


def test_models_are_passed_over_wherever_they_lie(tmp_path):
    touch(
        tmp_path, "a.png", "weights/faces/model.pkl.gz", "weights/faces/pictures/samples-00001.png"
    )
    touch(tmp_path, "b/pictures/c.png", "old/pictures/samples-00001.png", "old/model-00100.pkl.gz")
    assert names_of(tmp_path) == ["a.png", "b/pictures/c.png"]
    assert list_folder(tmp_path).left_out == LeftOut(models=2)
    assert list_folder(tmp_path).others == Counter()


def test_of_a_model_s_folder_that_is_named_only_its_drawings_are_left_out(tmp_path):
    touch(tmp_path, "model.pkl.gz", "a.png", "sub/b.png", "pictures/samples-00001.png")
    assert names_of(tmp_path) == ["a.png", "sub/b.png"]


def test_what_pixace_has_made_is_left_out_among_others(tmp_path):
    drawn(tmp_path / "one.png")
    drawn(tmp_path / "out" / "two.png")
    assert names_of(tmp_path) == ["one.png", "out/two.png"], "there is nothing else"
    for name in ("collage.png", "film.gif", "out/collage.webp", "collage.jpg"):
        drawn(tmp_path / name, (90, 40))
    write_picture(Image.new("RGB", (50, 50)), tmp_path / "quantised.png")
    assert names_of(tmp_path) == ["one.png", "out/two.png"]
    assert list_folder(tmp_path).left_out == LeftOut(made=5)
    Image.new("RGB", (5, 5)).save(tmp_path / "own.png")
    assert names_of(tmp_path) == ["own.png"]
    assert list_folder(tmp_path).left_out == LeftOut(made=7)


def test_left_out_is_told_with_a_count(tmp_path, caplog):
    Image.new("RGB", (5, 5)).save(tmp_path / "own.png")
    touch(tmp_path, ".git/a.png", "m/model.pkl.gz")
    drawn(tmp_path / "collage.png", (90, 40))
    with caplog.at_level("INFO"):
        find_pictures(tmp_path).tell()
    line = f"{tmp_path}: left out: 1 picture made by pixace, 1 folder of a model"
    assert caplog.messages == [line]


@pytest.mark.parametrize("name", ["a.png", "collage.png", ".hidden.png"])
def test_a_file_that_is_named_is_read_whoever_has_made_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawn(tmp_path / name, (90, 40))
    touch(tmp_path, "other.png", "other.txt")
    assert names_of(name) == [name]
    assert (list_folder(name).others, str(find_images(name).source)) == (Counter(), name)
    assert [*find_pictures(name).paths] == [find_images(name)[0]]


def test_a_sheet_that_is_named_is_cut(tmp_path):
    sheet = tmp_path / "tiles.png"
    Image.effect_noise((8, 4), 60).save(sheet)
    assert len(find_pictures(sheet, ReadingSettings(grid="4x4")).paths) == 2
    frame = '{"frames": {"one": {"frame": {"x": 0, "y": 0, "w": 3, "h": 3}}}}'
    (tmp_path / "tiles.json").write_text(frame)
    assert str(find_pictures(sheet).paths[0]) == f"{sheet}#one"


def test_a_file_that_is_no_image_is_told(tmp_path):
    touch(tmp_path, "faces.zip")
    with pytest.raises(ImageError, match=r"faces\.zip: no such folder of images, and no image"):
        list_folder(tmp_path / "faces.zip")


def test_images_by_their_suffixes(tmp_path):
    names = [f"a{suffix.upper()}" for suffix in SUFFIXES]
    touch(tmp_path, *names, "b.HEIC", "c.tga", "d", "e.tar.gz")
    assert names_of(tmp_path) == sorted(names)
    others = list_folder(tmp_path).others
    assert others == {".heic": 1, ".tga": 1, "no suffix": 1, ".gz": 1}
    assert [suffix for suffix in others if is_other_picture(suffix)] == [".heic", ".tga"]
    assert suffix_of("x/y.z/A.Png") == ".png"
    for suffix in (".jpe", ".jfif", ".tif", ".apng", ".dib"):
        assert suffix in SUFFIXES and not is_other_picture(suffix)


def test_a_folder_that_cannot_be_read_is_counted(tmp_path, monkeypatch):
    touch(tmp_path, "a.png", "closed/b.png")
    (tmp_path / "loop").symlink_to(".")
    closed, scandir = tmp_path / "closed", os.scandir

    def refusing(path):  # a superuser may read all folders
        if Path(path) == closed:
            raise PermissionError
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert names_of(tmp_path) == ["a.png"]
    assert str(list_folder(tmp_path).left_out) == "1 folder that cannot be read"
    with pytest.raises(ImageError, match="left out: 1 folder that cannot be read"):
        list_folder(closed)


def test_what_is_left_out_is_spelled():
    assert str(LeftOut()) == ""
    assert str(LeftOut(1, 2, 1, 3)) == (
        "1 picture made by pixace, 2 folders of a model, 1 hidden file or folder, "
        "3 folders that cannot be read"
    )
