"""Trainings on transparent pictures, from PNGs through a model to PNGs again."""

import json

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.checkpoints.config_file import CONFIG_NAME
from pixace.cli import main
from pixace.drawing.request import DrawRequest, draw_to_files
from pixace.errors import UsageError
from pixace.pictures.reading import open_image
from pixace.settings.model_types import MODEL_TYPES
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import TRANSPARENT_ID
from tests.tools.tiny import tiny_sizes


def how_slow(model_type):
    """The kinds of models that draw by attention, and by convolution; else when all are run."""
    return pytest.mark.slow if model_type in ("pointer", "pixelcnn") else pytest.mark.long


@pytest.fixture(scope="module")
def icons(tmp_path_factory):
    """Squares of one colour with soft corners; all around them is transparent, and white below."""
    folder = tmp_path_factory.mktemp("icons")
    for number in range(8):
        pixels = np.full((6, 6, 4), (255, 255, 255, 0), np.uint8)
        pixels[1:5, 1:5] = [(255, 0, 77, 255), (29, 43, 83, 255)][number % 2]
        pixels[1, 1, 3], pixels[4, 4, 3], pixels[number % 6, 0, 3] = 100, 200, 255
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def train(icons, weights_dir, model_type, n_steps=2, **settings):
    sizes = tiny_sizes(model_type)
    named = {"model_type": model_type, "image_size": 6, "alpha": True, **sizes, **settings}
    trainer = pixace.get_trainer("m", weights_dir=weights_dir, **named)
    options = {"batch_size": 4, "steps_per_epoch": n_steps, "n_epochs": 1, "warmup_steps": 2}
    trainer.train(images=str(icons), val_images=str(icons), **options)
    return weights_dir / "m"


@pytest.fixture(scope="module")
def learned(icons, tmp_path_factory):
    """A weights folder with a pointer model `m` that has learnt something; not to be changed."""
    weights_dir = tmp_path_factory.mktemp("learned")
    train(icons, weights_dir, "pointer", 80, colours="palette:auto", background="lime")
    return weights_dir


@pytest.fixture
def weights(request, icons, tmp_path):
    """A weights folder with a model `m` of a type and with colours, or the one above."""
    if request.param is None:
        return request.getfixturevalue("learned")
    model_type, colours = request.param
    train(icons, tmp_path / "weights", model_type, colours=colours)
    return tmp_path / "weights"


def rgba(path):
    with Image.open(path) as file:
        return np.asarray(file.convert("RGBA"))


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param(None, id="pointer-palette:auto"),
        pytest.param(("pointer", "hsv:5,4,4"), marks=pytest.mark.slow),
        *(pytest.param((kind, "hsv:2,1,2"), marks=how_slow(kind)) for kind in MODEL_TYPES),
    ],
    indirect=True,
)
def test_pngs_in_and_pngs_out(icons, weights, tmp_path, monkeypatch, capsys):
    """Each file has exactly what was drawn; where that is nothing, it is transparent."""
    monkeypatch.chdir(tmp_path)
    folder = weights / "m"
    assert json.loads((folder / CONFIG_NAME).read_text())["alpha"] is True
    (samples,) = (folder / "pictures").glob("samples-*.png")
    assert Image.open(samples).mode == "RGBA"
    prompts = [icons / "0.png", icons / "3.png"]
    drawing = {"cut": 18, "seed": 1, "temperature": [1.0, 0.5]}
    request = {"weights_dir": weights, "model_name": "m"}
    done = draw_to_files(DrawRequest(**request, prompts=prompts, drawing=drawing, out="a/"))
    palette = codec_of(done.drawing.recipe.config.pictures).colours()
    for number, path in enumerate(done.pictures):
        tokens = done.drawing.tokens[number % 2][number // 2].reshape(6, 6)
        np.testing.assert_array_equal(rgba(path), palette[tokens])
        np.testing.assert_array_equal(rgba(path)[..., 3] == 0, tokens == TRANSPARENT_ID)
        given = rgba(prompts[number // 2])[:3, :, 3]
        np.testing.assert_array_equal(rgba(path)[:3, :, 3] > 0, given >= 128)
    like = ["predict", f"--weights_dir={weights}", "--like=a/002-1.png"]
    assert main([*like, "--out=b/"]) == 0
    assert (tmp_path / "a/002-1.png").read_bytes() == (tmp_path / "b/002-1.png").read_bytes()
    place = [f"--images={icons}", "--model_name=m", f"--weights_dir={weights}"]
    capsys.readouterr()
    assert main(["evaluate", *place, "--json"]) == 0
    bits = json.loads(capsys.readouterr().out)["bits_per_pixel"]
    assert main(["score", *place, "--json", "--surprise=s.png"]) == 0
    scores = [image["bits_per_pixel"] for image in json.loads(capsys.readouterr().out)["images"]]
    assert np.mean(scores) == pytest.approx(bits, rel=1e-3)
    assert 0 < bits < 20, "no pixel is impossible"


def test_what_it_has_learned_is_transparent(icons, learned, tmp_path):
    """After some steps most of a picture's frame is; in a JPEG it shows the background."""
    done = draw_to_files(
        DrawRequest(
            weights_dir=learned,
            model_name="m",
            drawing={"batch_size": 4, "seed": 1, "temperature": 0.5, "scale": "8x"},
            out=tmp_path / "a.jpg",
            sheet=tmp_path / "sheet.png",
            nearest=icons,
        )
    )
    tokens = done.drawing.tokens[0]
    assert (tokens.reshape(4, 6, 6)[:, :, 5] == TRANSPARENT_ID).mean() > 0.8
    assert 0.2 < (tokens == TRANSPARENT_ID).mean() < 0.9
    sheet = rgba(tmp_path / "sheet.png").reshape(2, 48, 2, 48, 4).swapaxes(1, 2)
    shown = sheet.reshape(4, 48, 48, 4)[:, ::8, ::8, 3].reshape(4, 36) == 0
    np.testing.assert_array_equal(shown, tokens == TRANSPARENT_ID)
    jpeg = np.asarray(open_image(tmp_path / "a.jpg")).astype(int)[4::8, 4::8]
    is_lime = (abs(jpeg - (0, 255, 0)) < 12).all(axis=-1)[:, :6].reshape(4, 36)
    np.testing.assert_array_equal(is_lime, tokens == TRANSPARENT_ID)


def test_a_model_with_transparency_is_not_one_without(icons, learned):
    with pytest.raises(UsageError, match="^alpha=False contradicts alpha=True of the model in"):
        pixace.get_predictor("m", weights_dir=learned, alpha=False)
    with pytest.raises(UsageError, match="^alpha=False contradicts alpha=True of the model in"):
        train(icons, learned, "pointer", 2, alpha=False)
