import collections
import logging
import math
import shutil

import numpy as np
import pytest
from PIL import Image

import pixace.dataset.reading
import pixace.system.threads
from pixace.dataset.batches import padded_batches, spread_rows, training_batches
from pixace.dataset.reading import load_images
from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import find_images
from pixace.pictures.reading import open_image
from pixace.settings.model import ModelConfig
from pixace.tokens import image_to_tokens, tokens_to_image
from pixace.tokens.order import PixelOrder
from tests.conftest import paint

CONFIG = ModelConfig(image_size=6, bitdepth=(2, 1, 2))


def numbered(n_images: int) -> np.ndarray:
    """Tokens (N, 4) of which each row tells its own number."""
    return np.arange(2, n_images + 2, dtype=np.uint16)[:, None].repeat(4, axis=1)


def take(n_batches: int, n_images: int, batch_size: int, **options) -> np.ndarray:
    stream = training_batches(numbered(n_images), batch_size, **{"seed": 3, **options})
    return np.concatenate([next(stream)[:, 0] - 2 for _ in range(n_batches)])


def test_a_folder_becomes_the_tokens_of_its_images_in_order(painted):
    images = load_images(painted, CONFIG)
    assert list(images.paths) == list(find_images(painted))
    assert images.tokens.shape == (25, 36)
    assert images.tokens.dtype == np.uint16
    for path, tokens in zip(images.paths, images.tokens, strict=True):
        np.testing.assert_array_equal(tokens, image_to_tokens(open_image(path), 6, (2, 1, 2)))


def test_unreadable_files_are_listed_once_and_left_out(tmp_path, caplog):
    paint(tmp_path, 6, seed=0)
    good = load_images(tmp_path, CONFIG).tokens
    (tmp_path / "a-empty.png").write_bytes(b"")
    (tmp_path / "disc-002b.jpg").write_text("no image")
    half = (tmp_path / "disc-000.png").read_bytes()
    (tmp_path / "z-half.png").write_bytes(half[: len(half) // 2])
    with caplog.at_level(logging.WARNING):
        images = load_images(tmp_path, CONFIG)
    np.testing.assert_array_equal(images.tokens, good)
    for name in ("a-empty.png", "disc-002b.jpg", "z-half.png"):
        assert sum(name in line for line in images.skipped) == 1
        assert sum(name in record.message for record in caplog.records) == 1
    assert len(images.skipped) == 3


def test_a_folder_without_a_readable_image_is_an_error(tmp_path):
    with pytest.raises(ImageError, match="no images"):
        load_images(tmp_path, CONFIG)
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"none of its 1 .*x\.png"):
        load_images(tmp_path, CONFIG)


def test_shares_are_disjoint_and_complete(painted):
    whole = load_images(painted, CONFIG)
    shares = [load_images(painted, CONFIG, share=(index, 3)) for index in range(3)]
    for index, share in enumerate(shares):
        assert list(share.paths) == list(whole.paths)[index::3]
        np.testing.assert_array_equal(share.tokens, whole.tokens[index::3])
    with pytest.raises(ImageError, match="25 images are too few for 26 processes"):
        load_images(painted, CONFIG, share=(25, 26))
    with pytest.raises(UsageError, match="the share must be from 0 to 2, not 3"):
        load_images(painted, CONFIG, share=(3, 3))


def test_more_images_than_are_read_at_once(tmp_path, monkeypatch):
    paths = paint(tmp_path, 10, seed=0)
    paths[4].write_bytes(b"no image")
    whole = load_images(tmp_path, CONFIG)
    monkeypatch.setattr(pixace.dataset.reading, "_CHUNK_PIXELS", 2 * CONFIG.n_pixels)
    monkeypatch.setattr(pixace.system.threads, "_AHEAD", 2)
    parts = load_images(tmp_path, CONFIG)
    assert list(parts.paths) == list(whole.paths) == paths[:4] + paths[5:]
    np.testing.assert_array_equal(parts.tokens, whole.tokens)


def test_transparency_shows_the_background(tmp_path):
    Image.new("RGBA", (6, 6), (255, 0, 0, 0)).save(tmp_path / "x.png")
    config = ModelConfig(image_size=6, bitdepth=(4, 3, 3), background="#00ff00")
    tokens = load_images(tmp_path, config).tokens[0]
    assert tokens_to_image(tokens, (4, 3, 3)).getpixel((0, 0))[1] > 200


def test_after_loading_no_file_is_read_again(tmp_path):
    paint(tmp_path / "x", 5, seed=0)
    images = load_images(tmp_path / "x", CONFIG)
    shutil.rmtree(tmp_path / "x")
    stream = training_batches(images.tokens, 2, seed=0)
    drawn = {tuple(row) for _ in range(10) for row in next(stream)}
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
    rows = next(training_batches(picture, 20, seed=0, mirror=PixelOrder(3, 3)))
    assert "".join("x" if row[0] > 2 else "." for row in rows) == "xxx...x.x.x.x....xx."


def test_a_set_larger_than_memory_is_not_copied():
    tokens = np.broadcast_to(np.uint16(7), (10**9, 36))  # 72 GB, if it were written out
    assert (next(training_batches(tokens, 3, seed=0, mirror=PixelOrder(6, 6))) == 7).all()
    assert spread_rows(tokens, 4).shape == (4, 36)
    assert next(padded_batches(tokens, 3))[0].shape == (3, 36)


def test_the_seed_decides_the_order():
    assert (take(3, 50, 10, seed=1) == take(3, 50, 10, seed=1)).all()
    assert (take(3, 50, 10, seed=1) != take(3, 50, 10, seed=2)).any()


def test_batches_are_what_the_model_and_the_loss_expect():
    batch = next(training_batches(numbered(5), 3, seed=0))
    assert batch.dtype == np.int32
    assert batch.shape == (3, 4)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3), (3, 2)])
def test_mirror_flips_about_half_of_the_pictures_left_to_right(shape):
    picture = np.arange(2, 2 + math.prod(shape), dtype=np.uint16)
    flipped = picture.reshape(shape)[:, ::-1].reshape(-1)
    order = PixelOrder(*shape)
    stream = training_batches(picture[None], 10, seed=0, mirror=order)
    rows = np.concatenate([next(stream) for _ in range(40)])
    is_flipped = (rows == flipped).all(axis=1)
    assert (is_flipped | (rows == picture).all(axis=1)).all()
    assert 150 < is_flipped.sum() < 250
    again = training_batches(picture[None], 10, seed=0, mirror=order, start=100)
    np.testing.assert_array_equal(next(again), rows[100:110])


def test_padded_batches_hold_each_image_once():
    batches = list(padded_batches(numbered(7), 3))
    assert [rows.shape for rows, _ in batches] == [(3, 4)] * 3
    assert [count for _, count in batches] == [3, 3, 1]
    kept = np.concatenate([rows[:count, 0] for rows, count in batches])
    np.testing.assert_array_equal(kept, np.arange(2, 9))
