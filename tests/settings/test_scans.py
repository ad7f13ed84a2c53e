"""Which order pixels are drawn in, and that a prompt's side may come first."""

from __future__ import annotations

import pytest

from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.settings.scans import drawn_pictures
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


def test_what_has_one_scan_is_told() -> None:
    for kind in ("pixelcnn", "pixelcnn_residual"):
        with pytest.raises(UsageError, match=f"a {kind} has one scan; scan=any is of models of"):
            ModelConfig(kind, scan="any")
        assert ModelConfig(kind, scan="reversed").to_dict()["scan"] == "reversed"
    worded = ModelConfig("pointer", scan="any", caption_length=9)
    assert worded.prefix_length == 10, "a caption, and which order"
    with pytest.raises(UsageError, match="scan must be"):
        ModelConfig("pointer", scan="spiral")
