"""Recipes: every format gives back what was stored; a stranger's is believed only if sane."""

import dataclasses
import json
import os

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pixace.drawing.layout import Layout
from pixace.drawing.recipe import Recipe, read_recipe, with_names
from pixace.errors import CheckpointError, ImageError, UsageError
from pixace.pictures.writing import write_picture
from pixace.settings.model import ModelConfig
from pixace.system.files import file_sha256
from tests.tools.drawings import a_recipe

RECIPE = a_recipe(
    prompts=("a.png", "é\udcff.png", None),
    cut=5,
    temperature=(0.0, 0.9, 1.0),
    top_k=3,
    top_p=0.95,
    best_of=4,
    batch_size=2,
)


def picture(info: str | None = None) -> Image.Image:
    result = Image.new("RGB", (30, 20), "red")
    if info is not None:
        result.info["pixace"] = info
    return result


def test_the_text_is_plain_json_and_gives_it_back():
    text = RECIPE.to_text()
    assert text.isascii() and "\n" not in text
    assert Recipe.from_text(text) == RECIPE
    values = json.loads(text)
    assert values["model_name"] == "faces"
    assert values["config"]["bitdepth"] == [4, 2, 2]
    assert values["drawing"]["temperature"] == [0.0, 0.9, 1.0]
    assert values["drawing"]["seed"] == 7


def test_one_picture_of_several_says_which():
    assert "tile" not in json.loads(RECIPE.to_text())
    one = dataclasses.replace(RECIPE, tile=(2, 1))
    assert json.loads(one.to_text())["tile"] == [2, 1]
    assert Recipe.from_text(one.to_text()) == one
    assert (RECIPE.layout, one.layout) == (Layout(3, 3), Layout(3, 3, (2, 1)))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".gif"])
def test_every_format_but_bmp_carries_it(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    write_picture(picture(RECIPE.to_text()), path)
    assert read_recipe(path) == RECIPE
    with Image.open(path) as file:
        file.load()
        assert file.size == (30, 20)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif"])
def test_a_picture_without_one_is_told(tmp_path, suffix):
    write_picture(picture(), tmp_path / f"out{suffix}")
    with pytest.raises(ImageError, match=rf"out\{suffix}: carries no recipe"):
        read_recipe(tmp_path / f"out{suffix}")


def test_bmp_carries_none(tmp_path):
    write_picture(picture(RECIPE.to_text()), tmp_path / "out.bmp")
    with pytest.raises(ImageError, match=r"out\.bmp: not a PNG, JPEG, WebP or GIF"):
        read_recipe(tmp_path / "out.bmp")


def test_someone_else_s_comment_is_no_recipe(tmp_path):
    picture().save(tmp_path / "a.gif", comment=b"made on a sunny day")
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0b\0e\0a\0c\0h\0"
    picture().save(tmp_path / "b.jpg", exif=exif)
    chunk = PngInfo()
    chunk.add_text("Comment", RECIPE.to_text())
    picture().save(tmp_path / "c.png", pnginfo=chunk)
    for name in ("a.gif", "b.jpg", "c.png"):
        with pytest.raises(ImageError, match="carries no recipe"):
            read_recipe(tmp_path / name)


def changed(**values) -> dict:
    """The recipe's JSON values with some replaced; those of `drawing` and `config` one by one."""
    whole = json.loads(RECIPE.to_text())
    for name, value in values.items():
        merges = name in ("drawing", "config") and isinstance(value, dict)
        whole[name] = {**whole[name], **value} if merges else value
    return whole


@pytest.mark.parametrize(
    ("values", "wording"),
    [
        ({"sha256": "0" * 63}, "sha256"),
        ({"sha256": 5}, "sha256"),
        ({"checkpoint": "../../etc/passwd"}, "checkpoint"),
        ({"checkpoint": ""}, "checkpoint"),
        ({"model_name": "../x"}, "model_name"),
        ({"model_name": ["x"]}, "model_name"),
        ({"step": -1}, "step"),
        ({"step": True}, "step"),
        ({"prompts": "a.png"}, "prompts is not a list"),
        ({"prompts": [3]}, "prompts"),
        ({"prompts": ["a\0b"]}, "prompts"),
        ({"pixace_version": None}, "pixace_version"),
        ({"tile": 3}, "tile is not a list"),
        ({"tile": None}, "tile is not a list"),
        ({"tile": [0]}, "tile must be a row and a column"),
        ({"tile": [3, 0]}, "tile must be from 0 to 2, not 3"),
        ({"tile": [0, 3]}, "tile must be from 0 to 2, not 3"),
        ({"tile": [-1, 0]}, "tile"),
        ({"tile": [True, 0]}, "tile"),
        ({"command": "rm"}, "'command', which this pixace does not know"),
        ({"drawing": []}, "drawing is not a JSON object"),
        ({"drawing": {"seed": None}}, "seed"),
        ({"drawing": {"seed": 2**31}}, "seed"),
        ({"drawing": {"batch_size": 10**9}}, "batch_size"),
        ({"drawing": {"batch_size": 10**4000}}, "batch_size"),
        ({"drawing": {"best_of": 10**9}}, "best_of"),
        ({"drawing": {"scale": 10**9}}, "scale"),
        ({"drawing": {"scale": "12"}}, "scale"),
        ({"drawing": {"cut": -1}}, "cut"),
        ({"drawing": {"temperature": 1.0}}, "temperature is not a list"),
        ({"drawing": {"temperature": [float("nan")]}}, "temperature"),
        ({"drawing": {"temperature": ["x" * 5000]}}, "temperature"),
        ({"drawing": {"temperature": [1.0] * 101}}, "temperature"),
        ({"drawing": {"top_p": 0}}, "top_p"),
        ({"drawing": {"text": "a red heart"}}, "text is not a list"),
        ({"drawing": {"text": [7]}}, "text must be words"),
        ({"drawing": {"text": ["a:1e9"]}}, "weight of a text"),
        ({"drawing": {"text": ["a"] * 5001}}, "text must be at most 1000 texts"),
        ({"drawing": {"text": ["\ud800"]}}, "text must be UTF-8"),
        ({"drawing": {"text": ["a"], "class_name": ["a"]}}, "text and class exclude"),
        ({"drawing": {"text": ["a"] * 1000, "batch_size": 10_000}}, "batch_size=10000 of each"),
        ({"drawing": {"text": ["a"], "guidance": 2}}, "guidance is not a list"),
        ({"drawing": {"text": ["a"], "guidance": [1e9]}}, "guidance must be from"),
        ({"drawing": {"guidance": [2.0]}}, "guidance needs words"),
        ({"drawing": {"text": ["a"], "labels": 1}}, "labels must be True or False"),
        ({"drawing": {"out": "x.png"}}, "'out', which this pixace does not know"),
        ({"config": {"image_size": 10**6}}, "image_size"),
        ({"config": {"model_type": "gpt"}}, "model_type"),
        ({"config": {"shell": "sh"}}, "unknown setting 'shell'"),
        ({"config": None}, "config is not a JSON object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused_in_one_short_line(tmp_path, values, wording):
    write_picture(picture(json.dumps(changed(**values))), tmp_path / "out.png")
    with pytest.raises(ImageError, match="its recipe cannot be used: ") as caught:
        read_recipe(tmp_path / "out.png")
    assert wording in str(caught.value)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"seed": 1}',
        '{"step": ' + "9" * 5000 + "}",
        "[" * 50_000,
        '{"model_name": "' + "x" * 70_000 + '"}',
    ],
    ids=["empty", "cut", "list", "null", "incomplete", "digits", "deep", "long"],
)
def test_damaged_text_is_refused(tmp_path, text):
    write_picture(picture(text), tmp_path / "out.png")
    with pytest.raises(ImageError, match=r"out\.png: its recipe cannot be used: "):
        read_recipe(tmp_path / "out.png")


def test_a_missing_value_is_told():
    values = json.loads(RECIPE.to_text())
    del values["sha256"]
    with pytest.raises(UsageError, match="not complete"):
        Recipe.from_text(json.dumps(values))


def test_files_that_are_no_pictures(tmp_path):
    (tmp_path / "text.png").write_text("{}")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "fifo.png")  # opening it would wait for ever
    write_picture(picture(RECIPE.to_text()), tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    start = whole.index(b"tEXt")
    (tmp_path / "flipped.png").write_bytes(whole[: start + 40] + b"#" + whole[start + 41 :])
    (tmp_path / "cut.png").write_bytes(whole[: start + 40])
    for path in sorted(tmp_path.iterdir()):
        if path.name != "whole.png":
            with pytest.raises(ImageError, match=path.name) as caught:
                read_recipe(path)
            assert str(caught.value).isprintable()
    with pytest.raises(ImageError, match=r"gone\.png: No such file"):
        read_recipe(tmp_path / "gone.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif"])
def test_more_names_than_a_file_can_carry_are_left_out(tmp_path, suffix):
    names = [f"pictures/{i:04d}-\u00e9.png" for i in range(9000)]
    some, many = (
        with_names(a_recipe(prompts=(None,) * n, temperature=(1 / 3,) * 100), names[:n])
        for n in (900, 9000)
    )
    assert some.prompts[-1] == "pictures/0899-\u00e9.png"
    assert many.prompts == (None,) * 9000
    for recipe in (some, many):
        write_picture(picture(recipe.to_text()), tmp_path / f"out{suffix}")
        assert read_recipe(tmp_path / f"out{suffix}") == recipe


# --- the weights --------------------------------------------------------------------------------


def test_the_weights_are_found_by_name_and_contents(tmp_path, caplog):
    folder = tmp_path / "faces"
    folder.mkdir()
    (folder / "model.pkl.gz").write_bytes(b"first")
    recipe = a_recipe(sha256=file_sha256(folder / "model.pkl.gz"))
    assert recipe.find_weights(tmp_path) == folder / "model.pkl.gz"
    # The training went on, and keeps that epoch.
    (folder / "model-00006.pkl.gz").write_bytes(b"first")
    (folder / "model.pkl.gz").write_bytes(b"second")
    assert recipe.find_weights(tmp_path) == folder / "model-00006.pkl.gz"
    assert not caplog.records
    # It keeps it no longer.
    (folder / "model-00006.pkl.gz").unlink()
    assert recipe.find_weights(tmp_path) == folder / "model.pkl.gz"
    assert "has changed since: the pictures will differ" in caplog.text
    assert len(caplog.records) == 1


def test_weights_that_are_not_there_are_told(tmp_path):
    with pytest.raises(CheckpointError, match="faces: no such model"):
        a_recipe().find_weights(tmp_path)
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "model.pkl.gz").touch()
    with pytest.raises(CheckpointError, match=r"model-00003\.pkl\.gz: no such checkpoint"):
        a_recipe(checkpoint="model-00003.pkl.gz").find_weights(tmp_path)
    with pytest.raises(UsageError, match=r"a file, model\.pkl\.gz; name it with --checkpoint"):
        a_recipe(model_name=None).find_weights(tmp_path)


def test_the_model_s_settings_are_inside():
    assert Recipe.from_text(RECIPE.to_text()).config == ModelConfig(
        image_size=4, bitdepth=(4, 2, 2)
    )


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif"])
def test_the_largest_palette_and_the_longest_names_fit(tmp_path, suffix):
    colours = "palette:" + ",".join(f"{number:06x}" for number in range(4096))
    config = dataclasses.replace(RECIPE.config, bitdepth=None, colours=colours)
    drawing = dataclasses.replace(RECIPE.drawing, temperature=(0.123456789012345678,) * 100)
    recipe = dataclasses.replace(RECIPE, config=config, prompts=(None,) * 101, drawing=drawing)
    recipe = with_names(recipe, ["x" * 290] * 101)
    assert recipe.prompts[0] is not None and len(recipe.to_text()) > 60_000
    write_picture(picture(recipe.to_text()), tmp_path / f"out{suffix}")
    assert read_recipe(tmp_path / f"out{suffix}") == recipe


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif"])
def test_the_largest_palettes_of_model_and_drawing_fit_and_names_give_way(tmp_path, suffix):
    colours = ",".join(f"{number:06x}" for number in range(4096))
    config = dataclasses.replace(RECIPE.config, bitdepth=None, colours=f"palette:{colours}")
    temperature = (0.123456789012345678,) * 100
    drawing = dataclasses.replace(RECIPE.drawing, temperature=temperature, palette=colours)
    bare = dataclasses.replace(RECIPE, config=config, prompts=(None,) * 5, drawing=drawing)
    assert with_names(bare, ["x" * 290] * 5).prompts == ("x" * 290,) * 5
    room = 64_000 - len(bare.to_text())
    for length in (room // 5 - 50, room // 5 + 50):
        recipe = with_names(bare, ["x" * length] * 5)
        one = dataclasses.replace(recipe, tile=(4, 99))
        write_picture(picture(one.to_text()), tmp_path / f"out{suffix}")
        assert read_recipe(tmp_path / f"out{suffix}") == one
    assert recipe.prompts == (None,) * 5
