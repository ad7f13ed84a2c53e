"""How files become pictures: the words of a grid, its cells, and what differs from the usual."""

import pytest

from pixace.errors import UsageError
from pixace.settings.reading import Grid, ReadingSettings
from pixace.settings.training import TrainingSettings, settings_from_texts


@pytest.mark.parametrize(
    ("words", "grid"),
    [
        ("16x16", Grid(16, 16, 0, 0)),
        ("16x24+1", Grid(16, 24, 1, 0)),
        ("16x16+1+2", Grid(16, 16, 1, 2)),
        ("1x1+0+0", Grid(1, 1)),
    ],
)
def test_words_of_a_grid(words, grid):
    assert Grid.of(words) == grid
    assert ReadingSettings(grid=words).grid == words


@pytest.mark.parametrize(
    "words",
    [
        "",
        "16",
        "x16",
        "16x",
        "0x16",
        "16x0",
        "16x16+",
        "16x16+1+2+3",
        "-1x4",
        "16X16",
        " 16x16",
        "a",
    ]
    + ["123456x1", "٣x٣", "16x16+1.5", 16, True, ("16", "16"), float("nan")],
)
def test_other_words_are_refused_in_one_line(words):
    with pytest.raises(
        UsageError, match=r"^grid must be .* such as 16x16, or 16x16\+1\+2"
    ) as caught:
        ReadingSettings(grid=words)
    assert str(caught.value).isprintable()


def test_what_else_is_refused():
    with pytest.raises(UsageError, match="frames must be one of first, all, not 'each'"):
        ReadingSettings(frames="each")
    with pytest.raises(UsageError, match="unscale must be True or False"):
        TrainingSettings(unscale="yes")


@pytest.mark.parametrize(
    ("size", "shape"),
    [((11, 9), (2, 2)), ((12, 10), (2, 2)), ((10, 9), (2, 1)), ((11, 8), (1, 2)), ((4, 4), (1, 0))],
)
def test_only_whole_cells_count(size, shape):
    """The margin on the right and below need not be there, as in Tiled."""
    grid = Grid.of("4x3+1+2")
    assert grid.shape(size) == shape
    assert len([*grid.cells(size)]) == shape[0] * shape[1]


@pytest.mark.parametrize(
    ("size", "divides"),
    [
        ((11, 9), True),  # nothing more than the cells
        ((12, 10), True),  # and the margin
        ((13, 11), True),  # and the spacing
        ((14, 12), True),  # and both
        ((15, 9), False),
        ((11, 13), False),
        ((10, 9), False),
    ],
)
def test_whether_pixels_are_left_over(size, divides):
    assert Grid.of("4x3+1+2").divides(size) == divides


def test_cells_come_row_by_row():
    cells = [*Grid.of("4x3+1+2").cells((11, 9))]
    assert [(cell.row, cell.column) for cell in cells] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [cell.box[:2] for cell in cells] == [(1, 1), (7, 1), (1, 6), (7, 6)]
    assert all((right - left, lower - upper) == (4, 3) for *_, (left, upper, right, lower) in cells)


def test_they_are_of_each_run_of_a_training():
    settings = TrainingSettings(grid="16x16", unscale=True, batch_size=4)
    assert settings.unusual() == {"grid": "16x16", "unscale": True}
    assert ReadingSettings().unusual() == {}
    texts = {"grid": "16x16", "frames": "all", "unscale": "True", "mirror": "True"}
    assert settings_from_texts(texts) == {"mirror": True}
