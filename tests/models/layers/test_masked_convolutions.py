import itertools

import numpy as np
import pytest

from pixace.backend.door import trax
from pixace.models.layers.masked_convolutions import (
    MaskedConvolution,
    VerticalConvolution,
    convolved,
)
from pixace.models.layers.raster import LastRow, PixelOfRow, Raster, RowByRow

EDGE, DEPTH = 5, 3


def pictures(n_rows: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, n_rows, EDGE, DEPTH)).astype(np.float32)


def slow_convolution(x, kernel, bias):
    """The definition, pixel by pixel: kernel (rows, columns, D, F), the pixel's own row last."""
    n_rows, n_columns = kernel.shape[:2]
    margin = n_columns // 2
    padded = np.pad(x, ((0, 0), (n_rows - 1, 0), (margin, margin), (0, 0)))
    result = np.zeros((*x.shape[:3], kernel.shape[-1]), np.float32) + bias
    for row in range(x.shape[1]):
        for column in range(x.shape[2]):
            window = padded[:, row : row + n_rows, column : column + n_columns]
            result[:, row, column] += np.einsum("brcd,rcdf->bf", window, kernel)
    return result


def test_a_convolution_is_its_definition():
    kernel = np.random.default_rng(1).normal(size=(2, 3, DEPTH, 4)).astype(np.float32)
    x = pictures()
    got = convolved(x, kernel, n_left=1)
    np.testing.assert_allclose(got, slow_convolution(x, kernel, 0), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "mask", "taps"),
    [
        ((1, 3), "A", [(0, 0)]),
        ((1, 3), "B", [(0, 0), (0, 1)]),
        ((2, 3), "A", [(0, 0), (0, 1), (0, 2), (1, 0)]),
        ((2, 3), "B", [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]),
    ],
)
def test_a_masked_convolution_sees_the_taps_before_its_pixel(shape, mask, taps):
    layer = MaskedConvolution(4, shape, mask, EDGE, "eval")
    x = pictures()
    layer.init(trax.shapes.signature(x))
    seen, bias = map(np.asarray, layer.weights)
    assert seen.shape == (len(taps), DEPTH, 4)
    kernel = np.zeros((*shape, DEPTH, 4), np.float32)
    for (row, column), matrix in zip(taps, seen, strict=True):
        kernel[row, column] = matrix
    np.testing.assert_allclose(layer(x), slow_convolution(x, kernel, bias), atol=1e-5)


def one_by_one(layer, x, *, before):
    """Feeds pixels one at a time; `before` feeds the one before each, a start symbol first."""
    pixels = np.moveaxis(x.reshape(2, -1, DEPTH), 1, 0)
    if before:
        pixels = np.concatenate([np.full_like(pixels[:1], 9.0), pixels[:-1]])
    layer.init(trax.shapes.ShapeDtype((2, 1, 1, DEPTH)))
    return layer, [np.asarray(layer(pixel[:, None, None]))[:, 0, 0] for pixel in pixels]


@pytest.mark.parametrize(
    ("shape", "mask"),
    [((1, 1), "B"), *itertools.product([(1, 5), (2, 3), (3, 5), (4, 7)], ["A", "B"])],
)
def test_pixel_by_pixel_equals_all_at_once(shape, mask):
    x = pictures(n_rows=7)
    whole = MaskedConvolution(4, shape, mask, EDGE, "eval")
    whole.init(trax.shapes.signature(x))
    steps = MaskedConvolution(4, shape, mask, EDGE, "predict")
    steps.init(trax.shapes.ShapeDtype((2, 1, 1, DEPTH)))
    expected = np.asarray(whole(x)).reshape(2, -1, 4)
    pixels = np.moveaxis(x.reshape(2, -1, DEPTH), 1, 0)
    if mask == "A":
        pixels = np.concatenate([np.full_like(pixels[:1], 9.0), pixels[:-1]])
    steps.weights = whole.weights
    got = np.stack([np.asarray(steps(pixel[:, None, None]))[:, 0, 0] for pixel in pixels], axis=1)
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("mask", ["A", "B"])
@pytest.mark.parametrize("shape", [(1, 3), (3, 5)])
def test_row_by_row_equals_all_at_once(shape, mask):
    x = pictures(n_rows=6)
    whole = VerticalConvolution(4, shape, mask, "eval")
    whole.init(trax.shapes.signature(x))
    steps = VerticalConvolution(4, shape, mask, "predict")
    steps.init(trax.shapes.ShapeDtype((2, 1, EDGE, DEPTH)))
    steps.weights = whole.weights
    rows = [x[:, i : i + 1] for i in range(x.shape[1])]
    if mask == "A":
        rows = [np.zeros_like(rows[0]), *rows[:-1]]
    got = np.concatenate([np.asarray(steps(row)) for row in rows], axis=1)
    np.testing.assert_allclose(got, whole(x), atol=1e-5)


def test_a_vertical_convolution_with_mask_a_sees_the_rows_above():
    layer = VerticalConvolution(2, (2, 3), "A", "eval")
    x = pictures()
    layer.init(trax.shapes.signature(x))
    changed = x.copy()
    changed[:, 2] += 1
    difference = np.abs(np.asarray(layer(changed)) - np.asarray(layer(x))).max(axis=(0, 2, 3))
    np.testing.assert_array_equal(difference > 0, [False, False, False, True])


def test_rows_are_worked_on_once():
    """The last row is there when a new one starts; until then its features are kept."""
    x = pictures(n_rows=3)
    layer = trax.layers.Serial(
        LastRow(EDGE, "predict"),
        RowByRow(trax.layers.Fn("Double", lambda row: 2 * row), edge=EDGE, mode="predict"),
        PixelOfRow(EDGE, "predict"),
    )
    layer, got = one_by_one(layer, x, before=True)
    above = np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], axis=1)
    np.testing.assert_array_equal(np.stack(got, axis=1), 2 * above.reshape(2, -1, DEPTH))


@pytest.mark.parametrize("length", [1, 7, 15])
def test_a_raster_takes_pieces_of_any_length(length):
    """The missing end of a picture is padded, and in mode predict pieces follow each other."""

    def model(mode):
        look = MaskedConvolution(4, (2, 3), "A", EDGE, mode)
        return Raster(trax.layers.Embedding(10, DEPTH), look, edge=EDGE, mode=mode)

    tokens = np.random.default_rng(0).integers(2, 10, (2, length)).astype(np.int32)
    whole, steps = model("eval"), model("predict")
    whole.init(trax.shapes.signature(tokens))
    steps.init(trax.shapes.ShapeDtype((2, 1), np.int32))
    steps.weights = whole.weights
    expected = np.asarray(whole(tokens))
    assert expected.shape == (2, length, 4)
    fed = np.concatenate([np.zeros((2, 1), np.int32), tokens[:, :-1]], axis=1)
    pieces = [fed[:, :4], fed[:, 4:5], fed[:, 5:]]
    got = [np.asarray(steps(piece)) for piece in pieces if piece.size]
    np.testing.assert_allclose(np.concatenate(got, axis=1), expected, atol=1e-5)
