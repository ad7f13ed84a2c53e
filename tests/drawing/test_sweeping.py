"""Sweeps: each picture as if drawn alone, with the same noise."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.cli import main
from pixace.drawing.canvas import EMPTY
from pixace.drawing.draw_request import DrawRequest
from pixace.drawing.outputs import Outputs
from pixace.drawing.particles import FREE
from pixace.drawing.plan import plan_of
from pixace.drawing.recipe import read_recipe
from pixace.drawing.stream import DrawingStep
from pixace.drawing.sweeping import frame_steps
from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def prompts(painted) -> list[str]:
    for number, path in enumerate(sorted((painted / "val").iterdir())[:2]):
        shutil.copy(path, f"{number}.png")
    return ["0.png", "1.png"]


@pytest.fixture
def predictor(weights_dir):
    return pixace.get_predictor("transformer", weights_dir=weights_dir)


def test_each_temperature_has_the_noise_of_the_first(predictor):
    steps = []
    swept = predictor.draw(
        2,
        sweep="temperature:0.5:1.5:3",
        seed=3,
        best_of=2,
        progress=lambda *each: steps.append(each),
    )
    assert swept.temperatures == [0.5, 1.0, 1.5]
    for column, temperature in enumerate(swept.temperatures):
        alone = predictor.draw(2, temperature=temperature, seed=3, best_of=2)
        np.testing.assert_array_equal(swept.tokens[column], alone.tokens[0])
        np.testing.assert_array_equal(swept.log_likelihood[:, column], alone.log_likelihood[:, 0])
    assert steps == sorted(steps)
    assert {total for _, total in steps} == {steps[-1][0]}


def test_it_is_done_with_the_last_step_alone():
    """However many steps the batches of one picture take."""
    places, nothing = np.zeros((1, 3), int), np.zeros(1)
    blank = DrawingStep(places, np.zeros((1, 4), int), nothing, nothing, np.zeros((1, 4)), 0, 40)

    def steps_of(*_):
        return (dataclasses.replace(blank, n_done=done) for done in range(41))

    settings = DrawingSettings(sweep="temperature:0.5:1.5:3", seed=0)
    free = np.full((1, 4), FREE)
    steps = [*frame_steps(steps_of, settings, free, (), EMPTY, None)]
    assert [step.n_done for step in steps].count(steps[-1].n_total) == 1
    assert steps[-1].n_done == steps[-1].n_total


def test_each_cut_is_the_completion_with_it(predictor, prompts):
    swept = predictor.draw(prompts=prompts, sweep="cut:6:36:3", seed=3)
    assert swept.kept.sum() == 6, "what all of them keep"
    tiles = swept.tiles()
    for column, cut in enumerate((6, 21, 36)):
        alone = predictor.draw(prompts=prompts, cut=cut, seed=3)
        np.testing.assert_array_equal(swept.tokens[column], alone.tokens[0])
        for row, expected in enumerate(alone.tiles()):
            tile = tiles[3 * row + column]
            assert (tile["row"], tile["column"]) == (row, 2 + column)
            assert tile["cut"] == cut
            assert tile["bits_per_pixel"] == expected["bits_per_pixel"]
    np.testing.assert_array_equal(swept.tokens[2], swept.originals)


def test_what_an_overlay_keeps_is_kept_whatever_is_cut(predictor, prompts):
    overlay = Image.new("RGBA", (6, 6))
    overlay.paste((255, 0, 0, 255), (0, 4, 6, 5))
    swept = predictor.draw(prompts=prompts, overlay=overlay, sweep="cut:0:12:2", seed=3)
    for column, cut in enumerate((0, 12)):
        alone = predictor.draw(prompts=prompts, overlay=overlay, cut=cut, seed=3)
        np.testing.assert_array_equal(swept.tokens[column], alone.tokens[0])


def test_each_strength_is_the_drawing_with_it(predictor):
    sketch = Image.new("RGB", (6, 6), "red")
    swept = predictor.draw(init=sketch, sweep="init_strength:0:1:3", seed=3)
    assert [tile["init_strength"] for tile in swept.tiles()] == [0, 0.5, 1]
    for column, strength in enumerate((0, 0.5, 1)):
        alone = predictor.draw(init=sketch, init_strength=strength, seed=3)
        np.testing.assert_array_equal(swept.tokens[column], alone.tokens[0])
    assert len({*swept.tokens[2][0].tolist()}) == 1, "the sketch"


def test_files_and_their_recipes(draw, prompts, weights_dir):
    """A film shows what a row does; every file can be drawn again, a single one alone."""
    settings = {"sweep": "cut:0:36:4", "seed": 3, "scale": 24}
    drawing = draw(prompts=prompts, drawing=settings, out="a.gif").drawing
    assert drawing.collage().size == (6 * 24, 2 * 24)
    Outputs.named("a/", None, None).write(drawing, ())
    draw(like="a.gif", out="b.gif")
    draw(like="a/002-3.png", out="b/")
    for name in ("a.gif", "a/002-3.png"):
        assert read_recipe(name).drawing.sweep == "cut:0:36:4"
        assert Path(name.replace("a", "b", 1)).read_bytes() == Path(name).read_bytes()
    with Image.open("a.gif") as film:
        assert (film.n_frames, film.size) == (4, (2 * 24, 24))
        middles = (np.arange(6) + 1) * 3 + 1
        for number, results in enumerate(zip(*drawing.results(), strict=True)):
            film.seek(number)
            frame = np.asarray(film.convert("RGB"))
            for left, result in zip((0, 24), results, strict=True):
                tile = frame[:, left : left + 24][np.ix_(middles, middles)]
                np.testing.assert_array_equal(tile, result)

    def planned(**named):
        return plan_of(DrawRequest(like="a.gif", weights_dir=weights_dir, drawing=named)).drawing

    for named in ({"cut": 30}, {"keep": "top"}, {"sweep": None}):
        request = DrawRequest(like="a/002-3.png", weights_dir=weights_dir, drawing=named)
        assert plan_of(request).tile is None, "there is no third column any more"
    assert planned().sweep == "cut:0:36:4"
    assert (planned(cut=30).sweep, planned(keep="top").sweep) == (None, None)
    warm = planned(sweep="temperature:1:2:2")
    assert (warm.sweep, warm.seed, warm.cut) == ("temperature:1:2:2", 3, None)
    assert planned(temperature=[0.5]).sweep == "cut:0:36:4"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"drawing": {"sweep": "cut"}}, "cut needs a prompt"),
        ({"drawing": {"sweep": "init_strength"}}, "init_strength needs a sketch"),
        (
            {"drawing": {"sweep": "temperature"}, "film": "a.gif"},
            "film and sweep exclude each other",
        ),
        (
            {"drawing": {"sweep": "temperature", "scale": 4096, "batch_size": 99}, "out": "a.gif"},
            "lar",
        ),
    ],
)
def test_what_cannot_be_swept(draw, request_, message):
    with pytest.raises(UsageError, match=message):
        draw(**request_)


def test_a_cut_beyond_the_picture_is_refused(draw, prompts):
    with pytest.raises(UsageError, match="cut must be from 0 to 36"):
        draw(prompts=prompts, drawing={"sweep": "cut:0:99:4"})


def test_the_command(weights_dir, capsys):
    words = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}", "--seed=hello"]
    assert main([*words, "--sweep=temperature", "--out=a.gif", "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert [tile["temperature"] for tile in told["tiles"]] == [0.5 + n / 8 for n in range(9)]
    assert err == f"seed 'hello' is {told['recipe']['drawing']['seed']}\n"
    assert main([*words, "--sweep=size"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "sweep must be cut, temperature, guidance" in line
