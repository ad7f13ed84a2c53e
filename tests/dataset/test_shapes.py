"""Shapes of pictures beside a model's: which differ, which are enlarged, which size would suit."""

import numpy as np
import pytest

from pixace.dataset.shapes import enlarged, other_shapes, suitable_size
from pixace.settings.pictures import PictureSettings


def test_a_third_more_one_way_is_another_shape():
    sizes = np.array([[4, 3], [3, 4], [5, 4], [4, 5], [300, 301], [32, 16]])
    assert other_shapes(sizes).tolist() == [True, True, False, False, False, True]
    assert other_shapes(sizes, (32, 18)).tolist() == [True, True, True, True, True, False]
    assert other_shapes(np.empty((0, 2), int)).tolist() == []


def test_what_is_enlarged_depends_on_the_fit():
    sizes = np.array([[24, 16], [23, 90], [90, 15], [23, 15]])
    for fit, expected in (
        ("squash", [False, True, True, True]),
        ("crop", [False, True, True, True]),
        ("pad", [False, False, False, True]),
    ):
        assert enlarged(sizes, PictureSettings.of((24, 16), fit=fit)).tolist() == expected


@pytest.mark.parametrize(
    ("sizes", "image_size", "suitable"),
    [
        ([(24, 16)] * 2 + [(9, 9)], 32, (24, 16)),  # that of most of them
        ([(24, 16)] * 2 + [(9, 9)], 16, (24, 16)),
        ([(24, 16)] * 2 + [(9, 9)], "24x16", None),
        ([(24, 16)] * 2 + [(9, 9)], "16x24", (24, 16)),
        ([(24, 16), (9, 9)], 32, None),  # half are not most
        ([(16, 16)] * 3, 32, (16, 16)),
        ([(64, 64)] * 3, 32, None),  # which a user may well want smaller
        ([(64, 32)] * 3, "32x16", None),
        ([(640, 360)] * 3, 32, (32, 18)),  # the shape of most of them
        ([(640, 360), (1920, 1080), (1281, 720), (9, 9)], 32, (32, 18)),
        ([(360, 640)] * 3, "32x18", (18, 32)),
        ([(500, 450)] * 3, 32, None),
        ([], 32, None),
    ],
)
def test_the_size_that_would_suit(sizes, image_size, suitable):
    sizes = np.array(sizes, int).reshape(-1, 2)
    assert suitable_size(sizes, PictureSettings.of(image_size)) == suitable
