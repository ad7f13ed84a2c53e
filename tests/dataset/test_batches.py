"""Batches: every picture once in each pass, in an order that the seed alone decides."""

import collections
import math
import shutil

import numpy as np
import pytest

from pixace.dataset.batches import (
    padded_batches,
    spread_rows,
    training_batches,
)
from pixace.dataset.captions import Captions
from pixace.dataset.reading import load_images
from pixace.dataset.shown_captions import ShownCaptions
from pixace.settings.model import ModelConfig
from pixace.tokens.order import PixelOrder, all_orders
from tests.conftest import paint

CONFIG = ModelConfig(image_size=6, bitdepth=(2, 1, 2))


def numbered(n_images: int) -> np.ndarray:
    """Tokens (N, 4) of which each row tells its own number."""
    return np.arange(2, n_images + 2, dtype=np.uint16)[:, None].repeat(4, axis=1)


def take(n_batches: int, n_images: int, batch_size: int, **options) -> np.ndarray:
    stream = training_batches(numbered(n_images), batch_size, **{"seed": 3, **options})
    return np.concatenate([next(stream).tokens[:, 0] - 2 for _ in range(n_batches)])


def test_after_loading_no_file_is_read_again(tmp_path):
    paint(tmp_path / "x", 5, seed=0)
    images = load_images(tmp_path / "x", CONFIG)
    shutil.rmtree(tmp_path / "x")
    stream = training_batches(images.tokens, 2, seed=0)
    drawn = {tuple(row) for _ in range(10) for row in next(stream).tokens}
    assert drawn == {tuple(row) for row in images.tokens.astype(np.int32)}


@pytest.mark.parametrize(("n_images", "batch_size"), [(1, 4), (3, 2), (10, 4), (7, 7), (500, 32)])
def test_every_pass_holds_every_image_once(n_images, batch_size):
    drawn = take(-(-4 * n_images // batch_size), n_images, batch_size)
    passes = [drawn[start : start + n_images] for start in range(0, 4 * n_images, n_images)]
    for one in passes:
        assert sorted(one) == list(range(n_images))
    if n_images >= 10:
        assert len({tuple(one) for one in passes}) == 4


def test_the_shuffle_reaches_over_the_whole_set():
    """Every place of the first pass is taken by images from everywhere, over many seeds."""
    first = [take(1, 100, 1, seed=seed)[0] for seed in range(40)]
    halves = collections.Counter(number < 50 for number in first)
    assert 8 < halves[True] < 32
    assert len(set(first)) > 25


def test_the_stream_goes_on_where_another_stopped():
    whole = take(12, 10, 4)
    for batches_done in (1, 2, 3, 7):
        rest = take(12 - batches_done, 10, 4, start=4 * batches_done)
        np.testing.assert_array_equal(rest, whole[4 * batches_done :])


def test_the_stream_is_what_it_always_was():
    """A stored training goes on with the same pictures, whatever version it was begun with."""
    assert list(take(2, 10, 10)) == [4, 0, 2, 9, 1, 3, 5, 8, 6, 7, 9, 3, 5, 1, 0, 7, 8, 4, 2, 6]
    assert list(take(1, 10, 4, start=10**9)) == [4, 0, 2, 9]
    picture = np.arange(2, 11, dtype=np.uint16)[None]
    rows = next(training_batches(picture, 20, seed=0, mirror=PixelOrder(3, 3))).tokens
    assert "".join("x" if row[0] > 2 else "." for row in rows) == "xxx...x.x.x.x....xx."


def test_a_set_larger_than_memory_is_not_copied():
    tokens = np.broadcast_to(np.uint16(7), (10**9, 36))  # 72 GB, if it were written out
    assert (next(training_batches(tokens, 3, seed=0, mirror=PixelOrder(6, 6))).tokens == 7).all()
    assert spread_rows(tokens, 4).shape == (4, 36)
    assert next(padded_batches(tokens, 3))[0].tokens.shape == (3, 36)


def test_the_seed_decides_the_order():
    assert (take(3, 50, 10, seed=1) == take(3, 50, 10, seed=1)).all()
    assert (take(3, 50, 10, seed=1) != take(3, 50, 10, seed=2)).any()


def test_batches_are_what_the_model_and_the_loss_expect():
    batch = next(training_batches(numbered(5), 3, seed=0))
    assert (batch.tokens.dtype, batch.tokens.shape) == (np.int32, (3, 4))
    assert batch.weights is None, "all tokens count alike"


@pytest.mark.parametrize("shape", [(3, 3), (2, 3), (3, 2)])
def test_mirror_flips_about_half_of_the_pictures_left_to_right(shape):
    picture = np.arange(2, 2 + math.prod(shape), dtype=np.uint16)
    flipped = picture.reshape(shape)[:, ::-1].reshape(-1)
    order = PixelOrder(*shape)
    stream = training_batches(picture[None], 10, seed=0, mirror=order)
    rows = np.concatenate([next(stream).tokens for _ in range(40)])
    is_flipped = (rows == flipped).all(axis=1)
    assert (is_flipped | (rows == picture).all(axis=1)).all()
    assert 150 < is_flipped.sum() < 250
    again = training_batches(picture[None], 10, seed=0, mirror=order, start=100)
    np.testing.assert_array_equal(next(again).tokens, rows[100:110])


@pytest.mark.parametrize("shape", [(3, 3), (2, 3)])
def test_each_picture_comes_in_one_of_all_orders_which_is_told(shape):
    orders = all_orders(shape)
    picture = np.arange(2, 2 + math.prod(shape), dtype=np.uint16)
    batches = training_batches(picture[None], 10, seed=0, orders=orders)
    some = [next(batches) for _ in range(40)]
    numbers = np.concatenate([batch.captions for batch in some])
    rows = np.concatenate([batch.tokens for batch in some])
    assert numbers.shape == (400, 1) and numbers.dtype == np.int32
    np.testing.assert_array_equal(rows, picture[orders[numbers[:, 0]]])
    counts = np.bincount(numbers[:, 0], minlength=len(orders))
    assert (abs(counts - 400 / len(orders)) < 40).all()
    again = next(training_batches(picture[None], 10, seed=0, orders=orders, start=100))
    np.testing.assert_array_equal(again.tokens, rows[100:110])


def test_flips_come_with_every_order():
    mirror, orders = PixelOrder(2, 2), all_orders((2, 2))
    picture = np.arange(2, 6, dtype=np.uint16)
    batches = training_batches(picture[None], 400, seed=0, mirror=mirror, orders=orders)
    batch = next(batches)
    numbers = batch.captions[:, 0]
    is_flipped = (batch.tokens != picture[orders[numbers]]).any(axis=1)
    flipped = picture[mirror.mirrored()]
    np.testing.assert_array_equal(batch.tokens[is_flipped], flipped[orders[numbers[is_flipped]]])
    for number in range(len(orders)):
        assert 10 < is_flipped[numbers == number].sum() < 40


def test_the_order_is_a_lot_of_its_own_and_told_behind_the_caption():
    captions, orders = ShownCaptions(CAPTIONS, 9, 0.3), all_orders((1, 2))
    plain, texts = rows_shown(captions)
    tokens = np.array([[2, 3], [4, 5], [6, 7]], np.uint16)
    stream = training_batches(tokens, 4, seed=5, captions=captions, orders=orders)
    batches = [next(stream) for _ in range(30)]
    told = np.concatenate([batch.captions for batch in batches])
    assert told.shape == (120, 10) and told.dtype == np.int32
    assert words_of(told[:, :9]) == texts
    rows = np.concatenate([batch.tokens for batch in batches])
    np.testing.assert_array_equal(rows, np.take_along_axis(plain, orders[told[:, 9]], axis=1))


@pytest.mark.parametrize("mirrored", [False, True])
def test_roll_shifts_pictures_by_any_number_of_rows_and_columns(mirrored):
    order = PixelOrder(2, 3)
    picture = np.arange(2, 8, dtype=np.uint16)
    shifts = [
        order.rolled(picture[None], np.array([d]), np.array([r])) for d in (0, 1) for r in (0, 1, 2)
    ]
    possible = {tuple(rows[0]): number for number, rows in enumerate(shifts)}
    options = {"seed": 0, "roll": order, "mirror": order if mirrored else None}
    stream = training_batches(picture[None], 10, **options)
    rows = np.concatenate([next(stream).tokens for _ in range(30)])
    plain = rows
    if mirrored:  # the same lots as without --roll, and flipped before it is shifted
        alone = training_batches(picture[None], 300, seed=0, mirror=order)
        flips = (next(alone).tokens != picture).any(axis=1)
        back = order.mirrored()
        assert {tuple(row) for row in rows[~flips]} == {*possible}
        plain = np.concatenate([rows[~flips], rows[flips][:, back]])
    counts = collections.Counter(possible[tuple(row)] for row in plain)
    assert len(counts) == 6 and min(counts.values()) > 30
    again = training_batches(picture[None], 10, start=100, **options)
    np.testing.assert_array_equal(next(again).tokens, rows[100:110])


def test_rolling_is_a_lot_of_its_own_and_always_was_this_one():
    """Neither the order nor the captions change, and trainings go on as they were begun."""
    order, captions = PixelOrder(1, 2), ShownCaptions(CAPTIONS, 9, 0.3)
    plain, texts = rows_shown(captions)
    rolled, others = rows_shown(captions, roll=order)
    assert others == texts
    np.testing.assert_array_equal(np.sort(rolled), np.sort(plain))
    picture = np.arange(2, 11, dtype=np.uint16)[None]
    rows = next(training_batches(picture, 12, seed=0, roll=PixelOrder(3, 3))).tokens
    assert rows[:, 0].tolist() == [3, 7, 10, 10, 6, 6, 4, 9, 10, 3, 5, 8]


def test_padded_batches_hold_each_image_once():
    batches = list(padded_batches(numbered(7), 3))
    assert [batch.tokens.shape for batch, _ in batches] == [(3, 4)] * 3
    assert [count for _, count in batches] == [3, 3, 1]
    kept = np.concatenate([batch.tokens[:count, 0] for batch, count in batches])
    np.testing.assert_array_equal(kept, np.arange(2, 9))


def test_padded_batches_bring_the_captions_of_their_images():
    captions = np.arange(7 * 2, dtype=np.uint16).reshape(7, 2)
    batches = list(padded_batches(numbered(7), 3, captions))
    assert {batch.captions.dtype for batch, _ in batches} == {np.dtype(np.int32)}
    kept = np.concatenate([batch.captions[:count] for batch, count in batches])
    np.testing.assert_array_equal(kept, captions)
    assert next(padded_batches(numbered(7), 3))[0].captions is None


def words_of(tokens: np.ndarray) -> list[str]:
    return [bytes(int(token) - 1 for token in row if token).decode() for row in tokens]


def rows_shown(shown: ShownCaptions | None, n_batches: int = 30, **options) -> tuple:
    """The batches of a stream over three pictures: their tokens, and their captions."""
    stream = training_batches(
        np.array([[2, 3], [4, 5], [6, 7]], np.uint16), 4, seed=5, captions=shown, **options
    )
    batches = [next(stream) for _ in range(n_batches)]
    if shown is None:
        return np.concatenate([batch.tokens for batch in batches]), None
    texts = [text for batch in batches for text in words_of(batch.captions)]
    return np.concatenate([batch.tokens for batch in batches]), texts


CAPTIONS = Captions(
    [["cat", "tabby", "pet"], [], ["hat to the left", "it is bright", "right hand"]]
)


def test_each_picture_comes_with_one_of_its_captions_or_without():
    tokens, texts = rows_shown(ShownCaptions(CAPTIONS, 9, 0.1), 100)
    first = [text for row, text in zip(tokens, texts, strict=True) if row[0] == 2]
    assert {"cat", "tabby", "pet", ""} == set(first)
    assert all(25 < first.count(text) < 60 for text in ("cat", "tabby", "pet"))
    assert 6 <= first.count("") <= 22
    assert {text for row, text in zip(tokens, texts, strict=True) if row[0] == 4} == {""}
    third = {text for row, text in zip(tokens, texts, strict=True) if row[0] == 6}
    assert third == {"hat to", "it is", "right", ""}, "cut at a word"


def test_captions_change_nothing_of_the_order_nor_of_the_mirroring():
    order = PixelOrder(1, 2)
    plain, _ = rows_shown(None, mirror=order)
    sideless = Captions([["cat"], ["bright"], ["all rights"]])
    for dropout in (0.0, 0.5):
        tokens, _ = rows_shown(ShownCaptions(sideless, 9, dropout), mirror=order)
        np.testing.assert_array_equal(tokens, plain)


def test_a_stream_with_captions_goes_on_where_it_stopped():
    shown = ShownCaptions(CAPTIONS, 9, 0.3)
    tokens, texts = rows_shown(shown)
    again, others = rows_shown(shown, 20, start=40)
    np.testing.assert_array_equal(again, tokens[40:])
    assert others == texts[40:]


def test_a_caption_that_tells_sides_keeps_its_picture_from_being_mirrored():
    tokens, texts = rows_shown(ShownCaptions(CAPTIONS, 64, 0.3), 100, mirror=PixelOrder(1, 2))
    rows = [(text, row[0] > row[1]) for row, text in zip(tokens, texts, strict=True)]
    for text in ("hat to the left", "right hand"):
        assert {flipped for shown, flipped in rows if shown == text} == {False}
    for text in ("it is bright", "cat", ""):
        assert {flipped for shown, flipped in rows if shown == text} == {True, False}


def test_each_lot_is_drawn_by_itself():
    """Whether a picture is flipped, which caption it has, and whether that is dropped."""
    captions = Captions([["a", "b"]] * 3)
    plain, _ = rows_shown(None, 200, mirror=PixelOrder(1, 2))
    _, texts = rows_shown(ShownCaptions(captions, 9, 0.0), 200)
    _, kept = rows_shown(ShownCaptions(captions, 9, 0.5), 200)
    lots = [plain[:, 0] > plain[:, 1], np.array(texts) == "a", np.array(kept) == ""]
    shares = np.corrcoef(np.array(lots, float))
    assert abs(shares[np.triu_indices(3, 1)]).max() < 0.15


def test_captions_may_all_be_dropped_or_none():
    for dropout, is_shown in ((0.0, True), (1.0, False)):
        tokens, texts = rows_shown(ShownCaptions(CAPTIONS, 64, dropout), 10)
        shown = [bool(text) for row, text in zip(tokens, texts, strict=True) if row[0] != 4]
        assert set(shown) == {is_shown}
