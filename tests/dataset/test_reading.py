import logging

import numpy as np
import pytest
from PIL import Image

import pixace.dataset.reading
import pixace.system.threads
from pixace.dataset.reading import load_images
from pixace.errors import ImageError, UsageError
from pixace.pictures.folder import find_images
from pixace.pictures.reading import open_image
from pixace.settings.model import ModelConfig
from pixace.tokens import image_to_tokens, tokens_to_image
from tests.conftest import paint

CONFIG = ModelConfig(image_size=6, bitdepth=(2, 1, 2))


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
