"""Drawings that follow a rough sketch."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import pixace
from pixace.cli import main
from pixace.drawing.canvas import Canvas
from pixace.drawing.draw_request import DrawRequest, with_local_paths
from pixace.drawing.plan import Plan, plan_of
from pixace.drawing.predictor import Predictor
from pixace.drawing.recipe import Recipe
from pixace.drawing.request import draw_to_files
from pixace.drawing.sketch import open_sketch
from pixace.errors import ImageError, UsageError
from pixace.pictures.colour_error import colour_error, nearest
from pixace.pictures.writing import write_picture
from pixace.settings.drawing import DrawingSettings
from pixace.settings.pictures import PictureSettings
from pixace.system.files import file_sha256
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import N_RESERVED
from tests.tools.worded import write_worded

EDGE = 6  # of the stored model's pictures


def paint() -> Image.Image:
    """Something red in a corner of something blue, in colours that the model has not."""
    picture = Image.new("RGB", (EDGE, EDGE), (30, 60, 200))
    ImageDraw.Draw(picture).rectangle((3, 3, 5, 5), fill=(210, 40, 50))
    return picture


def planned(request: DrawRequest) -> Plan:
    return plan_of(with_local_paths(request))


def nearest_tokens(img: Image.Image, pictures: PictureSettings) -> np.ndarray:
    colours = codec_of(pictures).colours()[N_RESERVED:]
    return nearest(np.asarray(img).reshape(-1, 3), colours) + N_RESERVED


@pytest.fixture(scope="module")
def predictor(weights_dir: Path) -> Predictor:
    return pixace.get_predictor("transformer", weights_dir=weights_dir)


@pytest.fixture
def sketch(tmp_path: Path) -> Path:
    path = tmp_path / "sketch.png"
    paint().save(path)
    return path


@pytest.mark.parametrize("codec", ["hsv:2,1,2", "grey:2", "palette:0000ff,ff0000"])
def test_it_is_read_as_prompts_are(tmp_path: Path, codec: str) -> None:
    pictures = PictureSettings(4, 6, codec, background="white")
    large = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    ImageDraw.Draw(large).rectangle((0, 0, 29, 39), fill=(200, 0, 0, 255))
    large.save(tmp_path / "a.png")
    by_file, by_picture = open_sketch(tmp_path / "a.png", pictures), open_sketch(large, pictures)
    np.testing.assert_array_equal(by_file.pixels, by_picture.pixels)
    pixels = by_file.pixels.reshape(4, 6, 3)
    assert (pixels[:, 0] == [200, 0, 0]).all() and (pixels[:, 5] == 255).all()
    assert by_file.used.name == str(tmp_path / "a.png") and by_picture.used.name is None
    assert by_file.used.sha256 == file_sha256(tmp_path / "a.png")


def test_transparent_pixels_are_wanted_where_there_are_some() -> None:
    pictures = PictureSettings(2, 2, "palette:000000,ffffff", alpha=True)
    half = Image.new("RGBA", (2, 2), "white")
    half.putpixel((1, 0), (255, 255, 255, 0))
    assert open_sketch(half, pictures).pixels[:, 3].tolist() == [255, 0, 255, 255]


def test_what_is_no_sketch_is_told(tmp_path: Path) -> None:
    pictures = PictureSettings(4, 6, "hsv:2,1,2")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    for name in ("bad.png", "gone.png"):
        with pytest.raises(ImageError, match=name):
            open_sketch(tmp_path / name, pictures)
    for source in (3, "", "https://example.com/a.png"):
        with pytest.raises(UsageError, match="init must name a file"):
            open_sketch(source, pictures)  # type: ignore[arg-type]


def test_a_strength_of_none_is_no_sketch(predictor: Predictor) -> None:
    plain = {"batch_size": 8, "seed": 3, "temperature": [0.7, 1.0]}
    without = predictor.draw(**plain)
    by_none = predictor.draw(**plain, init=paint(), init_strength=0)
    np.testing.assert_array_equal(by_none.tokens, without.tokens)
    assert by_none.recipe == without.recipe and "init" not in without.recipe.to_text()


def test_all_of_the_strength_is_the_nearest_tokens(predictor: Predictor) -> None:
    wanted = nearest_tokens(paint(), predictor.config.pictures)
    drawing = predictor.draw(4, init=paint(), init_strength=1, temperature=[0, 0.5, 1, 3], seed=1)
    for tokens in drawing.tokens:
        np.testing.assert_array_equal(tokens, [wanted] * 4)
    assert len({*drawing.log_likelihood.ravel().round(3)}) == 1, "as the model finds it"


def test_the_more_strength_the_nearer(predictor: Predictor) -> None:
    pixels, means = np.asarray(paint()), []
    for strength in (0, 0.25, None, 0.75, 1):
        drawing = predictor.draw(16, init=paint(), init_strength=strength, seed=2)
        results = [np.asarray(row[0]) for row in drawing.pictures()]
        means.append(np.mean([colour_error(result, pixels) for result in results]))
    assert (np.diff(means) <= 0).all() and means[0] > means[1] > means[2] > means[4], means


def test_kept_pixels_stay_and_the_rest_follows(predictor: Predictor, painted: Path) -> None:
    prompt = min((painted / "val").iterdir())
    wanted = nearest_tokens(paint(), predictor.config.pictures)
    plain = {"prompts": [prompt] * 2, "keep": "bottom:2", "init": paint(), "seed": 1}
    all_ = predictor.draw(**plain, init_strength=1)
    np.testing.assert_array_equal(all_.tokens[0][:, ~all_.kept], [wanted[~all_.kept]] * 2)
    half = predictor.draw(**plain, best_of=2)
    for drawing in (all_, half):
        kept = drawing.tokens[0][:, drawing.kept]
        np.testing.assert_array_equal(kept, drawing.originals[:, drawing.kept])
        assert (drawing.kept_log_likelihood < 0).all()


def test_words_and_a_sketch_go_together(tmp_path: Path) -> None:
    write_worded(tmp_path, "pixelcnn")
    worded = pixace.get_predictor("pixelcnn", weights_dir=tmp_path)
    said = {"text": "frog", "guidance": [0, 2], "seed": 1, "batch_size": 8}
    free, half, all_ = (
        worded.draw(**said, init=paint(), init_strength=strength) for strength in (0, 0.5, 1)
    )
    wanted = nearest_tokens(paint(), worded.config.pictures)
    n_near = [[(tokens == wanted).mean() for tokens in each.tokens] for each in (free, half, all_)]
    assert n_near[0] < n_near[1] < n_near[2] == [1, 1]
    assert (all_.log_likelihood[:, 0] != all_.log_likelihood[:, 1]).all(), "judged by the words"


def test_a_strength_needs_a_sketch(predictor: Predictor) -> None:
    for strength in (0, 0.5):
        with pytest.raises(UsageError, match="init_strength needs a sketch to follow, by --init"):
            predictor.draw(init_strength=strength)
    for strength in (-0.1, 1.1, float("nan"), "much", True):
        with pytest.raises(UsageError, match="init_strength must be"):
            DrawingSettings.of(init_strength=strength)
    pictures = predictor.config.pictures
    canvas = Canvas(open_sketch(paint(), pictures))
    drawing = predictor.draw_as(DrawingSettings.of(seed=1, init_strength=1), canvas=canvas)
    np.testing.assert_array_equal(drawing.tokens[0][0], nearest_tokens(paint(), pictures))


@pytest.fixture
def request_for(weights_dir: Path, sketch: Path, tmp_path: Path) -> DrawRequest:
    return DrawRequest(
        model_name="transformer",
        weights_dir=weights_dir,
        init=sketch,
        drawing={"seed": 2, "scale": 12, "init_strength": 0.6, "batch_size": 2},
        out=tmp_path / "a.png",
        film=tmp_path / "a.gif",
    )


def test_a_recipe_names_its_sketch_and_repeats_it(
    request_for: DrawRequest, weights_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = draw_to_files(request_for).drawing.recipe
    assert Recipe.from_text(recipe.to_text()) == recipe
    assert recipe.init is not None and recipe.init.name == str(tmp_path / "sketch.png")
    assert recipe.drawing.init_strength == 0.6
    plain = {"weights_dir": weights_dir, "out": tmp_path / "b.png"}
    again = DrawRequest(like=tmp_path / "a.gif", **plain)
    draw_to_files(again)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()

    free = dataclasses.replace(again, drawing={"init_strength": 0})
    assert planned(free).canvas.sketch is None
    with caplog.at_level(logging.WARNING):
        Image.new("RGB", (2, 2), "red").save(tmp_path / "sketch.png")
        planned(again)
    assert "sketch.png has changed since" in caplog.text
    for out in ("sketch.png", "a.gif"):
        with pytest.raises(UsageError, match=f"{out} would replace the"):
            planned(dataclasses.replace(again, out=tmp_path / out))
    (tmp_path / "sketch.png").unlink()
    with pytest.raises(UsageError, match=r"a\.gif was drawn with a sketch, .*; name it with --in"):
        planned(again)


def test_a_picture_without_a_name_must_be_named_again(
    request_for: DrawRequest, predictor: Predictor, tmp_path: Path
) -> None:
    drawing = predictor.draw(16, init=paint(), seed=2, scale=12)
    write_picture(drawing.collage(), tmp_path / "a.png")
    again = dataclasses.replace(request_for, like=tmp_path / "a.png", init=None, out="b.png")
    with pytest.raises(UsageError, match="with a sketch, a picture without a name, which is not"):
        planned(again)
    assert planned(dataclasses.replace(again, init=paint())).canvas.sketch is not None


def test_the_command(
    weights_dir: Path, sketch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}", "--json"]
    command += [f"--out={tmp_path}/a.png", "--scale=12", "--seed=1"]
    assert main([*command, f"--init={sketch}", "--init_strength=0.4", "--palette=pico-8"]) == 0
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert recipe["init"] == {"name": str(sketch), "sha256": file_sha256(sketch)}
    assert recipe["drawing"]["init_strength"] == 0.4
    for flags, code, message in (
        (["--init_strength=0.4"], 2, "init_strength needs a sketch to follow, by --init"),
        ([f"--init={sketch}", "--init_strength=2"], 2, "init_strength must be from 0 to 1"),
        (["--init="], 2, "init must name a file"),
        (["--init=gone.png"], 1, "gone.png: No such file or directory"),
    ):
        assert main([*command, *flags]) == code
        assert capsys.readouterr().err.startswith(f"pixace: {message}")
