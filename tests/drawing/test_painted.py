"""What was painted: packed, unpacked with suspicion, drawn from, and repeated by its recipe."""

import base64
import json
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from pixace.drawing.draw_request import DrawRequest
from pixace.drawing.painted import Painted
from pixace.drawing.recipe import Recipe, with_names
from pixace.drawing.request import draw_to_files
from pixace.errors import UsageError
from pixace.settings.pictures import PictureSettings
from tests.tools.drawings import a_recipe

EDGE = 6  # of the stored model's pictures
N_KINDS = 34


def test_numbers_come_back() -> None:
    numbers = np.random.default_rng(0).integers(0, N_KINDS, EDGE * EDGE)
    painted = Painted.of(numbers)
    assert painted.painted.isascii() and "\n" not in painted.painted
    np.testing.assert_array_equal(painted.numbers(EDGE * EDGE, N_KINDS), numbers)
    np.testing.assert_array_equal(Painted.of(numbers > 3).numbers(EDGE * EDGE, 2), numbers > 3)
    last_first = PictureSettings(EDGE, EDGE, "hsv:2,1,2", scan="reversed")
    np.testing.assert_array_equal(painted.sequence(last_first, N_KINDS), numbers[::-1])


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize(
    ("painted", "message"),
    [
        ("", "damaged|not of 4"),
        ("§", "damaged"),
        ("AAAA", "damaged"),
        (packed(bytes(12)), "not of 4 pixels"),
        (packed(bytes(10_000_000)), "not of 4 pixels"),
        (packed(np.full(4, 9, "<u4").tobytes()), "a colour that the model has not"),
        (packed(np.full(4, 2**32 - 1, "<u4").tobytes()), "a colour that the model has not"),
        ("A" * 70_000, "too much"),
        (5, "no text"),
    ],
)
def test_what_a_stranger_wrote_is_told(painted, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Painted(painted).numbers(4, 9)


def test_a_stranger_s_line_takes_no_more_memory_than_a_painting() -> None:
    painted = Painted(packed(bytes(40_000_000)))
    tracemalloc.start()
    with pytest.raises(UsageError, match="not of 4 pixels"):
        painted.numbers(4, 9)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000


def test_a_recipe_is_checked() -> None:
    plain = {"prompts": (Painted.of(np.full(16, 2)),), "mask": Painted.of(np.arange(16) > 3)}
    recipe = a_recipe(**plain)
    assert Recipe.from_text(recipe.to_text()) == recipe
    for name, wrong in (("prompts", (Painted.of(np.full(16, 999)),)), ("mask", Painted("AAAA"))):
        with pytest.raises(UsageError, match="painted"):
            a_recipe(**{**plain, name: wrong})
    values = json.loads(recipe.to_text())
    values["mask"] = {"painted": [], "name": "a.png"}
    with pytest.raises(UsageError, match="mask holds 'name'"):
        Recipe.from_text(json.dumps(values))


def test_more_than_a_file_carries_is_told(weights_dir: Path) -> None:
    import pixace

    predictor = pixace.get_predictor("transformer", weights_dir=weights_dir)
    numbers = np.random.default_rng(0).integers(2, N_KINDS, (600, EDGE * EDGE))
    with pytest.raises(UsageError, match="too much for a picture's file"):
        predictor.draw(prompts=[Painted.of(row) for row in numbers])


def test_a_sketch_and_much_else_are_told() -> None:
    numbers = np.random.default_rng(0).integers(2, 258, 160 * 160)
    colours = ",".join(f"{number:06x}" for number in range(4096))
    recipe = a_recipe(image_size=160, init=Painted.of(numbers), palette=colours)
    with pytest.raises(UsageError, match="painted is too much for a picture's file"):
        with_names(recipe, [])


def test_what_was_painted_is_drawn_again(weights_dir: Path, tmp_path: Path) -> None:
    """Without any file but the picture itself; another prompt or part may take its place."""
    numbers = np.random.default_rng(1).integers(2, N_KINDS, EDGE * EDGE)
    is_drawn = np.isin(np.arange(EDGE * EDGE), [14, 15, 20, 21, 35])
    request = DrawRequest(
        model_name="transformer",
        weights_dir=weights_dir,
        prompts=Painted.of(numbers),
        mask=Painted.of(is_drawn),
        drawing={"seed": 2, "temperature": [1.0, 1.0]},
        out=f"{tmp_path}/a/",
    )
    drawing = draw_to_files(request).drawing
    assert (drawing.kept == ~is_drawn).all()
    for tokens in drawing.tokens:
        np.testing.assert_array_equal(tokens[0][~is_drawn], numbers[~is_drawn])
    assert (drawing.tokens[0] != drawing.tokens[1]).any(), "each column has its own noise"
    for name in ("001-1.png", "001-2.png"):
        again = DrawRequest(
            like=tmp_path / "a" / name, weights_dir=weights_dir, out=f"{tmp_path}/b-{name}/"
        )
        (path,) = draw_to_files(again).pictures
        assert path.read_bytes() == (tmp_path / "a" / name).read_bytes()
