"""Symmetry: what mirrors what, what is kept wins, and pictures come out symmetric."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.cli import main
from pixace.drawing.draw_request import DrawRequest
from pixace.drawing.plan import plan_of
from pixace.drawing.predictor import Predictor
from pixace.drawing.request import draw_to_files
from pixace.drawing.symmetry import DRAWN, also_mirrored, copied_places, with_mirrored
from pixace.errors import UsageError
from pixace.settings.pictures import PictureSettings
from pixace.tokens.order import order_of
from tests.tools.worded import write_worded

SYMMETRIES = ("left-right", "top-bottom", "both")
PICTURES = PictureSettings(3, 4, "hsv:2,1,2")  # an odd height


def is_symmetric(picture: np.ndarray, symmetry: str) -> bool:
    """Whether a picture (H, W) is as it is to be, by definition."""
    across = (picture == picture[:, ::-1]).all() or symmetry == "top-bottom"
    return bool(across and ((picture == picture[::-1]).all() or symmetry == "left-right"))


@pytest.mark.parametrize(
    ("symmetry", "expected"),
    [
        ("none", [-1] * 12),
        ("left-right", [-1, -1, 1, 0, -1, -1, 5, 4, -1, -1, 9, 8]),
        ("top-bottom", [-1] * 8 + [0, 1, 2, 3]),
        ("both", [-1, -1, 1, 0, -1, -1, 5, 4, 0, 1, 1, 0]),
    ],
)
def test_the_first_of_those_that_mirror_each_other_is_drawn(symmetry: str, expected: list[int]):
    nothing = np.zeros(12, bool)
    assert copied_places(nothing, symmetry, PICTURES).tolist() == expected
    known = also_mirrored(np.arange(12) == 11, symmetry, PICTURES)
    assert (copied_places(known, symmetry, PICTURES)[known] == DRAWN).all()
    assert known.sum() == {"none": 1, "both": 4}.get(symmetry, 2)


@pytest.mark.parametrize("scan", ["columns", "reversed"])
def test_what_mirrors_what_does_not_go_by_the_order(scan: str):
    pictures = PictureSettings(3, 4, "hsv:2,1,2", scan=scan)
    copied = copied_places(np.zeros(12, bool), "left-right", pictures)
    tokens = np.arange(12)
    tokens[copied != DRAWN] = copied[copied != DRAWN]
    picture = order_of(pictures).picture(tokens)
    assert is_symmetric(picture, "left-right") and len({*tokens}) == 6


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_a_pixel_that_mirrors_a_known_one_is_known_wherever_the_two_stand(symmetry: str):
    rng = np.random.default_rng(0)
    known = np.where(rng.random((2, 12)) < 0.2, 7, DRAWN)
    more = with_mirrored(known, symmetry, PICTURES)
    assert (more[known != DRAWN] == 7).all() and (more != known).any()
    assert all(is_symmetric(row.reshape(3, 4), symmetry) for row in more)
    np.testing.assert_array_equal(with_mirrored(more, symmetry, PICTURES), more)
    assert (more != DRAWN).tolist() == [
        also_mirrored(row != DRAWN, symmetry, PICTURES).tolist() for row in known
    ]
    np.testing.assert_array_equal(with_mirrored(known, "none", PICTURES), known)


def test_two_known_pixels_that_mirror_each_other_have_to_be_alike():
    known = np.full((2, 12), DRAWN)
    known[:, 5] = known[0, 6] = 3
    known[1, 6] = 4
    with pytest.raises(UsageError) as error:
        with_mirrored(known, "left-right", PICTURES, ["a.png", "b.png"])
    assert str(error.value).startswith(
        "symmetry=left-right: row 2, column 2 and row 2, column 3 of b.png are both kept, mirror "
        "each other, and differ; keep one of the two"
    )
    with_mirrored(known, "top-bottom", PICTURES)


# --- drawn -------------------------------------------------------------------------------------

EDGE = 6  # of the stored model's pictures


@pytest.fixture(scope="module")
def predictor(weights_dir: Path) -> Predictor:
    return pixace.get_predictor("transformer", weights_dir=weights_dir)


@pytest.fixture(scope="module")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that is not symmetric in any way."""
    path = tmp_path_factory.mktemp("prompts") / "p.png"
    pixels = np.random.default_rng(3).integers(0, 256, (EDGE, EDGE, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_every_picture_is_symmetric(predictor: Predictor, symmetry: str):
    drawing = predictor.draw(3, seed=1, temperature=[0.5, 2.0], symmetry=symmetry, best_of=2)
    for tokens in drawing.tokens:
        assert all(is_symmetric(row.reshape(EDGE, EDGE), symmetry) for row in tokens)
    n_drawn = 9 if symmetry == "both" else 18
    for tile in drawing.tiles():  # copies are not drawn, and no part of the likelihood
        bits = -tile["log_likelihood"] / np.log(2) / n_drawn
        assert tile["bits_per_pixel"] == pytest.approx(bits)


def test_what_is_kept_wins(predictor: Predictor, prompt: Path):
    drawing = predictor.draw(prompts=prompt, keep="right:2", symmetry="left-right", seed=1)
    picture = drawing.tokens[0].reshape(EDGE, EDGE)
    original = drawing.originals.reshape(EDGE, EDGE)
    assert is_symmetric(picture, "left-right")
    np.testing.assert_array_equal(picture[:, 4:], original[:, 4:])
    assert (drawing.kept.reshape(EDGE, EDGE) == (np.arange(EDGE) > 3)).all(), "of the prompt"
    (tile,) = drawing.tiles()
    assert tile["kept_log_likelihood"] < 0
    half = predictor.draw(prompts=prompt, keep="bottom", symmetry="top-bottom")
    whole = half.tokens[0].reshape(EDGE, EDGE)
    np.testing.assert_array_equal(whole[:3], original[3:][::-1])
    assert half.tiles()[0]["bits_per_pixel"] is None, "nothing was left to draw"


def test_mirrored_pixels_weigh_particles_as_kept_ones_do(predictor: Predictor, prompt: Path):
    plain = {"prompts": prompt, "cut": 2, "symmetry": "top-bottom", "seed": 4}
    several = predictor.draw(**plain, particles=4)
    picture = several.tokens[0].reshape(EDGE, EDGE)
    assert is_symmetric(picture, "top-bottom")
    assert (picture[0, :2] == several.originals[0, :2]).all()
    assert several.kept_log_likelihood[0, 0] < 0
    with pytest.raises(UsageError, match="particles are weighed by kept pixels"):
        predictor.draw(**{**plain, "symmetry": "none"}, particles=4)


def test_words_and_symmetry_go_together(tmp_path: Path):
    write_worded(tmp_path, "transformer")
    worded = pixace.get_predictor("transformer", weights_dir=tmp_path)
    drawing = worded.draw(text="frog", guidance=[0, 2], seed=1, symmetry="both")
    pictures = [tokens[0].reshape(EDGE, EDGE) for tokens in drawing.tokens]
    assert all(is_symmetric(picture, "both") for picture in pictures)
    assert (pictures[0] != pictures[1]).any()


def test_a_recipe_repeats_it_and_another_one_may_be_named(weights_dir: Path, tmp_path: Path):
    plain = {"weights_dir": weights_dir, "film": tmp_path / "f.gif"}
    settings = {"seed": 2, "scale": "2x", "symmetry": "both", "palette": "pico-8"}
    draw_to_files(
        DrawRequest(model_name="transformer", drawing=settings, out=tmp_path / "a.png", **plain)
    )
    like = {"like": tmp_path / "a.png", "weights_dir": weights_dir}
    draw_to_files(DrawRequest(out=tmp_path / "b.png", **like))
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()
    with_none = plan_of(DrawRequest(**like, drawing={"symmetry": "none"})).drawing
    assert "symmetry" not in with_none.to_dict()


def test_the_command(
    weights_dir: Path, prompt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}", "--json"]
    command += [f"--out={tmp_path}/a.png", "--scale=12", "--seed=1"]
    assert main([*command, "--symmetry=left-right"]) == 0
    assert json.loads(capsys.readouterr().out)["recipe"]["drawing"]["symmetry"] == "left-right"
    assert main([*command, f"--prompt={prompt}", "--symmetry=left-right"]) == 2
    error = capsys.readouterr().err
    assert f"row 1, column 1 and row 1, column 6 of {prompt} are both kept" in error
    assert error.count("\n") == 1
    assert main([*command, "--symmetry=diagonal"]) == 2
