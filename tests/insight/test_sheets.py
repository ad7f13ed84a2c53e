"""The pictures of a training, in exact blocks."""

import io
import logging

import numpy as np
import pytest
from PIL import Image

from pixace.insight.sheets import MAX_SHEETS, sheets
from pixace.pictures.collage import collage
from pixace.settings.model import ModelConfig
from pixace.tokens.tiles import picture_of


def drawn(folder, config, kind, step, n_rows=2) -> np.ndarray:
    """Keeps a sheet as a training does; returns its pictures (R, 4, H, W, C)."""
    noise = np.random.default_rng(step)
    pictures = config.pictures
    rows = [
        [picture_of(noise.integers(1, 200, pictures.n_pixels), pictures) for _ in range(4)]
        for _ in range(n_rows)
    ]
    (folder / "pictures").mkdir(exist_ok=True)
    collage(rows, 128).save(folder / "pictures" / f"{kind}-{step:05d}.png")
    return np.array([[np.asarray(picture) for picture in row] for row in rows])


def opened(sheet) -> Image.Image:
    picture = Image.open(io.BytesIO(sheet.data))
    assert picture.get_format_mimetype() == sheet.kind
    return picture


@pytest.mark.parametrize("size", [16, 32, "24x12"])
def test_each_pixel_is_one_of_the_model(tmp_path, size):
    config = ModelConfig(image_size=size)
    rows = drawn(tmp_path, config, "samples", 3)
    (sheet,) = sheets(tmp_path, "samples", 3, config)
    assert (sheet.step, sheet.kind) == (3, "image/png")
    seen = np.asarray(opened(sheet)).astype(int)
    height, width = config.pictures.shape
    assert sheet.unit == seen.shape[1] == 4 * width + 3
    assert seen.shape[0] == 2 * height + 1
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            top, left = row * (height + 1), column * (width + 1)
            tile = seen[top : top + height, left : left + width]
            assert (tile[..., 3] == 255).all()
            # A sheet is enlarged softly: a colour is told by the middle of its block.
            assert np.abs(tile[..., :3] - picture).mean() < 6
    assert not seen[height].any(), "transparent between them"


def test_what_is_transparent_is_on_chequers(tmp_path):
    config = ModelConfig(image_size=8, alpha=True)
    pictures = drawn(tmp_path, config, "samples", 3)
    assert (pictures[..., 3] == 0).any()
    seen = np.asarray(opened(*sheets(tmp_path, "samples", 3, config)))[:8, :8]
    greys = seen[pictures[0, 0, ..., 3] == 0]
    assert {tuple(pixel) for pixel in greys.tolist()} <= {(120,) * 3 + (255,), (150,) * 3 + (255,)}


@pytest.mark.parametrize("config", [ModelConfig(image_size=128), ModelConfig(image_size=10), None])
def test_a_sheet_of_another_kind_is_shown_as_it_is(tmp_path, config):
    drawn(tmp_path, ModelConfig(image_size="9x5"), "samples", 3)
    (sheet,) = sheets(tmp_path, "samples", 3, config)
    assert (sheet.kind, sheet.unit) == ("image/webp", None)
    assert opened(sheet).width == 512


def test_the_newest_comes_first_and_what_cannot_be_read_is_left_out(tmp_path, caplog):
    config = ModelConfig(image_size=4)
    for step in (3, 6, 9, 12):
        drawn(tmp_path, config, "samples", step, n_rows=1)
    (tmp_path / "pictures" / "samples-00006.png").write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING):
        found = sheets(tmp_path, "samples", 9, config)
    assert [sheet.step for sheet in found] == [9, 3], "a training that went back left 12"
    assert "samples-00006.png" in caplog.text
    assert sheets(tmp_path, "completions", 9, config) == []
    assert sheets(tmp_path / "nowhere", "samples", 9, config) == []


def test_a_long_training_shows_some_sheets_of_all_its_time(tmp_path):
    config = ModelConfig(image_size=4)
    drawn(tmp_path, config, "samples", 1, n_rows=1)
    for step in range(2, 101):
        path = tmp_path / "pictures" / f"samples-{step:05d}.png"
        path.symlink_to(tmp_path / "pictures" / "samples-00001.png")
    steps = [sheet.step for sheet in sheets(tmp_path, "samples", 90, config)]
    assert len(steps) == MAX_SHEETS
    assert (steps[0], steps[-1]) == (90, 1)
    assert steps == sorted(steps, reverse=True)


def test_a_picture_of_any_size_is_shown(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (20000, 10)).save(tmp_path / "pictures" / "samples-00001.png")
    (sheet,) = sheets(tmp_path, "samples", 1, ModelConfig(image_size=4))
    assert opened(sheet).width == 2048
