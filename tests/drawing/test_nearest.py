import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixace.cli import main
from pixace.dataset.reading import ImageSet, load_images
from pixace.drawing.drawn import Drawing
from pixace.drawing.nearest import find_nearest
from pixace.drawing.recipe import read_recipe
from tests.tools.drawings import a_drawing

EDGE = 4
GREYS = (0, 0, 4)  # 16 levels, 17 of 255 apart: level l is token 2 + l


@pytest.fixture
def folder(tmp_path):
    """Six plain grey pictures: levels 0, 3, 6, 9, 9 and 15."""
    for number, level in enumerate([0, 3, 6, 9, 9, 15]):
        Image.new("RGB", (8, 8), (17 * level,) * 3).save(tmp_path / f"{number}.png")
    return tmp_path


def plain(*levels: int) -> np.ndarray:
    return np.repeat(np.array(levels)[:, None] + 2, EDGE * EDGE, axis=1).astype(np.int32)


def images_for(drawing: Drawing, folder: Path, cache_dir: Path | None = None) -> ImageSet:
    return load_images(folder, drawing.recipe.config, cache_dir=cache_dir)


@pytest.mark.parametrize("is_cached", [False, True])
def test_the_nearest_of_each_row_and_column(folder, tmp_path, is_cached, monkeypatch):
    monkeypatch.setattr(
        "pixace.drawing.nearest._CHUNK_BYTES", 2 * EDGE * EDGE * 3 * 8
    )  # two at a time
    drawing = a_drawing([plain(3, 14), plain(7, 9)], bitdepth=GREYS)
    cache = tmp_path / "cache" if is_cached else None
    nearest = find_nearest(drawing, images_for(drawing, folder, cache))
    names = [[path.name for path in row] for row in nearest.paths]
    assert names == [["1.png", "2.png"], ["5.png", "3.png"]]
    np.testing.assert_allclose(nearest.distances, [[0, 17], [17, 0]])
    np.testing.assert_array_equal(nearest.columns, [plain(3, 15), plain(6, 9)])
    # To the nearest other one: 3, 3, 3, 0, 0 and 6 levels.
    assert nearest.usual == pytest.approx(3 * 17)
    assert nearest.lines() == [
        f"row 1, column 1: an exact copy of {folder / '1.png'}",
        f"row 1, column 2: 17.0 of 255 from {folder / '2.png'}",
        f"row 2, column 1: 17.0 of 255 from {folder / '5.png'}",
        f"row 2, column 2: an exact copy of {folder / '3.png'}",
        "training images themselves: 51.0 of 255 from the nearest other one (median)",
    ]
    assert nearest.tiles()[1] == {"path": str(folder / "2.png"), "distance": pytest.approx(17)}


def test_only_what_was_drawn_of_a_prompt_counts(folder):
    drawn = plain(6)
    drawn[:, 4:] = 2 + 15
    drawing = a_drawing([drawn], plain(6), n_kept=4, bitdepth=GREYS)
    nearest = find_nearest(drawing, images_for(drawing, folder))
    assert nearest.paths[0][0].name == "5.png" and nearest.distances[0, 0] == 0
    assert nearest.first_column == 2
    drawing = a_drawing([plain(6)], plain(6), n_kept=16, bitdepth=GREYS)
    whole = find_nearest(drawing, images_for(drawing, folder))
    assert whole.paths[0][0].name == "2.png" and whole.distances[0, 0] == 0


def test_pixels_are_compared_in_their_places_whatever_order_they_were_drawn_in(tmp_path):
    """From the right, column by column; what is compared is the left half."""
    pixels = (17 * np.arange(16).reshape(EDGE, EDGE)).astype(np.uint8)
    others = pixels[:, ::-1], pixels[::-1], pixels.T
    for number, each in enumerate((pixels, *others)):
        Image.fromarray(each).convert("RGB").save(tmp_path / f"{number}.png")
    drawn = (pixels.T.ravel()[::-1] // 17)[None].astype(np.int32) + 2
    whole = drawn.copy()
    whole[:, :8] = 2  # which is kept, and not compared
    scan = {"config": {"scan": "any"}, "keep": "right", "bitdepth": GREYS}
    drawing = a_drawing([whole], whole, n_kept=8, **scan)
    nearest = find_nearest(drawing, images_for(drawing, tmp_path))
    assert nearest.paths[0][0].name == "0.png" and nearest.distances[0, 0] == 0
    np.testing.assert_array_equal(nearest.columns, [drawn])


def test_agrees_with_comparing_pixels(tmp_path):
    rng = np.random.default_rng(5)
    pictures = rng.integers(0, 16, (30, 16))
    for number, levels in enumerate(pictures):
        pixels = (17 * levels.reshape(4, 4)).astype(np.uint8)
        Image.fromarray(pixels).convert("RGB").save(tmp_path / f"{number:02}.png")
    wanted = rng.integers(0, 16, (9, 16))
    drawing = a_drawing([wanted.astype(np.int32) + 2], bitdepth=GREYS)
    nearest = find_nearest(drawing, images_for(drawing, tmp_path))
    by_hand = np.sqrt(((17.0 * (wanted[:, None] - pictures)) ** 2).mean(axis=2))
    np.testing.assert_allclose(nearest.distances[:, 0], by_hand.min(axis=1))
    assert [int(row[0].stem) for row in nearest.paths] == by_hand.argmin(axis=1).tolist()


def test_one_image(folder):
    for number in range(1, 6):
        (folder / f"{number}.png").unlink()
    drawing = a_drawing([plain(15)], bitdepth=GREYS)
    nearest = find_nearest(drawing, images_for(drawing, folder))
    assert nearest.usual is None and len(nearest.lines()) == 1


@pytest.mark.slow
def test_the_command(painted, weights_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}", "--scale=16"]
    drawing = ["--batch_size=2", "--seed=1", "--temperature=0.5,1"]
    assert main([*model, *drawing, "--out=plain.png"]) == 0
    more = [f"--nearest={painted / 'train'}", "--cache_dir=cache", "--json", "--out=near.png"]
    capsys.readouterr()
    assert main([*model, *drawing, *more]) == 0
    printed = capsys.readouterr()
    tiles = json.loads(printed.out)["tiles"]
    assert len(tiles) == 4
    for tile in tiles:
        assert tile["nearest"]["distance"] >= 0
        assert tile["nearest"]["path"].startswith(str(painted / "train"))
    assert "row 2, column 2: " in printed.err and "training images themselves" in printed.err
    assert len([*(tmp_path / "cache").iterdir()]) == 1

    with Image.open("plain.png") as without, Image.open("near.png") as sheet:
        assert without.size == (32, 32) and sheet.size == (64, 32)
        assert sheet.crop((0, 0, 32, 32)).tobytes() == without.tobytes()
    assert read_recipe("near.png") == read_recipe("plain.png")
    assert main(["predict", f"--weights_dir={weights_dir}", "--like=near.png", "--out=a.png"]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--nearest=absent"], 1, "absent: no such folder of images"),
        (["--cache_dir=x"], 2, "cache_dir needs --nearest=FOLDER"),
        (["--grid=8x8"], 2, "grid and frames need --nearest=FOLDER"),
    ],
)
def test_wrong_usage(weights_dir, tmp_path, capsys, monkeypatch, words, status, message):
    monkeypatch.chdir(tmp_path)
    model = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}"]
    assert main([*model, *words]) == status
    assert message in capsys.readouterr().err


def test_training_images_that_cannot_be_read_are_found_before_drawing(
    weights_dir, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("bad").mkdir()
    Path("bad", "text.png").write_text("no image")
    model = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}"]
    assert main([*model, "--nearest=bad", "--batch_size=1"]) == 1
    printed = capsys.readouterr().err
    assert "none of its 1 image files can be read" in printed
    assert "seed" not in printed  # which is the first that a drawing tells
