"""Which pixels of a prompt are kept: by a cut, by a side, by a mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixace.drawing.region import has_islands, kept_of_prompts, open_mask
from pixace.errors import ImageError, UsageError
from pixace.pictures.fitting import fitted_mask
from pixace.settings.drawing import DrawingSettings
from pixace.settings.pictures import PictureSettings
from pixace.system.files import file_sha256

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
