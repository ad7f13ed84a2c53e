"""Which results are shown, what their files are called, and the shape of a sheet."""

import pytest

from pixace.drawing.layout import Layout


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
