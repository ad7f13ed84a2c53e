"""Which order pixels are drawn in, and that a prompt's side may come first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pixace
from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.settings.scans import drawn_pictures
from tests.conftest import train_tiny
from tests.tools.drawings import a_recipe


@pytest.mark.parametrize(
    ("keep", "square", "wide"),
    [
        (None, "rows", "rows"),
        ("top:2", "rows", "rows"),
        ("bottom", "reversed", "reversed"),
        ("left:1", "columns", "rows"),
        ("right", "columns-reversed", "rows"),
    ],
)
def test_the_side_to_keep_comes_first(keep: str | None, square: str, wide: str) -> None:
    drawing = DrawingSettings.of(keep=keep)
    for size, scan in ((6, square), ("6x4", wide)):
        config = ModelConfig("transformer", image_size=size, scan="any")
        assert drawn_pictures(config, drawing).scan == scan
        assert config.pictures.scan == "rows" and config.prefix_length == 1
    fixed = ModelConfig("transformer", image_size=6, scan="columns")
    assert drawn_pictures(fixed, drawing) == fixed.pictures and fixed.pictures.scan == "columns"
    assert a_recipe(config={"scan": "columns"}, keep=keep).pictures.scan == "columns"


def test_what_has_one_scan_or_reads_captions_is_told() -> None:
    for kind in ("pixelcnn", "pixelcnn_residual"):
        with pytest.raises(UsageError, match=f"a {kind} has one scan; scan=any is of models of"):
            ModelConfig(kind, scan="any")
        assert ModelConfig(kind, scan="reversed").to_dict()["scan"] == "reversed"
    with pytest.raises(UsageError, match="a model with scan=any reads no captions"):
        ModelConfig("pointer", scan="any", caption_length=9)
    with pytest.raises(UsageError, match="scan must be"):
        ModelConfig("pointer", scan="spiral")


@pytest.fixture(scope="module")
def folder(painted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows all orders, and one that knows columns."""
    weights_dir = tmp_path_factory.mktemp("scans")
    train_tiny(painted, weights_dir, "any", "transformer", scan="any")
    return weights_dir


def test_it_draws_after_any_side(folder: Path, painted: Path) -> None:
    predictor = pixace.get_predictor("any", weights_dir=folder)
    prompts = sorted((painted / "val").iterdir())[:2]
    for keep, part in (("bottom", np.s_[3:]), ("right:2", np.s_[:, 4:]), ("top", np.s_[:3])):
        drawing = predictor.draw(prompts=prompts, keep=keep, seed=1)
        assert drawing.kept[: drawing.kept.sum()].all() and not drawing.kept_log_likelihood.any()
        for whole, _, result in drawing.tile_pictures():
            np.testing.assert_array_equal(np.asarray(result)[part], np.asarray(whole)[part])
    by_rows = predictor.draw(prompts=prompts, keep="top", seed=1)
    by_cut = predictor.draw(prompts=prompts, seed=1)
    np.testing.assert_array_equal(by_rows.tokens, by_cut.tokens)
