"""What pixace has made is known again, among other people's pictures."""

import dataclasses
import json
import os

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.folder import LATEST_NAME, epoch_path, picture_path
from pixace.drawing.recipe import read_recipe
from pixace.errors import ImageError
from pixace.pictures.metadata import saving_options
from pixace.pictures.own_files import MODEL_PICTURES, Made, is_model_folder, made_by_pixace
from pixace.pictures.palettes import write_palette
from pixace.pictures.writing import write_picture
from pixace.settings.model import ModelConfig
from tests.tools.drawings import a_recipe

RECIPE = a_recipe()
WIDTH, HEIGHT = RECIPE.config.pictures.size
CARRIERS = [".png", ".jpg", ".webp", ".gif"]


def write(path, size, recipe=None, **options):
    picture = Image.effect_noise(size, 60)
    if recipe is not None:
        picture.info["pixace"] = recipe.to_text()
    write_picture(picture, path, **options)
    return path


def scaled(scale):
    return dataclasses.replace(RECIPE, drawing=dataclasses.replace(RECIPE.drawing, scale=scale))


@pytest.mark.parametrize("suffix", CARRIERS)
def test_every_picture_that_is_written_is_known(suffix, tmp_path):
    size = (90, 200)
    assert made_by_pixace(write(tmp_path / f"table{suffix}", size)) is Made.COMPOSED
    assert made_by_pixace(write(tmp_path / f"collage{suffix}", size, RECIPE)) is Made.COMPOSED
    with pytest.raises(ImageError, match="carries no recipe"):
        read_recipe(tmp_path / f"table{suffix}")
    assert read_recipe(tmp_path / f"collage{suffix}") == RECIPE


def test_films_and_palettes_are_known(tmp_path):
    frames = [Image.new("P", (9, 9), number) for number in range(3)]
    film = {"save_all": True, "append_images": frames, "duration": 20, "loop": 0}
    write(tmp_path / "film.gif", (9, 9), RECIPE, **film)
    write_palette(["000000", "ff004d"], tmp_path / "palette.png")
    for path in tmp_path.iterdir():
        assert made_by_pixace(path) is Made.COMPOSED, path


@pytest.mark.parametrize(
    ("scale", "times", "kind"),
    [
        (128, 1, Made.NATIVE),
        ("4x", 4, Made.NATIVE),
        ("4x", 1, Made.COMPOSED),
        (128, 2, Made.COMPOSED),
    ],
)
def test_single_pictures_have_the_size_that_their_recipe_says(scale, times, kind, tmp_path):
    path = write(tmp_path / "a.png", (WIDTH * times, HEIGHT * times), scaled(scale))
    assert made_by_pixace(path) is kind


def strangers(folder):
    """Yields pictures that others have made, and what is no picture."""
    picture = Image.effect_noise((40, 40), 60)
    about = PngInfo()
    about.add_text("Software", "pixaceous")
    about.add_text("Comment", "pixace")
    picture.save(folder / "text.png", pnginfo=about)
    picture.save(folder / "comment.gif", comment=b"{} pixace")
    for suffix in (".jpg", ".webp"):
        picture.save(folder / f"comment{suffix}", **saving_options('{"prompt": "a cat"}', "JPEG"))
    picture.save(folder / "plain.webp")
    for suffix in ("bmp", "tiff", "gif", "jpg", "png"):
        picture.save(folder / f"plain.{suffix}")
    for name, data in {
        "empty.png": b"",
        "half.webp": b"RIFF\0\0\0\0WEBPVP8X",
        "half.png": b"\x89PNG\r\n\x1a\n\0\0\0\0tEXtpixace\0{}",
        "half.jpg": b"\xff\xd8\xff\xe1pixace\0",
        "half.gif": b"GIF89a!\xfe",
        "recursive.gif": b"",
    }.items():
        (folder / name).write_bytes(data)
    picture.save(folder / "recursive.gif", comment=b'{"config":' + b"[" * 50_000)
    os.mkfifo(folder / "fifo.png")
    (folder / "folder.png").mkdir()
    (folder / "nowhere.png").symlink_to("absent")
    yield from folder.iterdir()


def test_those_of_others_are_not(tmp_path):
    for path in strangers(tmp_path):
        assert made_by_pixace(path) is Made.NOT, path


@pytest.mark.parametrize(
    "damage", [{"config": []}, {"config": {"image_size": "x"}}, {"drawing": 3}]
)
def test_a_recipe_that_makes_no_sense_makes_no_single_picture(damage, tmp_path):
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    picture.info["pixace"] = json.dumps(json.loads(RECIPE.to_text()) | damage)
    write_picture(picture, tmp_path / "a.png")
    assert made_by_pixace(tmp_path / "a.png") is Made.COMPOSED


def test_a_model_s_folder_is_known_by_each_of_its_files(tmp_path):
    for name in (LATEST_NAME, epoch_path(tmp_path, 100).name, epoch_path(tmp_path, 1234567).name):
        assert is_model_folder(str(tmp_path), ["a.png", name])
    assert not is_model_folder(str(tmp_path), ["model.png", "model-1.pkl.gz", "a/", "config.json"])
    for config in (ModelConfig(), ModelConfig(bitdepth=None, colours="grey:4")):
        save_config(tmp_path, config)
        assert is_model_folder(str(tmp_path), os.listdir(tmp_path))
    assert picture_path(tmp_path, "samples", 1).parent.name + "/" == MODEL_PICTURES


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 50_000, '{"model_type": "vit", "image_size": 224}', "{" + " " * 70_000],
)
def test_settings_of_others_make_no_model_s_folder(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    assert not is_model_folder(str(tmp_path), ["config.json"])


@pytest.mark.parametrize("suffix", CARRIERS)
def test_only_a_png_keeps_what_a_model_drew(suffix, tmp_path):
    path = write(tmp_path / f"a{suffix}", (WIDTH, HEIGHT), RECIPE)
    assert made_by_pixace(path) is (Made.NATIVE if suffix == ".png" else Made.COMPOSED)
