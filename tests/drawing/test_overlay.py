"""Drawings that keep what is painted over them."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.cli import main
from pixace.drawing.draw_request import DrawRequest, with_local_paths
from pixace.drawing.overlay import open_overlay
from pixace.drawing.plan import plan_of
from pixace.drawing.predictor import Predictor
from pixace.drawing.request import draw_to_files
from pixace.errors import ImageError, UsageError
from pixace.settings.pictures import PictureSettings
from pixace.tokens.reading import tokens_of, tokens_of_each

EDGE = 6  # of the stored model's pictures


def over(size: tuple[int, int], box: tuple[int, int, int, int], alpha: int = 255) -> Image.Image:
    """Returns a picture of many colours that is opaque in a box, or nearly, and clear elsewhere."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), np.uint8)
    noise[..., 3] = 0
    left, top, right, bottom = box
    noise[top:bottom, left:right, 3] = alpha
    return Image.fromarray(noise)


@pytest.fixture(scope="module")
def predictor(weights_dir: Path) -> Predictor:
    return pixace.get_predictor("transformer", weights_dir=weights_dir)


@pytest.fixture(scope="module")
def middle() -> Image.Image:
    return over((EDGE, EDGE), (2, 2, 5, 4))


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("codec", ["hsv:2,1,2", "grey:2", "palette:0000ff,ff0000,00ff00"])
def test_opaque_pixels_have_their_own_tokens(codec: str, alpha: bool) -> None:
    pictures = PictureSettings(4, 6, codec, background="white", alpha=alpha)
    picture = over((6, 4), (1, 2, 4, 3))
    overlay = open_overlay(picture, pictures)
    assert np.flatnonzero(overlay.kept).tolist() == [13, 14, 15]
    opaque = picture.copy()
    opaque.putalpha(255)
    (tokens,) = tokens_of_each([opaque if alpha else opaque.convert("RGB")], pictures)
    np.testing.assert_array_equal(overlay.tokens[overlay.kept], tokens[overlay.kept])
    below = np.arange(24)
    laid_over = overlay.over(below)
    np.testing.assert_array_equal(laid_over, np.where(overlay.kept, tokens, below))


@pytest.mark.parametrize(("level", "is_kept"), [(0, False), (127, False), (128, True), (254, True)])
def test_a_pixel_is_what_it_is_nearer_to(level: int, is_kept: bool) -> None:
    pictures = PictureSettings(4, 6, "rgb:2,2,2", background="white")
    overlay = open_overlay(over((6, 4), (1, 2, 4, 3), level), pictures)
    assert overlay.kept.sum() == 3 * is_kept
    whole = open_overlay(over((6, 4), (1, 2, 4, 3)), pictures)
    if is_kept:  # in its own colour: nothing shines through
        np.testing.assert_array_equal(overlay.over(whole.tokens), whole.tokens)


def test_any_size_and_kind_of_file(tmp_path: Path) -> None:
    pictures = PictureSettings(4, 6, "hsv:2,1,2")
    small = Image.new("RGBA", (6, 4))
    small.paste((200, 0, 0, 255), (1, 1, 4, 3))
    small.resize((60, 40), Image.Resampling.NEAREST).save(tmp_path / "a.gif")
    wanted, found = open_overlay(small, pictures), open_overlay(tmp_path / "a.gif", pictures)
    np.testing.assert_array_equal(found.kept, wanted.kept)
    np.testing.assert_array_equal(found.tokens[found.kept], wanted.tokens[found.kept])
    assert found.used.name == str(tmp_path / "a.gif") and wanted.used.name is None


def test_what_is_no_overlay_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pictures = PictureSettings(4, 6, "hsv:2,1,2")
    with pytest.raises(ImageError, match=r"gone\.png"):
        open_overlay(tmp_path / "gone.png", pictures)
    with pytest.raises(UsageError, match="overlay must name a file"):
        open_overlay("", pictures)
    with caplog.at_level(logging.WARNING):
        open_overlay(Image.new("RGB", (6, 4)), pictures)
        assert "all of it is opaque: it leaves nothing to draw" in caplog.text
        open_overlay(Image.new("RGBA", (6, 4)), pictures)
        assert "all of it is transparent" in caplog.text
    with pytest.raises(UsageError, match="overlay must name a file or folder, not array"):
        with_local_paths(DrawRequest(overlay=np.zeros((2, 2))))  # type: ignore[arg-type]


def test_it_needs_no_prompt(predictor: Predictor, middle: Image.Image) -> None:
    drawing = predictor.draw(3, overlay=middle, temperature=[0.5, 1.0], seed=1)
    overlay = open_overlay(middle, predictor.config.pictures)
    np.testing.assert_array_equal(drawing.kept, overlay.kept)
    for tokens in drawing.tokens:
        np.testing.assert_array_equal(tokens[:, overlay.kept], [overlay.tokens[overlay.kept]] * 3)
    pictures = [tokens[~overlay.kept].tolist() for column in drawing.tokens for tokens in column]
    assert len(set(map(tuple, pictures))) == 6, "each tile has its own noise"
    assert (drawing.kept_log_likelihood < 0).all()
    assert drawing.originals is None and len(drawing.columns) == 2
    n_drawn = EDGE**2 - 6
    for tile in drawing.tiles():
        nats = tile["bits_per_pixel"] * n_drawn * np.log(2)
        assert nats == pytest.approx(-tile["log_likelihood"])


def test_it_lies_over_prompts_whatever_is_kept_of_them(
    predictor: Predictor, painted: Path, middle: Image.Image
) -> None:
    prompts = sorted((painted / "val").iterdir())[:2]
    overlay = open_overlay(middle, predictor.config.pictures)
    originals = np.stack([tokens_of(path, predictor.config.pictures) for path in prompts])
    for named, n_kept in (({"cut": EDGE}, 12), ({"keep": "bottom:1"}, 12), ({"cut": 0}, 6)):
        drawing = predictor.draw(prompts=prompts, overlay=middle, seed=1, particles=2, **named)
        assert drawing.kept.sum() == n_kept
        np.testing.assert_array_equal(drawing.originals, overlay.over(originals))
        kept = drawing.kept
        np.testing.assert_array_equal(drawing.tokens[0][:, kept], drawing.originals[:, kept])


def test_first_pixels_are_a_cut_and_all_are_the_overlay(predictor: Predictor) -> None:
    top = over((EDGE, EDGE), (0, 0, EDGE, 2))
    opaque = top.convert("RGB")
    by_overlay = predictor.draw(overlay=top, seed=3)
    by_cut = predictor.draw(prompts=opaque, cut=2 * EDGE, seed=3)
    np.testing.assert_array_equal(by_overlay.tokens, by_cut.tokens)
    np.testing.assert_array_equal(by_overlay.log_likelihood, by_cut.log_likelihood)
    whole = predictor.draw(2, overlay=opaque)
    np.testing.assert_array_equal(whole.tokens[0], np.repeat(by_cut.originals, 2, axis=0))


def test_nothing_opaque_is_no_overlay(predictor: Predictor) -> None:
    clear = predictor.draw(2, overlay=Image.new("RGBA", (3, 3)), seed=3)
    np.testing.assert_array_equal(clear.tokens, predictor.draw(2, seed=3).tokens)


def test_what_contradicts_itself_is_told(predictor: Predictor, middle: Image.Image) -> None:
    for name, value in {"cut": 3, "keep": "top", "mask": Image.new("L", (6, 6))}.items():
        with pytest.raises(UsageError, match=f"{name} needs a prompt to keep pixels of"):
            predictor.draw(overlay=middle, **{name: value})
    with pytest.raises(UsageError, match="particles are weighed by kept pixels that come after"):
        predictor.draw(overlay=over((EDGE, EDGE), (0, 0, EDGE, 2)), particles=4)


def test_symmetry_is_of_what_lies_on_top(weights_dir: Path, tmp_path: Path) -> None:
    """What is below contradicts nothing; what does is told before the model is read."""
    below, noise, plain = (tmp_path / name for name in ("below.png", "noise.png", "plain.png"))
    over((EDGE, EDGE), (0, 0, EDGE, EDGE)).convert("RGB").save(below)
    over((EDGE, EDGE), (1, 2, 5, 4)).save(noise)
    clear = Image.new("RGBA", (EDGE, EDGE))
    clear.paste("red", (1, 2, 5, 4))
    clear.save(plain)

    def planned(overlay: Path, **more) -> None:
        drawing = {"symmetry": "left-right", **({"cut": 0} if more else {})}
        common = {"model_name": "transformer", "weights_dir": weights_dir, "drawing": drawing}
        plan_of(DrawRequest(overlay=overlay, **common, **more))

    planned(plain, prompts=[below])
    planned(plain)
    with pytest.raises(UsageError, match=r"row 3, column 2 and row 3, column 5 of .*below\.png"):
        planned(noise, prompts=[below])
    with pytest.raises(UsageError, match=r"row 3, column 2 and row 3, column 5 of .*noise\.png"):
        planned(noise)


def test_the_command_and_its_recipe(
    weights_dir: Path, tmp_path: Path, middle: Image.Image, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "over.png"
    middle.save(path)
    command = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}", "--json"]
    command += [f"--out={tmp_path}/a.png", f"--film={tmp_path}/a.gif", "--scale=8", "--seed=1"]
    assert main([*command, f"--overlay={path}", "--n_images=2"]) == 0
    drawn = json.loads(capsys.readouterr().out)
    assert drawn["recipe"]["overlay"]["name"] == str(path) and len(drawn["tiles"]) == 2
    assert drawn["tiles"][0]["kept_log_likelihood"] < 0
    with Image.open(tmp_path / "a.gif") as film:
        first = np.asarray(film.convert("RGB"))[1 + 2 : 1 + 4, 1 + 2 : 1 + 5]
    with Image.open(tmp_path / "a.png") as collage:
        last = np.asarray(collage)[1 + 2 : 1 + 4, 1 + 2 : 1 + 5]
    np.testing.assert_array_equal(first, last, "it is there from the start")

    again = DrawRequest(like=tmp_path / "a.png", weights_dir=weights_dir, out=tmp_path / "b.png")
    seen: list[np.ndarray] = []
    draw_to_files(again, watch=lambda view: seen.append(np.asarray(view.pictures(1)[0])))
    np.testing.assert_array_equal(seen[0][2:4, 2:5], seen[-1][2:4, 2:5], "also in the terminal")
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()
    with pytest.raises(UsageError, match="would replace the overlay"):
        plan_of(with_local_paths(dataclasses.replace(again, out=path)))
    path.unlink()
    with pytest.raises(UsageError, match="was drawn with an overlay, .*; name it with --overlay"):
        plan_of(with_local_paths(again))
