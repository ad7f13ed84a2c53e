"""Words below the rows of a collage: where they are, and how much of them."""

import numpy as np
import pytest
from PIL import Image

from pixace.pictures.labels import label_height, labelled

LONG = "a red heart with an arrow, and a long explanation of what is to be seen of it and why"


def sheet(n_rows, width, row_height, mode="RGB"):
    noise = np.random.default_rng(0).integers(0, 256, (n_rows * row_height, width, len(mode)))
    return Image.fromarray(noise.astype(np.uint8))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(
    ("width", "row_height", "labels"),
    [
        (256, 256, [["a red heart"], [LONG]]),
        (512, 128, [["a dog", "a cat", LONG, ""], ["1", "2", "3", "4"]]),
        (16, 16, [[LONG], ["Ünwörter 红心 \N{ROCKET} \u202e"]]),
        (9, 9, [["ab"], [""]]),
    ],
)
def test_rows_stay_as_they_are_and_words_are_below(mode, width, row_height, labels):
    collage = sheet(2, width, row_height, mode)
    height = label_height(labels, width, row_height)
    done = labelled(collage, labels)
    assert (done.mode, done.size) == (mode, (width, 2 * (row_height + height)))
    pixels, before = np.asarray(done), np.asarray(collage)
    for row in range(2):
        top = row * (row_height + height)
        np.testing.assert_array_equal(
            pixels[top : top + row_height], before[row * row_height :][:row_height]
        )
        strip = pixels[top + row_height : top + row_height + height]
        for column, text in enumerate(labels[row]):
            share = width // len(labels[row])
            part = strip[:, column * share : (column + 1) * share, :3]
            assert part.any() == bool(text.strip()), "white on black"
        assert (strip[..., 3:] == 255).all()


def test_long_words_take_some_more_lines_but_not_all():
    one, two, many = (label_height([[text]], 256, 256) for text in ("a", LONG[:40], 9 * LONG))
    assert one < two < many
    assert many - one == 2 * (two - one), "three lines"
    assert many == label_height([[99 * LONG]], 256, 256)


def test_a_word_without_end_is_broken():
    assert label_height([["x" * 12_000]], 64, 8) == label_height([["a b c " * 9]], 16, 8)
    one, broken = (labelled(sheet(1, 64, 8), [[text]]) for text in ("x" * 12_000, "x" * 99))
    np.testing.assert_array_equal(one, broken)


def test_letters_grow_with_the_tiles_within_bounds():
    heights = [label_height([["a"]], 9999, row_height) for row_height in (8, 160, 256, 400, 4000)]
    assert heights == sorted(heights)
    assert heights[0] == heights[1] < heights[2] < heights[3] == heights[4]


def test_what_does_not_print_is_spelt():
    np.testing.assert_array_equal(
        labelled(sheet(1, 99, 50), [["a\x00b"]]), labelled(sheet(1, 99, 50), [["a\\x00b"]])
    )
    np.testing.assert_array_equal(
        labelled(sheet(1, 99, 50), [["é  a\nb"]]), labelled(sheet(1, 99, 50), [["e a b"]])
    )
