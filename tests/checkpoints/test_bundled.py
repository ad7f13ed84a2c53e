"""The model that comes with the package."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pixace.checkpoints.bundled import ready_folder, ready_models
from pixace.checkpoints.config_file import load_config
from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.folder import locate
from tests.tools.places import ROOT

MAX_BYTES = 8_000_000  # of all files that a model adds to the package


def test_the_emoji_model_is_there():
    assert ready_models() == ["emoji"]
    assert ready_folder("emoji").is_dir()
    assert ready_folder("Emoji") is None and ready_folder("..") is None


@pytest.mark.parametrize("name", ready_models())
def test_it_is_small_whole_and_plain(name):
    folder = ready_folder(name)
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["config.json", "model.pkl.gz"]
    assert sum((folder / file).stat().st_size for file in files) <= MAX_BYTES
    checkpoint = read_checkpoint(folder / "model.pkl.gz")
    assert checkpoint.slots is None
    assert {array.dtype for array in checkpoint.weights} == {np.dtype(np.float16)}
    assert checkpoint.config(folder) == load_config(folder)


def test_a_model_of_the_user_s_own_comes_first(tmp_path):
    assert locate("emoji", tmp_path, None) == ready_folder("emoji") / "model.pkl.gz"
    (tmp_path / "emoji").mkdir()
    (tmp_path / "emoji" / ".lock").touch()  # of a training that found no images
    assert locate("emoji", tmp_path, None) == ready_folder("emoji") / "model.pkl.gz"
    (tmp_path / "emoji" / "model.pkl.gz").write_bytes(b"")
    assert locate("emoji", tmp_path, None) == tmp_path / "emoji" / "model.pkl.gz"


def test_it_draws_at_once(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pixace", "predict", "--model_name=emoji", "--batch_size=2"]
        + ["--out=faces.png", "--seed=1", "--scale=32"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "faces.png\n"), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["faces.png"]
    with Image.open(tmp_path / "faces.png") as picture:
        assert picture.size == (32, 64)
        assert len(picture.convert("RGB").getcolors(4096)) > 5, "something is drawn"


def smiley() -> Image.Image:
    picture = Image.new("RGB", (160, 160), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((12, 12, 148, 148), fill="#fcc21b")
    for x in (50, 96):
        draw.ellipse((x, 52, x + 14, 76), fill="#2f2f2f")
    draw.arc((48, 64, 112, 122), 20, 160, fill="#2f2f2f", width=6)
    return picture


@pytest.mark.slow
def test_it_knows_a_smiley_from_noise(tmp_path):
    import pixace

    (tmp_path / "smiley").mkdir()
    smiley().save(tmp_path / "smiley" / "1.png")
    (tmp_path / "noise").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise" / "1.png")
    evaluator = pixace.get_evaluator("emoji", weights_dir=tmp_path)
    smiley_bits = evaluator.evaluate(tmp_path / "smiley").bits_per_pixel
    noise_bits = evaluator.evaluate(tmp_path / "noise").bits_per_pixel
    assert smiley_bits < 5 < 10 < noise_bits  # 10 is a pixel's size without a model


def test_it_can_be_copied_to_train_on_from_there(tmp_path):
    import pixace

    path = pixace.download_model("emoji", weights_dir=tmp_path)
    assert path == tmp_path / "emoji" / "model.pkl.gz"
    assert path.read_bytes() == (ready_folder("emoji") / "model.pkl.gz").read_bytes()
    assert load_config(path.parent) == load_config(ready_folder("emoji"))
