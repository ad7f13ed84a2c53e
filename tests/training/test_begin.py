"""What a training begins with: colours that its images have, and those that are stored."""

import json

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.checkpoints.config_file import load_config
from pixace.cli import main
from pixace.drawing.recipe import read_recipe
from pixace.errors import UsageError
from pixace.settings.model_types import MODEL_TYPES
from pixace.tokens.codec import codec_of
from tests.tools.tiny import tiny_sizes

ENTRIES = np.array([[0, 0, 0], [255, 0, 77], [29, 43, 83], [255, 241, 232]], np.uint8)


@pytest.fixture(scope="module")
def sprites(tmp_path_factory):
    """Pictures of 6x6 pixels in four colours."""
    folder = tmp_path_factory.mktemp("sprites")
    rng = np.random.default_rng(0)
    for number in range(8):
        chosen = np.zeros((6, 6), int)
        chosen[1:5, 2:4] = rng.integers(0, 4)
        chosen[number % 6] = 1 + number % 3
        Image.fromarray(ENTRIES[chosen]).save(folder / f"{number}.png")
    return folder


def train(folder, weights_dir, model_type, **settings):
    sizes = tiny_sizes(model_type)
    trainer = pixace.get_trainer(
        "m", weights_dir=weights_dir, model_type=model_type, image_size=6, **sizes, **settings
    )
    options = {"batch_size": 4, "steps_per_epoch": 2, "n_epochs": 1, "warmup_steps": 2}
    trainer.train(images=str(folder), val_images=str(folder), **options)
    return weights_dir / "m"


@pytest.mark.parametrize(
    "model_type",
    [
        pytest.param(name, marks=[] if name in ("pointer", "pixelcnn") else [pytest.mark.slow])
        for name in MODEL_TYPES
    ],
)
def test_every_type_learns_and_draws_a_palette(model_type, sprites, tmp_path):
    folder = train(sprites, tmp_path, model_type, colours="palette:auto")
    config = load_config(folder)
    assert config.colours == "palette:000000,1d2b53,ff004d,fff1e8"
    drawing = pixace.get_predictor("m", weights_dir=tmp_path).draw(2, seed=1, scale=64)
    tokens = np.concatenate([column.reshape(-1) for column in drawing.columns[-1:]])
    colours = codec_of(config.pictures).decode(tokens)
    assert {tuple(row) for row in colours} <= {tuple(row) for row in ENTRIES.tolist()}


def test_the_same_command_again_goes_on(sprites, tmp_path):
    for _ in range(2):
        folder = train(sprites, tmp_path, "transformer", colours="palette:auto:16")
    stored = json.loads((folder / "config.json").read_text())
    assert stored["colours"] == "palette:000000,1d2b53,ff004d,fff1e8" and "bitdepth" not in stored
    with pytest.raises(UsageError, match="colours=rgb:3,3,2 contradicts colours=palette:000000"):
        train(sprites, tmp_path, "transformer", colours="rgb:3,3,2")


@pytest.mark.parametrize("colours", ["rgb:2,2,1", pytest.param("grey:3", marks=pytest.mark.slow)])
def test_a_picture_is_drawn_as_its_recipe_says(colours, sprites, tmp_path):
    train(sprites, tmp_path, "transformer", colours=colours)
    first, again = tmp_path / "a.png", tmp_path / "b.png"
    named = ["--model_name=m", f"--weights_dir={tmp_path}", f"--colours={colours}"]
    assert main(["predict", *named, "--seed=3", "--scale=64", f"--out={first}"]) == 0
    assert read_recipe(first).config.colours == colours
    like = ["predict", f"--like={first}", f"--weights_dir={tmp_path}", f"--out={again}"]
    assert main(like) == 0
    assert first.read_bytes() == again.read_bytes()


def test_a_palette_s_file_is_needed_only_once(sprites, tmp_path, capsys):
    (tmp_path / "mine.hex").write_text("ff004d\n000000\n")
    folder = train(sprites, tmp_path, "transformer", colours=f"palette:{tmp_path}/mine.hex")
    assert load_config(folder).colours == "palette:ff004d,000000"
    (tmp_path / "mine.hex").unlink()
    where = ["--model_name=m", f"--weights_dir={tmp_path}"]
    assert main(["evaluate", *where, f"--images={sprites}"]) == 0
    assert main(["evaluate", *where, f"--images={sprites}", "--colours=palette:gameboy"]) == 2
    assert "contradicts colours=palette:ff004d,000000 of the model" in capsys.readouterr().err
