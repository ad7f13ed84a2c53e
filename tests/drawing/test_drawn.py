"""Drawings in a palette: freely drawn, then each pixel the nearest of its colours, everywhere."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.drawing.recipe import read_recipe
from pixace.errors import UsageError
from pixace.pictures.colour_error import nearest
from pixace.pictures.known_palettes import KNOWN_PALETTES
from pixace.pictures.palettes import write_palette
from pixace.tokens.codec import codec_of

PICO_8 = np.array([[*bytes.fromhex(colour)] for colour in KNOWN_PALETTES["pico-8"]], np.uint8)
pytestmark = pytest.mark.usefixtures("here")


def pixels(path):
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def mapped(drawing, row, column):
    """What a result is to be, by its tokens and the distances themselves."""
    pictures = drawing.recipe.config.pictures
    drawn = codec_of(pictures).colours()[drawing.tokens[column][row]]
    return PICO_8[nearest(drawn, PICO_8)].reshape(*pictures.shape, 3)


def test_every_file_has_the_nearest_colours_of_the_palette(draw):
    settings = {"batch_size": 4, "seed": 1, "scale": "2x", "palette": "pico-8"}
    done = draw(drawing=settings, out="a/", sheet="a.png", film="a.gif")
    free = draw(drawing={**settings, "palette": None}, out="free.png")
    np.testing.assert_array_equal(done.drawing.tokens, free.drawing.tokens)
    np.testing.assert_array_equal(
        done.drawing.log_likelihood, free.drawing.log_likelihood, "freely drawn"
    )
    whole, sheet = np.asarray(done.drawing.collage()), pixels("a.png")
    with Image.open("a.gif") as film:
        film.seek(film.n_frames - 1)
        last = np.asarray(film.convert("RGB"))
    for row, path in enumerate(done.pictures):
        wanted = mapped(done.drawing, row, 0).repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(pixels(path), wanted)
        np.testing.assert_array_equal(whole[12 * row :][:12], wanted)
        np.testing.assert_array_equal(last[12 * row :][:12], wanted)
        top, left = 12 * (row // 2), 12 * (row % 2)
        np.testing.assert_array_equal(sheet[top : top + 12, left : left + 12], wanted)
    assert (whole != pixels("free.png")).any()
    assert "palette" not in read_recipe("free.png").drawing.to_dict()


def test_of_completions_all_pixels_of_results_are_mapped_and_prompts_are_not(draw, painted):
    prompt = sorted((painted / "val").iterdir())[0]
    settings = {"seed": 1, "scale": "1x", "cut": 14, "temperature": [0.5, 1]}
    draw(prompts=prompt, drawing=settings, out="free.png", nearest=painted / "train")
    done = draw(
        prompts=prompt,
        drawing={**settings, "palette": "pico-8"},
        out="a.png",
        nearest=painted / "train",
    )
    free, ours = (np.split(pixels(path), 6, axis=1) for path in ("free.png", "a.png"))
    for column in (0, 1, 4, 5):
        np.testing.assert_array_equal(ours[column], free[column])
    for column in (0, 1):
        np.testing.assert_array_equal(ours[2 + column], mapped(done.drawing, 0, column))


def test_like_repeats_it_without_the_file(draw):
    write_palette(["ff004d", "29adff", "000000"], Path("mine.gpl"))
    settings = {"batch_size": 2, "seed": 3, "palette": Path("mine.gpl")}
    told = draw(drawing=settings, out="a/", sheet="a.png").to_dict()
    Path("mine.gpl").unlink()
    assert json.loads(json.dumps(told))["recipe"]["drawing"]["palette"] == "ff004d,29adff,000000"
    draw(like="a/002-1.png", out="b/")
    assert Path("b/002-1.png").read_bytes() == Path("a/002-1.png").read_bytes()
    assert read_recipe("a.png").drawing.palette == "ff004d,29adff,000000"
    draw(like="a.png", drawing={"palette": "gameboy"}, out="c/")
    assert {tuple(pixel) for pixel in pixels("c/001-1.png").reshape(-1, 3).tolist()} <= {
        tuple(bytes.fromhex(colour)) for colour in KNOWN_PALETTES["gameboy"]
    }


def test_the_library_takes_a_file_a_name_or_the_colours(weights_dir):
    write_palette(KNOWN_PALETTES["gameboy"], Path("mine.hex"))
    predictor = pixace.get_predictor("transformer", weights_dir=weights_dir)
    named = ("gameboy", "mine.hex", Path("mine.hex"), ",".join(KNOWN_PALETTES["gameboy"]))
    first, *others = (predictor.predict(2, seed=1, scale="1x", palette=name) for name in named)
    assert len(first.getcolors()) <= 4
    for other in others:
        assert (other.tobytes(), other.info) == (first.tobytes(), first.info)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nes", "^palette=nes is neither a palette's file nor one of pico-8, gameboy"),
        ("auto:16", "^palette=auto:16 is neither"),
        ("gone.gpl", "^gone.gpl: No such file"),
        ("a.txt", "^the palette must be a file that ends in .gpl"),
        (7, "^palette must be such as 000000,ff004d, not 7"),
    ],
)
def test_what_is_no_palette_is_told_before_anything_is_drawn(draw, name, message):
    with pytest.raises(UsageError, match=message):
        draw(drawing={"palette": name}, out="a.png")
    assert list(Path().iterdir()) == []
