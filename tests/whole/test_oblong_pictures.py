"""Pictures that are wider than high, or higher than wide: every command and every type of model."""

import json

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.checkpoints.config_file import CONFIG_NAME, load_config, save_config
from pixace.cli import main
from pixace.drawing.recipe import read_recipe
from pixace.models.build import weight_shapes
from pixace.settings.model import ModelConfig, new_config
from pixace.settings.model_types import MODEL_TYPES
from pixace.settings.pictures import spelled_size

ENTRIES = np.array([[0, 0, 0], [255, 0, 77], [29, 43, 83], [255, 241, 232]], np.uint8)
SIZES = [(12, 8), (8, 12)]
SMALL = ["--d_model=16", "--d_ff=16", "--n_layers=1"]
FAST = [("pointer", SIZES[0]), ("pixelcnn", SIZES[1])]
A_SIZE_AND_SLOWLY_THE_OTHER = [SIZES[0], pytest.param(SIZES[1], marks=pytest.mark.slow)]

pytestmark = pytest.mark.usefixtures("_messages_as_before")


def how_slow(model_type, size):
    """Each type with one of the sizes, and with the other when all tests are run."""
    if (model_type, size) in FAST:
        return []
    return [pytest.mark.slow if size == SIZES[0] else pytest.mark.long]


@pytest.fixture(scope="module")
def sprites(tmp_path_factory):
    """Returns the folder of six pictures of a size, no two rows or columns of which are alike."""
    folder = tmp_path_factory.mktemp("sprites")
    for width, height in SIZES:
        (folder / f"{width}x{height}").mkdir()
        for number in range(6):
            rng = np.random.default_rng(number)
            chosen = rng.integers(0, 4, (height, width))
            path = folder / f"{width}x{height}" / f"{number}.png"
            Image.fromarray(ENTRIES[chosen]).save(path)
    return lambda size: folder / spelled_size(size)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, sprites):
    """Returns the flags that name a model of a type and a size, trained for a step."""
    weights_dir = tmp_path_factory.mktemp("weights")

    def train(model_type, size):
        name = f"{model_type}-{spelled_size(size)}"
        named = [f"--model_name={name}", f"--weights_dir={weights_dir}"]
        if not (weights_dir / name).exists():
            heads = [] if model_type.startswith("pixelcnn") else ["--n_heads=2"]
            shape = [f"--model_type={model_type}", f"--image_size={spelled_size(size)}"]
            steps = ["--steps_per_epoch=1", "--n_epochs=1", "--batch_size=2", "--warmup_steps=1"]
            images = [f"--images={sprites(size)}", f"--val_images={sprites(size)}"]
            colours = ["--colours=palette:auto"]
            assert main(["train", *named, *shape, *SMALL, *heads, *colours, *steps, *images]) == 0
        return named

    return train


def pixels(path):
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def printed(capsys, *words):
    """Runs a command and returns what it has printed."""
    capsys.readouterr()
    assert main(words) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("model_type", "size"),
    [
        pytest.param(kind, size, marks=how_slow(kind, size))
        for kind in MODEL_TYPES
        for size in SIZES
    ],
)
def test_every_type_learns_completes_and_measures(
    model_type, size, trained, sprites, tmp_path, capsys
):
    named = trained(model_type, size)
    width, height = size
    n_kept = 5 * width + 3  # counted row by row
    prompt = sprites(size) / "3.png"
    out = f"--out={tmp_path / 'out'}/"
    words = ["predict", *named, "--seed=1", out, f"--prompt={prompt}", f"--cut={n_kept}"]
    assert main(words) == 0
    path = tmp_path / "out" / "001-1.png"
    drawn, original = pixels(path), pixels(prompt)
    assert drawn.shape == original.shape == (height, width, 3)
    same = (drawn == original).all(axis=-1).reshape(-1)
    assert same[:n_kept].all(), "a picture of this size comes back exactly"
    assert not same[n_kept:].all(), "and the rest is drawn"
    words = ["evaluate", *named, f"--images={tmp_path / 'out'}", "--json"]
    assert json.loads(printed(capsys, *words))["n_images"] == 1
    seen = tmp_path / "seen.png"
    assert main(["plot", *named, "--receptive_field", f"--out={seen}"]) == 0
    assert seen.stat().st_size


@pytest.mark.parametrize("size", A_SIZE_AND_SLOWLY_THE_OTHER)
def test_what_draws_keeps_the_shape(size, trained, sprites, tmp_path, capsys):
    named = trained("pointer", size)
    width, height = size
    files = {name: tmp_path / name for name in ("sheet.png", "film.gif", "collage.png")}
    prompts = f"--prompt={sprites(size) / '0.png'},{sprites(size) / '1.png'}"
    outputs = [f"--{name.partition('.')[0]}={path}" for name, path in files.items()]
    outputs[2] = f"--out={files['collage.png']}"
    scale = f"--scale={2 * (max(size) + 2)}"
    nearest = f"--nearest={sprites(size)}"
    told = printed(capsys, "predict", *named, prompts, nearest, *outputs, scale, "--json")
    tile = (2 * (width + 2), 2 * (height + 2))
    with Image.open(files["collage.png"]) as collage:
        assert collage.size == (4 * tile[0], 2 * tile[1])  # whole, cut, drawn, nearest
        first = collage.convert("RGB").crop((0, 0, *tile)).resize((width + 2, height + 2))
    middle = np.asarray(first).astype(int)[1:-1, 1:-1]
    assert np.abs(middle - pixels(sprites(size) / "0.png")).mean() < 40, "at its place, blurred"
    with Image.open(files["film.gif"]) as film:
        assert film.size == (3 * tile[0], 2 * tile[1])
    with Image.open(files["sheet.png"]) as sheet:
        assert sheet.size == (2 * width, height)
    [frame, _] = json.loads((tmp_path / "sheet.json").read_text())["frames"]
    assert (frame["frame"]["w"], frame["frame"]["h"]) == size
    assert read_recipe(files["collage.png"]).config.image_size == spelled_size(size)
    assert [each["nearest"]["path"] for each in json.loads(told)["tiles"]]
    again = tmp_path / "again.png"
    like = f"--like={files['film.gif']}"
    assert main(["predict", *named, like, "--scale=4x", f"--out={again}"]) == 0
    with Image.open(again) as collage:
        assert collage.size == (3 * 4 * width, 2 * 4 * height)


@pytest.mark.parametrize("size", A_SIZE_AND_SLOWLY_THE_OTHER)
def test_what_looks_at_pictures_and_models(size, trained, sprites, tmp_path, capsys):
    named, folder, words = trained("pointer", size), sprites(size), spelled_size(size)
    surprise = tmp_path / "surprise.png"
    told = printed(capsys, "score", *named, f"--images={folder}", f"--surprise={surprise}")
    assert told.count("\n") == 7
    with Image.open(surprise) as sheet:
        assert sheet.height > 6 * 100
    told = printed(
        capsys, "check", f"--images={folder}", f"--sheet={tmp_path / 'check.png'}", "--json"
    )
    assert json.loads(told)["suitable_size"] == words
    assert any(f"--image_size={words}" in sentence for sentence in json.loads(told)["advice"])
    told = printed(capsys, "check", f"--images={folder}", f"--image_size={words}")
    assert "squeezed" not in told and "--image_size" not in told
    table = tmp_path / "table.png"
    size_flag = [f"--image_size={words}", "--scale=100", f"--out={table}", "--n_images=2"]
    told = printed(
        capsys, "quantize", f"--images={folder}", *size_flag, "--colours=palette:auto:16"
    )
    assert "colour error 0.00" in told
    report = tmp_path / "report.html"
    assert main(["report", *named, f"--out={report}"]) == 0
    assert f"<td>{words}</td>" in report.read_text()


@pytest.mark.parametrize(
    ("fit", "white"),
    [
        ("pad", [True, False, False, False, True, True]),
        pytest.param("crop", [False] * 6, marks=pytest.mark.slow),
    ],
)
def test_how_pictures_fit_travels_with_the_weights(fit, white, sprites, tmp_path, capsys):
    shape = {"image_size": (6, 4), "fit": fit, "background": "white", "bitdepth": (1, 1, 1)}
    kind = {"model_type": "transformer", "d_model": 16, "d_ff": 16, "n_layers": 1, "n_heads": 2}
    trainer = pixace.get_trainer("m", weights_dir=tmp_path, **shape, **kind)
    steps = {"batch_size": 2, "steps_per_epoch": 1, "n_epochs": 1}
    previews = []
    trainer.train(images=str(sprites(SIZES[1])), **steps, preview=previews.append)
    assert [picture.size for picture in previews] == [(4 * 8, 2 * 6)]
    config = load_config(tmp_path / "m")
    assert (config.image_size, config.fit) == ("6x4", fit)
    out = tmp_path / "out.png"
    named = ["--model_name=m", f"--weights_dir={tmp_path}"]
    prompt = f"--prompt={sprites(SIZES[1]) / '0.png'}"
    words = ["predict", *named, prompt, "--scale=1x", f"--out={out}"]
    assert main(words) == 0
    assert read_recipe(out).config.fit == fit
    is_white = (pixels(out)[:, :6] == 255).all(axis=(0, 2))
    assert is_white.tolist() == white, "of a picture that is too high"
    capsys.readouterr()
    assert main([*words, "--fit=squash"]) == 2
    assert f"fit=squash contradicts fit={fit}" in capsys.readouterr().err
    predictor = pixace.get_predictor("m", weights_dir=tmp_path, image_size="6x4", fit=fit)
    assert predictor.config == config


def test_a_square_named_by_both_edges_is_the_same_model(tmp_path):
    for name, image_size in (("a", 6), ("b", "6x6"), ("c", (6, 6))):
        save_config(tmp_path / name, new_config({"image_size": image_size}))
    first, *others = ((tmp_path / name / CONFIG_NAME).read_bytes() for name in "abc")
    assert others == [first, first]
    assert json.loads(first)["image_size"] == 6


@pytest.mark.slow
def test_a_plan_counts_all_pixels(capsys):
    words = [*SMALL, "--n_heads=2", "--model_type=transformer", "--bitdepth=1,1,1", "--json"]
    plan = printed(capsys, "plan", *words, "--batch_size=1", "--image_size=6x4")
    sizes = {"d_model": 16, "d_ff": 16, "n_layers": 1, "n_heads": 2}
    config = ModelConfig("transformer", "6x4", (1, 1, 1), **sizes)
    assert json.loads(plan)["n_weights"] == sum(array.size for array in weight_shapes(config))
