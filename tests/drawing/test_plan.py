"""What a request comes to before anything is drawn: where its files are, and that none is lost."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.file import stored_config
from pixace.commands import predict
from pixace.drawing.draw_request import with_local_paths
from pixace.drawing.plan import plan_of
from pixace.drawing.request import DrawRequest
from pixace.errors import UsageError
from pixace.pictures.metadata import RECIPE_KEY
from pixace.pictures.palettes import write_palette
from pixace.pictures.writing import write_picture
from tests.tools.drawings import a_recipe

pytestmark = pytest.mark.usefixtures("here")

EMOJI = {"model_name": "emoji"}


def add_inputs() -> None:
    """Writes one file for each kind of input of a drawing."""
    picture = Image.new("RGB", (8, 8), "teal")
    picture.info[RECIPE_KEY] = a_recipe().to_text()
    for name in ("collage.png", "a.gif"):
        write_picture(picture, Path(name))
    Path("faces").mkdir(exist_ok=True)
    picture.save("faces/a.png")  # a photo, as no recipe is in it
    write_palette(["ff0000", "00ff00"], Path("colours.png"))
    Path("texts.txt").write_text("a heart\n")
    Path("texts.png").symlink_to("texts.txt")


@pytest.mark.parametrize(
    ("named", "flag", "what"),
    [
        ({"prompts": "collage.png"}, "out", "the prompt"),
        ({"prompts": ["http://x/a.png", Path("collage.png")]}, "out", "the prompt"),
        ({"prompts": "a.gif", "out": "x.png", "film": "a.gif"}, "film", "the prompt"),
        ({"prompts": "faces/a.png", "out": "hard.png"}, "out", "the prompt"),
        ({"prompts": "faces/a.png", "out": "link.png"}, "out", "the prompt"),
        ({"like": "collage.png"}, "out", "the picture that --like names"),
        ({"like": "a.gif", "out": "x.png", "film": "link.gif"}, "film", "the picture that --like"),
        ({"nearest": "faces", "out": "link.png"}, "out", "an image of --nearest"),
        ({"nearest": "~/faces", "out": "~/faces/a.png"}, "out", "an image of --nearest"),
        ({"drawing": {"palette": "colours.png"}, "out": "colours.png"}, "out", "the palette"),
        ({"checkpoint": "w.png", "out": "w.png"}, "out", "the model's weights"),
        ({"checkpoint": "w.png", "out": "config.png"}, "out", "the model's settings"),
    ],
    ids=str,
)
def test_what_a_drawing_is_made_from_is_not_replaced(here, monkeypatch, named, flag, what):
    monkeypatch.setenv("HOME", str(here))
    add_inputs()
    os.link("faces/a.png", "hard.png")
    Path("link.png").symlink_to("faces/a.png")
    Path("link.gif").symlink_to("a.gif")
    if "checkpoint" in named:
        weights = plan_of(DrawRequest(**EMOJI)).weights
        shutil.copy(weights, "w.png")
        save_config(here, stored_config(weights))
        Path("config.png").symlink_to("config.json")
    with pytest.raises(UsageError, match=rf"^{flag} .* would replace {what}"):
        plan_of(with_local_paths(DrawRequest(**EMOJI, **named)))


def test_nor_the_file_of_a_picture_that_pillow_has_opened():
    add_inputs()
    with (
        Image.open("collage.png") as prompt,
        pytest.raises(UsageError, match="^out collage.png would replace the prompt"),
    ):
        plan_of(DrawRequest(**EMOJI, prompts=prompt))
    plan_of(DrawRequest(**EMOJI, prompts=Image.new("RGB", (8, 8))))


def test_other_files_are_replaced_as_ever():
    add_inputs()
    like = {"like": "collage.png", "drawing": {"seed": 2}, "out": "faces/a.png", "film": "a.gif"}
    assert plan_of(DrawRequest(**EMOJI, **like)).outputs.collage == Path("faces/a.png")
    into = {"prompts": "collage.png", "out": "new/", "film": "a.gif"}
    assert plan_of(DrawRequest(**EMOJI, **into)).outputs.folder == Path("new")


def test_the_command_does_not_replace_its_file_of_texts():
    add_inputs()
    values = predict.flags.FlagValues()
    predict.define_flags(values)
    values(["predict", "--model_name=emoji", "--texts=texts.txt", "--out=texts.png"])
    with pytest.raises(UsageError, match=r"^out texts\.png would replace the file of --texts"):
        predict.run(values)


def test_every_file_and_folder_may_be_in_a_home(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))
    names = ("like", "out", "sheet", "film", "nearest", "cache_dir")
    local = with_local_paths(DrawRequest(**{name: f"~/{name}/" for name in names}))
    assert all(getattr(local, name) == f"{here}/home/{name}/" for name in names)
    add_inputs()
    shutil.move("faces", here / "home" / "faces")
    plan = plan_of(DrawRequest(**EMOJI, prompts=["~/faces/a.png", Path("~/faces/a.png")]))
    assert [prompt.name for prompt in plan.prompts] == [f"{here}/home/faces/a.png"] * 2


@pytest.mark.parametrize("name", ["like", "out", "sheet", "film", "nearest", "cache_dir"])
def test_an_address_is_no_file(here, name):
    with pytest.raises(UsageError, match=rf"^{name} must name a file or folder of this machine"):
        with_local_paths(DrawRequest(**{name: "s3://bucket/a.png"}))
    assert not [*here.iterdir()]
