"""Which results are shown and where, what their files are called, and the shape of a sheet."""

import json

import numpy as np
import pytest
from PIL import Image

from pixace.drawing.film import write_film
from pixace.drawing.layout import Layout, is_grid_usual, layout_of
from pixace.drawing.outputs import Outputs
from pixace.drawing.plan import plan_of
from pixace.drawing.recipe import Recipe
from pixace.drawing.request import DrawRequest
from pixace.errors import UsageError
from pixace.pictures.writing import write_picture
from tests.tools.drawings import a_drawing, a_recipe

pytestmark = pytest.mark.usefixtures("here")


def test_all_results_or_one_of_them():
    assert [*Layout(3, 2).rows] == [0, 1, 2] and [*Layout(3, 2).columns] == [0, 1]
    assert [*Layout(3, 2, (2, 0)).rows] == [2] and [*Layout(3, 2, (2, 0)).columns] == [0]


@pytest.mark.parametrize(
    ("layout", "first", "last"),
    [
        (Layout(1, 1), "001-1.png", "001-1.png"),
        (Layout(12, 9), "001-1.png", "012-9.png"),
        (Layout(10_000, 10), "00001-01.png", "10000-10.png"),
        (Layout(10_000, 10, (7, 2)), "00008-03.png", "00008-03.png"),
    ],
)
def test_names_count_from_one_and_sort_as_the_pictures_do(layout, first, last):
    names = [name for row in layout.file_names for name in row]
    assert (names[0], names[-1]) == (first, last)
    assert names == sorted(names)
    assert len(set(names)) == len(layout.rows) * len(layout.columns)


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        (Layout(1, 1), (1, 1)),
        (Layout(4, 1), (2, 2)),
        (Layout(5, 1), (3, 2)),
        (Layout(7, 1), (3, 3)),
        (Layout(2, 3), (3, 2)),
        (Layout(100, 3), (3, 100)),
        (Layout(100, 3, (7, 2)), (1, 1)),
    ],
)
def test_a_sheet_is_about_square_or_has_a_column_for_each_temperature(layout, shape):
    assert layout.sheet_shape == shape


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "size", "n_more", "across"),
    [
        (9, 1, (8, 8), 0, 3),
        (10, 1, (8, 8), 0, 4),
        (100, 1, (8, 8), 0, 10),
        (100, 1, (32, 8), 0, 5),
        (100, 1, (8, 32), 0, 20),
        (100, 1, (8, 8), 1, 7),
        (11, 2, (8, 8), 2, 2),
        (9, 20, (8, 8), 0, 1),
        (10_000, 1, (8, 8), 0, 100),
    ],
)
def test_a_grid_is_about_square(n_rows, n_columns, size, n_more, across):
    layout = layout_of(n_rows, n_columns, size, is_grid=True, n_more_columns=n_more)
    assert layout == Layout(n_rows, n_columns, across=across)
    assert layout.n_lines * across >= n_rows > (layout.n_lines - 1) * across


def test_rows_of_a_grid_stand_side_by_side_in_reading_order():
    layout = Layout(5, 2, across=3)
    rows = ["ab", "cd", "ef", "gh", "ij"]
    assert ["".join(line) for line in layout.lines(rows, ".")] == ["abcdef", "ghij.."]
    assert [layout.place(number, 2) for number in range(5)] == [
        *((0, 0), (0, 2), (0, 4), (1, 0), (1, 2))
    ]
    strip = Layout(5, 2)
    assert strip.lines(rows, ".") == [[*row] for row in rows]
    assert strip.place(4, 2) == (4, 0)


def test_a_single_result_is_no_grid():
    assert layout_of(100, 2, (8, 8), tile=(70, 1), is_grid=True) == Layout(100, 2, (70, 1))


@pytest.mark.parametrize(
    ("n_rows", "n_prompts", "is_grid"), [(8, 0, False), (9, 0, True), (100, 100, False)]
)
def test_more_than_eight_new_rows_are_a_grid(n_rows, n_prompts, is_grid):
    assert is_grid_usual(n_rows, n_prompts) == is_grid


# --- what a grid looks like -----------------------------------------------------------------------


def tokens(n_rows: int, seed: int) -> np.ndarray:
    """Tokens of pictures of 4x4 pixels, none of them black."""
    return np.random.default_rng(seed).integers(2 + (3 << 6), 2 + 256, (n_rows, 16), np.int32)


def tiles_of(picture: Image.Image, width: int, height: int) -> list[list[Image.Image]]:
    """Cuts a collage into tiles, line by line."""
    return [
        [picture.crop((x, y, x + width, y + height)) for x in range(0, picture.width, width)]
        for y in range(0, picture.height, height)
    ]


def same(pictures: list[Image.Image], others: list[Image.Image]) -> bool:
    return [one.tobytes() for one in pictures] == [other.tobytes() for other in others]


@pytest.mark.parametrize(
    ("scale", "edge", "config"),
    [(12, 12, None), ("3x", 12, None), (12, 12, {"alpha": True}), ("3x", 12, {"alpha": True})],
)
def test_it_has_the_tiles_of_the_strip_in_reading_order(tmp_path, scale, edge, config):
    drawn, fields = [tokens(11, 1), tokens(11, 2)], {"scale": scale, "config": config}
    strip = a_drawing(drawn, batch_size=11, **fields).collage()
    drawing = a_drawing(drawn, batch_size=11, is_grid=True, **fields)
    grid = drawing.collage()
    assert (strip.size, grid.size, grid.mode) == ((24, 132), (72, 48), strip.mode)
    in_order = [tile for line in tiles_of(grid, 2 * edge, edge) for tile in line]
    rows = [row for (row,) in tiles_of(strip, 2 * edge, edge)]
    assert same(in_order[:11], rows), "a row's columns stay side by side"
    assert not np.asarray(in_order[11].convert("RGB")).any()
    write_film(drawing, tmp_path / "grid.gif")
    with Image.open(tmp_path / "grid.gif") as film:
        film.seek(film.n_frames - 1)
        last = np.asarray(film.convert("RGB"))
    assert last.shape == (48, 72, 3)
    assert (last[edge // 2 :: edge, edge // 2 :: edge].any(axis=-1).ravel()[:22]).all()
    assert not last[36:, 48:].any()
    places = [(tile["row"], tile["column"]) for tile in drawing.tiles()]
    assert places == [divmod(number, 6) for number in range(22)]


def test_what_is_nearest_stands_beside_each_row(tmp_path):
    drawing = a_drawing([tokens(9, 1)], batch_size=9, is_grid=True)
    more = [tokens(9, 2)]
    grid = drawing.collage(more)
    assert grid.size == (4 * 12, 5 * 12)
    strip = a_drawing([tokens(9, 1)], batch_size=9).collage(more)
    in_order = [tile for line in tiles_of(grid, 24, 12) for tile in line]
    assert same(in_order[:9], [row for (row,) in tiles_of(strip, 24, 12)])
    places = [(tile["row"], tile["column"]) for tile in drawing.tiles(1)]
    assert places == [(number // 2, number % 2 * 2) for number in range(9)]
    write_film(drawing, tmp_path / "a.gif", len(more))
    with Image.open(tmp_path / "a.gif") as film:
        assert film.size == (2 * 12, 5 * 12), "the same places, without what is nearest"


def test_labels_are_below_each_picture():
    names = tuple(f"number {number}" for number in range(9))
    fields = {"class_name": names, "labels": True, "scale": 120, "is_grid": True}
    grid = a_drawing([tokens(9, 1)], config={"caption_length": 9}, **fields).collage()
    line_height = grid.height // 3
    assert grid.width == 360 and line_height > 120
    words = [
        np.asarray(grid.crop((x, y + 120, x + 120, y + line_height)))
        for y in range(0, grid.height, line_height)
        for x in range(0, 360, 120)
    ]
    assert all(word.any() for word in words) and len({word.tobytes() for word in words}) == 9
    outputs, recipe = Outputs.named("a.png", None, None), a_recipe(**fields)
    outputs.check(recipe.layout, recipe.drawing, (4, 4), 0, 0)


def test_its_recipe_says_so_and_those_of_single_pictures_do_not():
    drawing = a_drawing([tokens(9, 1)], batch_size=9, is_grid=True)
    assert json.loads(drawing.recipe.to_text())["layout"] == "grid"
    assert Recipe.from_text(drawing.recipe.to_text()) == drawing.recipe
    strip = a_drawing([tokens(9, 1)], batch_size=9)
    assert "layout" not in json.loads(strip.recipe.to_text())
    alone = [row[0].info["pixace"] for row in drawing.pictures()]
    assert alone == [row[0].info["pixace"] for row in strip.pictures()]


@pytest.mark.parametrize("values", [{"layout": "strip"}, {"layout": None}, {"is_grid": True}])
def test_a_recipe_of_another_layout_is_refused(values):
    with pytest.raises(UsageError, match="layout must be one of grid|'is_grid', which this"):
        Recipe.from_text(json.dumps({**a_recipe().to_dict(), **values}))


@pytest.mark.parametrize(
    ("like", "named", "is_grid"),
    [
        (None, {"drawing": {"batch_size": 9}}, True),
        (None, {"drawing": {"batch_size": 8}}, False),
        ({"batch_size": 100}, {}, False),
        ({"batch_size": 100}, {"drawing": {"temperature": 0.5}}, False),
        ({"batch_size": 100}, {"drawing": {"batch_size": 100}}, True),
        ({"batch_size": 100, "is_grid": True}, {}, True),
        ({"batch_size": 100, "is_grid": True}, {"drawing": {"seed": 2}}, True),
        ({"batch_size": 100, "is_grid": True}, {"drawing": {"batch_size": 8}}, False),
        ({"batch_size": 100, "is_grid": True}, {"prompts": ["like.png"] * 9}, False),
        ({"batch_size": 100, "tile": (3, 0)}, {"drawing": {"temperature": 0.5}}, True),
        ({"batch_size": 4}, {"drawing": {"batch_size": 100}}, True),
    ],
    ids=str,
)
def test_like_draws_what_it_sees_unless_other_rows_are_named(here, like, named, is_grid):
    if like is not None:
        picture = Image.new("RGB", (8, 8))
        picture.info["pixace"] = a_recipe(**like).to_text()
        write_picture(picture, here / "like.png")
        named = {"like": "like.png", **named}
    assert plan_of(DrawRequest(model_name="emoji", **named)).is_grid == is_grid
