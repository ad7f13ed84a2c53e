"""What users' words for a drawing mean."""

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.cli import main
from pixace.drawing.meanings import QUALITIES, check_quality, with_meanings
from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings

A_CAT = 1_528_225_641  # its SHA-512 modulo 2**31
ISLANDS = np.array([True, False, True])


def test_words_are_a_seed_and_a_palette():
    values = with_meanings({"seed": "a cat", "palette": "gameboy", "top_k": 3})
    assert values["seed"] == A_CAT
    assert values["palette"].count(",") == 3
    assert with_meanings({"top_k": 3}) == {"top_k": 3}
    assert with_meanings({"seed": None}) == {"seed": None}


@pytest.mark.parametrize(("quality", "n"), QUALITIES.items())
def test_a_quality_is_a_number_of_candidates(quality, n):
    assert with_meanings({"quality": quality}) == {"best_of": n}
    by_words = {"text": ["a cat"], "best_of": n, "best_of_by": "caption"}
    assert with_meanings({"text": ["a cat"], "quality": quality}) == by_words
    assert with_meanings({"quality": quality}, {"text": ["a cat"], "best_of": 3}) == by_words
    named = {"class_name": ["cat"], "best_of_by": "picture"}
    assert with_meanings({**named, "quality": quality}) == {**named, "best_of": n}


def test_what_is_named_wins_over_a_recipe():
    like = {"best_of": 3, "top_k": 1, "seed": 7}
    assert with_meanings({"best_of": 2}, like) == {"best_of": 2, "top_k": 1, "seed": 7}
    assert with_meanings({"seed": "a cat"}, like)["seed"] == A_CAT


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"best_of": 4, "quality": "normal"}, "quality and best_of exclude each other"),
        ({"quality": "supreme"}, "quality must be one of draft, normal, better, best, not 'supr"),
        ({"quality": 4}, "quality must be one of"),
    ],
)
def test_contradictions(named, message):
    with pytest.raises(UsageError, match=message):
        with_meanings(named)


def test_there_must_be_something_to_judge_by():
    plain, worded, best = DrawingSettings(), DrawingSettings(text=("a cat",)), {"quality": "best"}
    check_quality(best, worded, ISLANDS[:2])
    check_quality(best, plain, ISLANDS)
    check_quality({}, plain, ISLANDS[:2])
    with pytest.raises(UsageError, match="the likeliest of others is the dullest"):
        check_quality(best, plain, ISLANDS[:2])


def test_in_python_and_from_the_command_line(weights_dir, painted, tmp_path, capsys):
    predictor = pixace.get_predictor("transformer", weights_dir=weights_dir)
    prompt = str(next((painted / "val").iterdir()))
    drawing = predictor.draw(prompts=prompt, keep="bottom", quality="normal", seed="a cat")
    assert (drawing.recipe.drawing.best_of, drawing.seed) == (4, A_CAT)
    words = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}", "--seed=a cat"]
    out = tmp_path / "a.png"
    named = [f"--prompt={prompt}", "--keep=bottom", f"--out={out}"]
    assert main([*words, *named, "--quality=normal"]) == 0
    with Image.open(out) as picture:
        assert picture.tobytes() == drawing.collage().tobytes()
    capsys.readouterr()
    for wrong in (["--quality=best"], [*named, "--quality=best", "--best_of=2"]):
        assert main([*words, *wrong]) == 2
        assert "pixace: quality" in capsys.readouterr().err
    with pytest.raises(UsageError, match="quality=best needs"):
        predictor.draw(prompts=prompt, quality="best")
