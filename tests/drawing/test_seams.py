"""Seams: how surprising they are in rolled pictures, and which candidate is kept."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

import pixace
from pixace.drawing.draw_request import DrawRequest
from pixace.drawing.plan import plan_of
from pixace.drawing.predictor import Predictor
from pixace.drawing.request import draw_to_files
from pixace.drawing.seams import SeamJudge
from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings
from pixace.tokens.text import text_tokens
from tests.conftest import train_tiny
from tests.drawing.test_sampling_models import eval_log_probs
from tests.tools.worded import write_worded

EDGE = 6  # of the stored models' pictures
WARNING = "not trained with --roll"


@pytest.fixture(scope="module")
def predictor(painted: Path, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """Of a model that was trained on rolled pictures."""
    weights_dir = tmp_path_factory.mktemp("rolled")
    short = {"steps_per_epoch": 2, "n_epochs": 1}
    train_tiny(painted, weights_dir, "rolled", "transformer", roll=True, **short)
    return pixace.get_predictor("rolled", weights_dir=weights_dir)


def by_definition(predictor: Predictor, tokens: np.ndarray, across: bool, down: bool) -> np.ndarray:
    """By how much the seams of pictures, int (B, L), are less surprising than the rest."""
    pictures = tokens.reshape(-1, EDGE, EDGE)
    rolled = np.roll(pictures, (3 * down, 3 * across), (1, 2)).reshape(tokens.shape)
    stored = predictor._stored
    log_probs = eval_log_probs(stored.config, stored.weights, rolled).reshape(-1, EDGE, EDGE)
    merits = []
    for picture in log_probs:
        seam = [
            picture[row, column]
            for row in range(1, EDGE)
            for column in range(1, EDGE)
            if (down and row == 3) or (across and column == 3)
        ]
        rest = picture[1:, 1:].sum() - sum(seam)
        merits.append(np.mean(seam) - rest / (25 - len(seam)))
    return np.array(merits)


@pytest.mark.parametrize(("tile", "across", "down"), [("x", 1, 0), ("y", 0, 1), ("xy", 1, 1)])
def test_a_seam_is_compared_with_the_rest_of_the_rolled_picture(
    predictor: Predictor, tile: str, across: bool, down: bool
):
    tokens = np.random.default_rng(0).integers(2, 34, (9, EDGE * EDGE)).astype(np.int32)
    axes = DrawingSettings(tile=tile).seamless_axes
    merits = SeamJudge(predictor._stored).merits(tokens, axes)
    expected = by_definition(predictor, tokens, across, down)
    np.testing.assert_allclose(merits, expected, rtol=1e-3, atol=1e-3)


def test_the_candidate_with_the_least_surprising_seam_is_kept(predictor: Predictor):
    settings = DrawingSettings.of(batch_size=2, tile="xy", best_of=9, seed=1)  # two batches
    candidates: dict[int, list[np.ndarray]] = {0: [], 1: []}
    for step in predictor.stream(settings):
        if step.tokens.shape[1] == EDGE * EDGE:
            for (row, _, _), tokens in zip(step.places, step.tokens, strict=True):
                candidates[row].append(tokens)
    assert step.drawing is not None
    for row, drawn in candidates.items():
        best = by_definition(predictor, np.stack(drawn), across=True, down=True).argmax()
        np.testing.assert_array_equal(step.drawing.tokens[0][row], drawn[best])
        alone = predictor.draw_as(settings, tile=(row, 0))
        np.testing.assert_array_equal(alone.tokens[0][0], drawn[best])


def test_sixteen_candidates_unless_named(predictor: Predictor):
    assert DrawingSettings().best_of == 1
    assert (
        DrawingSettings(tile="x").best_of == 16
        and DrawingSettings(tile="x", best_of=1).best_of == 1
    )
    plain, one = (predictor.draw(seed=1, tile="xy", **k) for k in ({}, {"best_of": 1}))
    assert plain.recipe.drawing.best_of == 16
    assert one.tokens[0].tolist() == predictor.draw(seed=1).tokens[0].tolist()


def test_a_recipe_repeats_it_and_other_candidates_may_be_named(
    predictor: Predictor, tmp_path: Path
):
    weights_dir = predictor._stored.path.parent.parent
    plain = {"weights_dir": weights_dir}

    def draw(out: str, **request: object) -> bytes:
        draw_to_files(DrawRequest(**plain, out=tmp_path / out, **request))
        return (tmp_path / out).read_bytes()

    def planned(like: str, **drawing: object) -> tuple[str, int]:
        settings = plan_of(DrawRequest(**plain, like=tmp_path / like, drawing=drawing)).drawing
        return settings.tile, settings.best_of

    tiled = {"seed": 3, "tile": "x", "scale": "2x"}
    first = draw("a.png", model_name="rolled", drawing=tiled)
    assert draw("b.png", like=tmp_path / "a.png") == first and planned("a.png") == ("x", 16)
    assert planned("a.png", tile="none") == ("none", 1)
    assert planned("a.png", best_of=2) == ("x", 2)
    draw("c.png", model_name="rolled", drawing={"seed": 3, "scale": "2x"})
    assert planned("c.png") == ("none", 1) and planned("c.png", tile="y") == ("y", 16)


def test_a_model_that_was_not_trained_for_it_is_warned_of(
    predictor: Predictor, weights_dir: Path, caplog: pytest.LogCaptureFixture
):
    plain = pixace.get_predictor("transformer", weights_dir=weights_dir)
    with caplog.at_level(logging.WARNING):
        predictor.draw(tile="x", best_of=2)
        plain.draw(best_of=2)
        assert WARNING not in caplog.text
        plain.draw(tile="x", best_of=2)
        assert caplog.text.count(WARNING) == 1


def test_words_tell_how_surprising_a_seam_is(tmp_path: Path):
    write_worded(tmp_path, "transformer")
    worded = pixace.get_predictor("transformer", weights_dir=tmp_path)
    settings = {"text": "frog", "guidance": 2, "seed": 1, "batch_size": 3}
    drawn = worded.draw(**settings, tile="xy", best_of=5, symmetry="left-right")
    judge, captions = SeamJudge(worded._stored), np.repeat(text_tokens(["frog"], 12), 3, axis=0)
    merits = judge.merits(drawn.tokens[0], (0, 1), captions)
    first = worded.draw(**settings, symmetry="left-right").tokens[0]
    assert (merits >= judge.merits(first, (0, 1), captions)).all()
    assert (first != drawn.tokens[0]).any()
    several = DrawingSettings.of(text=["frog", "heart"], seed=1, tile="xy", best_of=40)
    whole, second = worded.draw_as(several), worded.draw_as(several, tile=(1, 0))
    np.testing.assert_array_equal(second.tokens[0][0], whole.tokens[0][1])
    with pytest.raises(UsageError, match="tile keeps the candidate with the least seams"):
        worded.draw(text="frog", tile="x", best_of_by="caption")
