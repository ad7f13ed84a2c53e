"""Models that draw by columns, backwards, or in any order: what they say, and what they draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixace
from pixace.cli import main
from pixace.drawing.draw_request import DrawRequest
from pixace.drawing.live import LiveView
from pixace.drawing.painted import Painted
from pixace.drawing.predictor import Predictor
from pixace.drawing.request import draw_to_files
from pixace.insight.likelihood import Scorer
from pixace.tokens.order import SCAN_NUMBERS
from pixace.tokens.reading import tokens_of
from pixace.tokens.text import text_tokens
from pixace.tokens.tiles import picture_of
from tests.conftest import train_tiny
from tests.tools.worded import write_worded

EDGE, TEXT_LENGTH = 6, 12  # of the models' pictures and captions


@pytest.fixture(scope="module")
def folder(painted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models with the same weights for each scan, and one that was trained for all."""
    weights_dir = tmp_path_factory.mktemp("scans")
    for kind in ("transformer", "pixelcnn"):
        for scan in ("rows", "columns", "reversed"):
            write_worded(weights_dir, kind, f"{kind}-{scan}", scan)
    write_worded(weights_dir, "reformer", "reformer-any", "any")
    short = {"steps_per_epoch": 2, "n_epochs": 1}
    train_tiny(painted, weights_dir, "any", "pointer", scan="any", **short)
    return weights_dir


def opened(folder: Path, name: str) -> Predictor:
    return pixace.get_predictor(name, weights_dir=folder)


def seen(drawing: Any) -> np.ndarray:
    """The results, uint8 (N, H, W, 3)."""
    return np.stack([np.asarray(row[0]) for row in drawing.results()])


@pytest.mark.parametrize("kind", ["transformer", "pixelcnn"])
def test_the_same_weights_draw_the_same_turned(folder: Path, kind: str) -> None:
    """Seams and symmetry go by sides, whatever comes first."""
    by_rows = opened(folder, f"{kind}-rows")
    by_columns, backwards = opened(folder, f"{kind}-columns"), opened(folder, f"{kind}-reversed")
    plain = {"batch_size": 2, "seed": 3, "text": "frog"}
    upright = seen(by_rows.draw(**plain, symmetry="left-right"))
    turned = by_columns.draw(**plain, symmetry="top-bottom")
    np.testing.assert_array_equal(seen(turned), upright.swapaxes(1, 2))
    assert turned.tiles() == by_rows.draw(**plain, symmetry="left-right").tiles()
    upright = seen(by_rows.draw(**plain, tile="x", best_of=3))
    turned = by_columns.draw(**plain, tile="y", best_of=3)
    np.testing.assert_array_equal(seen(turned), upright.swapaxes(1, 2))
    upright = seen(by_rows.draw(**plain))
    np.testing.assert_array_equal(seen(by_columns.draw(**plain)), upright.swapaxes(1, 2))
    np.testing.assert_array_equal(seen(backwards.draw(**plain)), upright[:, ::-1, ::-1])


@pytest.mark.parametrize(
    ("name", "keep", "text", "scan"),
    [
        ("any", "bottom", None, "reversed"),
        ("any", "top:2", None, "rows"),
        ("reformer-any", "right:2", "frog", "columns-reversed"),
        ("reformer-any", "left", "frog", "columns"),
    ],
)
def test_the_side_that_is_kept_is_read_first_and_told(
    folder: Path, painted: Path, name: str, keep: str, text: str | None, scan: str
) -> None:
    """Each pixel is as likely as training's own network says, of that order and these words."""
    predictor = opened(folder, name)
    prompts = sorted((painted / "val").iterdir())[:2]
    words = {} if text is None else {"text": text, "guidance": 1}
    drawing = predictor.draw(prompts=prompts, keep=keep, seed=1, **words)
    n_kept = int(drawing.kept.sum())
    assert drawing.kept[:n_kept].all() and drawing.recipe.pictures.scan == scan
    assert not drawing.kept_log_likelihood.any(), "nothing is known that comes after"
    captions = np.full((2, 1), SCAN_NUMBERS[scan], np.int32)
    if text is not None:
        captions = np.hstack([np.repeat(text_tokens([text], TEXT_LENGTH), 2, axis=0), captions])
    stored = predictor._stored
    model = stored.build("eval", 1)
    (nats,) = Scorer(model).pixel_nats(model.weights, drawing.tokens[0], 2, captions)
    np.testing.assert_allclose(-drawing.log_probs[:, 0, n_kept:], nats[:, n_kept:], atol=1e-3)
    side, _, wide = keep.partition(":")
    edge = int(wide or EDGE // 2)
    part = {
        "top": np.s_[:edge],
        "bottom": np.s_[-edge:],
        "left": np.s_[:, :edge],
        "right": np.s_[:, -edge:],
    }[side]
    for whole, _, result in drawing.tile_pictures():
        np.testing.assert_array_equal(np.asarray(result)[part], np.asarray(whole)[part])


def test_top_is_a_cut_and_where_no_side_is_named_it_is_row_by_row(
    folder: Path, painted: Path
) -> None:
    predictor = opened(folder, "any")
    prompts = sorted((painted / "val").iterdir())[:2]
    by_side = predictor.draw(prompts=prompts, keep="top", seed=1)
    np.testing.assert_array_equal(by_side.tokens, predictor.draw(prompts=prompts, seed=1).tokens)


def test_all_that_a_drawing_may_be_asked_for_goes_by_its_order(
    folder: Path, painted: Path, tmp_path: Path
) -> None:
    """Sketch, overlay, painted prompt, film, live view, nearest images; and all of it again."""
    predictor = opened(folder, "any")
    tokens = np.random.default_rng(0).integers(2, 34, EDGE * EDGE)
    sketch, overlay = tmp_path / "sketch.png", tmp_path / "overlay.png"
    wide = np.zeros((EDGE, EDGE, 3), np.uint8)
    wide[0] = 255
    Image.fromarray(wide).save(sketch)
    over = np.zeros((EDGE, EDGE, 4), np.uint8)
    over[1, 0] = (255, 0, 0, 255)
    Image.fromarray(over).save(overlay)
    views = []
    request = DrawRequest(
        model_name="any",
        weights_dir=folder,
        prompts=Painted.of(tokens),
        init=sketch,
        overlay=overlay,
        nearest=painted / "train",
        drawing={"keep": "bottom", "seed": 1, "init_strength": 1.0, "scale": "4x"},
        out=tmp_path / "a.png",
        film=tmp_path / "a.gif",
    )
    drawn = draw_to_files(request, watch=views.append)
    drawing = drawn.drawing
    ((whole, cut, result, near),) = drawing.tile_pictures(drawn.nearest.columns)
    pixels = np.asarray(result)
    np.testing.assert_array_equal(pixels[3:], np.asarray(whole)[3:])
    assert not np.asarray(cut)[2].any() and np.asarray(cut)[1, 0].any()
    free = pixels.copy()
    assert free[1, 0].tolist() == np.asarray(whole)[1, 0].tolist() and free[1, 0, 0] > 200
    free[1, 0] = 0
    assert (free[0] == free[0, 0]).all() and free[0, 0].min() > 200 and not free[1:3].any()
    view = views[-1]
    assert isinstance(view, LiveView)
    np.testing.assert_array_equal(np.asarray(view.pictures(1)[0]), pixels)
    with Image.open(tmp_path / "a.gif") as film:
        first = np.asarray(film.convert("RGB"))
        film.seek(film.n_frames - 1)
        last = np.asarray(film.convert("RGB"))
    results = np.s_[:, 8 * EDGE : 12 * EDGE]
    assert not first[results][:4].any()
    np.testing.assert_array_equal(first[results][12:], last[results][12:])
    own = predictor.config.pictures
    expected = picture_of(tokens_of(drawn.nearest.paths[0][0], own), own)
    np.testing.assert_array_equal(np.asarray(near), np.asarray(expected))
    again = DrawRequest(
        like=tmp_path / "a.png",
        weights_dir=folder,
        nearest=painted / "train",
        out=tmp_path / "b.png",
    )
    draw_to_files(again)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()


def test_a_scan_that_the_model_has_not_is_told(folder: Path, capsys) -> None:
    arguments = ["predict", "--model_name=any", f"--weights_dir={folder}", "--scan=columns"]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert "scan=columns contradicts scan=any" in told and told.count("\n") == 1
