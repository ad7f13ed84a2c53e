"""Which pixels of a prompt are kept: by a cut, by a side, by a mask."""

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
from pixace.drawing.draw_request import DrawRequest
from pixace.drawing.predictor import Predictor
from pixace.drawing.recipe import Recipe
from pixace.drawing.region import has_islands, kept_of_prompts, open_mask
from pixace.drawing.request import draw_to_files
from pixace.errors import ImageError, UsageError
from pixace.pictures.fitting import fitted_mask
from pixace.settings.drawing import DrawingSettings
from pixace.settings.pictures import PictureSettings
from pixace.system.files import file_sha256
from tests.tools.worded import write_worded

PICTURES = PictureSettings(4, 6, "hsv:2,1,2")


def kept(mask: object = None, n_prompts: int = 1, **settings: object) -> np.ndarray:
    where = None if mask is None else open_mask(mask, PICTURES)
    flat = kept_of_prompts(DrawingSettings.of(**settings), PICTURES, n_prompts, where)
    return flat.reshape(4, 6)


def white_where(is_drawn: np.ndarray) -> Image.Image:
    return Image.fromarray(np.uint8(is_drawn) * 255)


@pytest.fixture
def hole() -> np.ndarray:
    is_drawn = np.zeros((4, 6), bool)
    is_drawn[1:3, 2:5] = True
    return is_drawn


def test_half_is_kept_unless_something_is_said() -> None:
    assert np.flatnonzero(kept()).tolist() == [*range(12)]
    assert np.flatnonzero(kept(cut=7)).tolist() == [*range(7)]
    assert not kept(n_prompts=0).any()


@pytest.mark.parametrize(
    ("keep", "rows", "columns"),
    [
        ("top", slice(0, 2), slice(None)),
        ("bottom", slice(2, 4), slice(None)),
        ("left", slice(None), slice(0, 3)),
        ("right", slice(None), slice(3, 6)),
        ("top:1", slice(0, 1), slice(None)),
        ("bottom:3", slice(1, 4), slice(None)),
        ("left:6", slice(None), slice(None)),
        ("right:1", slice(None), slice(5, 6)),
        ("bottom:0", slice(0, 0), slice(None)),
    ],
)
def test_a_side_is_kept(keep: str, rows: slice, columns: slice) -> None:
    wanted = np.zeros((4, 6), bool)
    wanted[rows, columns] = True
    np.testing.assert_array_equal(kept(keep=keep), wanted)


def test_white_is_drawn_and_black_is_kept(hole: np.ndarray) -> None:
    np.testing.assert_array_equal(kept(white_where(hole)), ~hole)


def test_a_mask_of_any_size_is_scaled_to_the_nearest(hole: np.ndarray) -> None:
    for times in (2, 3, 50):
        large = white_where(hole).resize((6 * times, 4 * times), Image.Resampling.NEAREST)
        np.testing.assert_array_equal(kept(large), ~hole)
    assert kept(Image.new("L", (1, 1))).all() and not kept(Image.new("L", (1, 1), 255)).any()


def test_transparent_is_drawn_whatever_its_colour(hole: np.ndarray) -> None:
    black = Image.new("RGBA", (6, 4), "black")
    black.putalpha(white_where(~hole))
    np.testing.assert_array_equal(kept(black), ~hole)


@pytest.mark.parametrize(("grey", "is_drawn"), [(0, False), (127, False), (128, True), (255, True)])
def test_a_grey_is_what_it_is_nearer_to(grey: int, is_drawn: bool) -> None:
    for mode in ("L", "RGB", "P"):
        assert (kept(Image.new("L", (6, 4), grey).convert(mode)) != is_drawn).all()


def test_bits_and_palettes_are_masks_too(hole: np.ndarray) -> None:
    for mode in ("1", "P", "I", "LA"):
        np.testing.assert_array_equal(kept(white_where(hole).convert(mode)), ~hole)


def test_a_mask_covers_what_its_picture_does_however_that_is_fitted(hole: np.ndarray) -> None:
    wide = np.pad(hole, ((0, 0), (3, 3)))  # of which the middle is seen
    crop = PictureSettings(4, 6, "hsv:2,1,2", fit="crop")
    np.testing.assert_array_equal(np.asarray(fitted_mask(white_where(wide), crop)) > 0, hole)
    pad = PictureSettings(8, 6, "hsv:2,1,2", fit="pad")
    padded = np.asarray(fitted_mask(white_where(hole), pad)) > 0
    np.testing.assert_array_equal(padded, np.pad(hole, ((2, 2), (0, 0))))


def test_a_file_is_known_by_its_name_and_its_sum(tmp_path: Path, hole: np.ndarray) -> None:
    path = tmp_path / "m.png"
    white_where(hole).save(path)
    mask = open_mask(path, PICTURES)
    assert (mask.used.name, mask.used.sha256) == (str(path), file_sha256(path))
    pictures = [open_mask(white_where(area), PICTURES).used for area in (hole, hole, ~hole)]
    assert pictures[0] == pictures[1] != pictures[2] and pictures[0].name is None


def test_what_is_no_mask_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    for name in ("bad.png", "gone.png"):
        with pytest.raises(ImageError, match=name):
            open_mask(tmp_path / name, PICTURES)
    for source in (3, "", b"m.png"):
        with pytest.raises(UsageError, match="mask must name a file"):
            open_mask(source, PICTURES)  # type: ignore[arg-type]


@pytest.mark.parametrize("keep", ["", "up", "top:", "top:-1", "top:1:2", "Top", "top:x", 3, True])
def test_what_is_no_side_is_told(keep: object) -> None:
    with pytest.raises(UsageError, match="keep must be top, bottom, left, right, or such as"):
        DrawingSettings.of(keep=keep)


def test_more_rows_than_there_are() -> None:
    with pytest.raises(UsageError, match="keep=left:7: a picture has 6 columns here"):
        kept(keep="left:7")


def test_what_contradicts_itself_is_told(hole: np.ndarray) -> None:
    mask = white_where(hole)
    for named in (
        {"cut": 3, "keep": "top"},
        {"cut": 3, "mask": mask},
        {"keep": "top", "mask": mask},
    ):
        with pytest.raises(UsageError, match="exclude each other; name one of them"):
            kept(**named)  # type: ignore[arg-type]
    for name, value in {"cut": 3, "keep": "top", "mask": mask}.items():
        with pytest.raises(UsageError, match=f"{name} needs a prompt to keep pixels of"):
            kept(n_prompts=0, **{name: value})  # type: ignore[arg-type]


def test_particles_need_something_that_weighs_them(hole: np.ndarray) -> None:
    assert kept(keep="bottom", particles=4).any() and kept(white_where(hole), particles=4).any()
    assert kept(keep="top", particles=1).any() and kept(particles=1).any()
    for named in ({}, {"cut": 3}, {"keep": "top"}, {"mask": Image.new("L", (6, 4), 255)}):
        with pytest.raises(UsageError, match="particles are weighed by kept pixels that come"):
            kept(particles=2, **named)  # type: ignore[arg-type]


def test_islands_are_kept_pixels_behind_drawn_ones() -> None:
    for bits, expected in (("1100", False), ("1101", True), ("0000", False), ("1111", False)):
        assert has_islands(np.array([bit == "1" for bit in bits])) == expected


# --- drawn -------------------------------------------------------------------------------------

EDGE = 6  # of the stored model's pictures


@pytest.fixture(scope="module")
def predictor(weights_dir: Path) -> Predictor:
    return pixace.get_predictor("transformer", weights_dir=weights_dir)


@pytest.fixture(scope="module")
def prompt(painted: Path) -> Path:
    return min((painted / "val").iterdir())


@pytest.fixture(scope="module")
def middle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mask with a hole in the middle."""
    is_drawn = np.zeros((EDGE, EDGE), bool)
    is_drawn[2:4, 1:5] = True
    path = tmp_path_factory.mktemp("masks") / "middle.png"
    white_where(is_drawn).save(path)
    return path


def test_all_after_a_pixel_with_one_particle_is_a_cut(predictor: Predictor, prompt: Path) -> None:
    for n_kept in (0, 8, 35):
        after = white_where(np.arange(EDGE * EDGE).reshape(EDGE, EDGE) >= n_kept)
        plain = {"prompts": prompt, "seed": 3, "temperature": [0.7, 1.0]}
        by_mask = predictor.draw(**plain, mask=after, particles=1)
        by_cut = predictor.draw(**plain, cut=n_kept)
        assert by_mask.collage().tobytes() == by_cut.collage().tobytes()
        np.testing.assert_array_equal(by_mask.log_likelihood, by_cut.log_likelihood)
        assert not by_mask.kept_log_likelihood.any()


def test_a_mask_that_keeps_all_gives_the_prompts_own_tokens(
    predictor: Predictor, prompt: Path
) -> None:
    drawing = predictor.draw(prompts=prompt, mask=Image.new("L", (3, 3)), temperature=[0, 1])
    for tokens in drawing.tokens:
        np.testing.assert_array_equal(tokens, drawing.originals)


def test_known_pixels_stay_token_for_token(
    predictor: Predictor, prompt: Path, middle: Path
) -> None:
    drawing = predictor.draw(prompts=[prompt] * 2, mask=middle, temperature=[0.5, 2.0], seed=1)
    assert drawing.kept.sum() == EDGE * EDGE - 8
    for tokens in drawing.tokens:
        np.testing.assert_array_equal(tokens[:, drawing.kept], drawing.originals[:, drawing.kept])
    pictures = [tokens[~drawing.kept].tolist() for column in drawing.tokens for tokens in column]
    assert len(set(map(tuple, pictures))) == 4, "each tile has its own noise"
    assert (drawing.kept_log_likelihood < 0).all() and (drawing.log_likelihood < 0).all()
    of_pixels = drawing.log_probs.sum(axis=2)
    sums = drawing.log_likelihood + drawing.kept_log_likelihood
    np.testing.assert_allclose(of_pixels, sums, rtol=1e-5)
    shown = np.asarray(drawing.tile_pictures()[0][1])
    assert (shown[2:4, 1:5] == 0).all(), "what is drawn is black in the column of what is kept"


def test_sixteen_particles_unless_named(predictor: Predictor, prompt: Path, middle: Path) -> None:
    plain = {"prompts": prompt, "mask": middle, "seed": 5}
    usual, named, one = (
        predictor.draw(**plain, **k) for k in ({}, {"particles": 16}, {"particles": 1})
    )
    np.testing.assert_array_equal(usual.tokens, named.tokens)
    assert (usual.tokens[0] != one.tokens[0]).any()


def test_the_best_of_some_fits_what_is_known_best(
    predictor: Predictor, prompt: Path, middle: Path
) -> None:
    plain = {"prompts": prompt, "mask": middle, "seed": 5, "particles": 2}
    alone = predictor.draw(**plain).kept_log_likelihood
    best = predictor.draw(**plain, best_of=6).kept_log_likelihood
    assert (best >= alone).all() and (best > alone).any()


def test_words_and_a_mask_go_together(tmp_path: Path, prompt: Path, middle: Path) -> None:
    write_worded(tmp_path, "transformer")
    worded = pixace.get_predictor("transformer", weights_dir=tmp_path)
    drawing = worded.draw(prompts=prompt, mask=middle, text="frog", guidance=[0, 1, 2], seed=1)
    for tokens in drawing.tokens:
        np.testing.assert_array_equal(tokens[:, drawing.kept], drawing.originals[:, drawing.kept])
    assert len({float(nats) for nats in drawing.kept_log_likelihood[0]}) == 3


@pytest.fixture
def request_for(weights_dir: Path, prompt: Path, middle: Path, tmp_path: Path) -> DrawRequest:
    own = tmp_path / "mask.png"
    own.write_bytes(middle.read_bytes())
    return DrawRequest(
        model_name="transformer",
        weights_dir=weights_dir,
        prompts=str(prompt),
        mask=own,
        drawing={"seed": 2, "scale": 12},
        out=tmp_path / "a.png",
    )


def test_a_recipe_names_its_mask_and_repeats_it(
    request_for: DrawRequest, weights_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drawn = draw_to_files(request_for)
    recipe = drawn.drawing.recipe
    assert Recipe.from_text(recipe.to_text()) == recipe
    assert recipe.mask is not None and recipe.mask.name == str(tmp_path / "mask.png")
    assert recipe.mask.sha256 == file_sha256(tmp_path / "mask.png")
    again = DrawRequest(like=tmp_path / "a.png", weights_dir=weights_dir, out=tmp_path / "b.png")
    draw_to_files(again)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()
    assert "kept_log_likelihood" in json.dumps(drawn.to_dict())

    with caplog.at_level(logging.WARNING):
        Image.new("L", (2, 2), 255).save(tmp_path / "mask.png")
        draw_to_files(again)
    assert "mask.png has changed since" in caplog.text
    (tmp_path / "mask.png").unlink()
    with pytest.raises(UsageError, match=r"a\.png was drawn with a mask, .*; name it with --mask"):
        draw_to_files(again)


def test_another_part_takes_the_place_of_the_recipes(
    request_for: DrawRequest, weights_dir: Path, tmp_path: Path, middle: Path
) -> None:
    draw_to_files(request_for)
    plain = {"like": tmp_path / "a.png", "weights_dir": weights_dir, "out": tmp_path / "b.png"}
    by_side = draw_to_files(DrawRequest(**plain, drawing={"keep": "left:2"})).drawing
    assert by_side.recipe.mask is None and by_side.kept.sum() == 12
    plain["like"] = tmp_path / "b.png"
    by_mask = draw_to_files(
        DrawRequest(**{**plain, "out": tmp_path / "c.png"}, mask=middle)
    ).drawing
    assert by_mask.recipe.drawing.keep is None and by_mask.kept.sum() == 28


def test_a_mask_is_not_replaced(request_for: DrawRequest, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the mask"):
        draw_to_files(dataclasses.replace(request_for, out=tmp_path / "mask.png"))


def test_the_command(
    weights_dir: Path,
    prompt: Path,
    middle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}", "--json"]
    command += [f"--prompt={prompt}", f"--out={tmp_path}/a.png", "--scale=12", "--seed=1"]
    assert main([*command, f"--mask={middle}"]) == 0
    by_mask = json.loads(capsys.readouterr().out)
    assert by_mask["tiles"][0]["kept_log_likelihood"] < 0
    assert by_mask["recipe"]["mask"]["name"] == str(middle)
    assert main([*command, "--keep=bottom", "--particles=4"]) == 0
    assert json.loads(capsys.readouterr().out)["recipe"]["drawing"]["keep"] == "bottom"
    assert main([*command, "--keep=bottom", f"--mask={middle}"]) == 2
    assert "keep and mask exclude each other" in capsys.readouterr().err
    assert main([*command, "--mask=gone.png"]) == 1
    assert capsys.readouterr().err == "pixace: gone.png: No such file or directory\n"
