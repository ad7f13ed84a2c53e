"""A new training with no more flags than it needs, and every command on the model it makes."""

import json

import numpy as np
import pytest
from PIL import Image

from pixace.cli import main
from tests.tools.tiny import TINY

SIZES = [f"--{name}={value}" for name, value in TINY.items() if name != "bitdepth"]
KIND = [*SIZES, "--bitdepth=2,1,2"]


@pytest.fixture(scope="module")
def place(painted, tmp_path_factory):
    """The folder of all models, and the flags that name the one that has been trained."""
    folder = tmp_path_factory.mktemp("models")
    flags = [f"--weights_dir={folder}", "--model_name=m"]
    images = [f"--images={painted / 'train'}", f"--val_images={painted / 'val'}"]
    steps = ["--batch_size=4", "--steps_per_epoch=2", "--n_epochs=1"]
    assert main(["train", *flags, *images, *KIND, *steps]) == 0
    return folder, flags


@pytest.fixture
def ran(place, capsys, tmp_path, _messages_as_before):
    """Returns a function that runs a command on the model, and returns what it prints."""

    def run(command: str, *words: str) -> str:
        capsys.readouterr()
        assert main([command, *place[1], *words]) == 0
        return capsys.readouterr().out

    return run


def test_it_is_of_the_default_type_and_its_settings_say_so(place):
    folder, _ = place
    config = json.loads((folder / "m" / "config.json").read_text())
    assert config["model_type"] == "pointer"


def test_pictures_are_completed_and_drawn_again_by_their_recipe(ran, painted, tmp_path):
    """Prompts of another size and shape, all ways to choose colours; then the same by --like."""
    Image.new("RGB", (50, 31), (200, 30, 40)).save(tmp_path / "wide.png")
    prompts = f"--prompt={tmp_path / 'wide.png'},{painted / 'val' / 'disc-000.png'}"
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    choice = ["--temperature=0,0.7,1", "--top_k=9", "--top_p=0.9", "--seed=3", "--scale=8"]
    ran("predict", prompts, "--cut=20", *choice, f"--out={one}", f"--film={tmp_path / 'f.gif'}")
    ran("predict", f"--like={one}", prompts, f"--out={two}")
    with Image.open(one) as first, Image.open(two) as second:
        assert first.size == (5 * 8, 2 * 8)
        np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_new_pictures_are_the_best_of_several_beside_their_nearest(ran, painted, tmp_path):
    words = ["--n_images=2", "--best_of=3", f"--nearest={painted / 'train'}", "--scale=16"]
    told = json.loads(ran("predict", *words, "--json", f"--out={tmp_path / 'new.png'}"))
    assert len(told["tiles"]) == 2
    for tile in told["tiles"]:
        assert 0 < tile["bits_per_pixel"] < 8
        assert tile["nearest"]["path"].startswith(str(painted / "train"))


@pytest.mark.slow
def test_images_are_measured_and_ranked(ran, painted):
    images = f"--images={painted / 'val'}"
    mean = json.loads(ran("evaluate", images, "--json"))["bits_per_pixel"]
    ranked = json.loads(ran("score", images, "--json"))["images"]
    assert np.mean([one["bits_per_pixel"] for one in ranked]) == pytest.approx(mean, rel=1e-5)
    assert 0 < mean < 8


@pytest.mark.slow
def test_it_is_planned_plotted_and_reported(ran, place, capsys, tmp_path):
    assert main(["plan", *KIND, "--memory=1GB"]) == 0
    assert capsys.readouterr().out.startswith("pointer, ")
    ran("plot", "--receptive_field", f"--out={tmp_path / 'field.png'}")
    ran("plot", f"--out={tmp_path / 'curves.png'}")
    ran("report", f"--out={tmp_path / 'report.html'}")
    assert "pointer" in (tmp_path / "report.html").read_text()
