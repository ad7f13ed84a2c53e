import io

import numpy as np
import pytest
from PIL import Image

import pixace.dataset.duplicates
from pixace.dataset.duplicates import (
    THUMBNAIL_SHAPE,
    difference_hashes,
    near_groups,
    same_groups,
    thumbnail,
)


def a_picture(seed: int) -> Image.Image:
    """Soft blobs of colour, like a photograph out of focus."""
    colours = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return Image.fromarray(colours).resize((120, 90), Image.Resampling.BICUBIC)


def saved_as(img: Image.Image, name: str, **options) -> Image.Image:
    file = io.BytesIO()
    img.save(file, name, **options)
    return Image.open(file).convert("RGB")


def groups_of(*pictures: Image.Image) -> list[list[int]]:
    return near_groups(np.stack([thumbnail(img) for img in pictures]))


def test_the_hash_says_where_it_gets_brighter():
    columns = np.array([0, 50, 40, 60, 62, 200, 0, 9, 255], np.uint8)
    pixels = np.broadcast_to(columns[:, None], THUMBNAIL_SHAPE)
    bits = difference_hashes(pixels[None])
    # 60 to 62 is less than noise may do.
    np.testing.assert_array_equal(bits, [[True, False, True, False, True, False, True, True] * 8])


@pytest.mark.parametrize(
    "copy",
    [
        lambda img: saved_as(img, "JPEG", quality=60),
        lambda img: saved_as(img, "WEBP", quality=60),
        lambda img: img.resize((60, 45)),
        lambda img: img.resize((32, 32)),
        lambda img: img.point(lambda value: min(255, value + 2)),
    ],
    ids=["jpeg", "webp", "half the size", "another shape", "a little brighter"],
)
def test_copies_are_found_among_others(copy):
    others = [a_picture(seed) for seed in range(1, 40)]
    assert groups_of(a_picture(0), *others, copy(a_picture(0))) == [[0, 40]]


def test_different_pictures_are_not_alike():
    turned = a_picture(0).transpose(Image.Transpose.ROTATE_180)
    brighter = a_picture(0).point(lambda value: value // 2 + 100)
    assert groups_of(a_picture(0), turned, brighter, *map(a_picture, range(1, 60))) == []


def test_plain_pictures_are_told_apart_by_their_colours():
    colours = ["white", "red", "#fe0201", "lime", "blue", "#fdfdfe"]
    assert groups_of(*(Image.new("RGB", (20, 20), name) for name in colours)) == [[0, 5], [1, 2]]


def test_what_is_linked_is_one_group():
    steps = [Image.new("RGB", (9, 8), (value,) * 3) for value in (100, 103, 106, 109, 150)]
    assert groups_of(*steps) == [[0, 1, 2, 3]]


def test_agrees_with_comparing_each_with_each():
    rng = np.random.default_rng(7)
    base = np.stack([thumbnail(a_picture(seed)) for seed in range(60)]).astype(int)
    noisy = base[rng.integers(0, 60, 140)] + rng.normal(0, 2.2, (140, *THUMBNAIL_SHAPE))
    thumbnails = np.concatenate([base, noisy]).clip(0, 255).astype(np.uint8)
    bits, flat = difference_hashes(thumbnails), thumbnails.reshape(200, -1).astype(float)
    alike = (bits[:, None] != bits).sum(axis=2) <= 3
    alike &= np.sqrt(((flat[:, None] - flat) ** 2).mean(axis=2)) <= 3
    assert 10 < np.triu(alike, 1).sum() < 400  # some are, and some are not
    linked = alike
    for _ in range(8):
        linked = linked @ linked
    expected = {tuple(np.flatnonzero(row).tolist()) for row in linked if row.sum() > 1}
    assert {tuple(group) for group in near_groups(thumbnails)} == expected


def test_many_equal_pictures_are_compared_once(monkeypatch):
    """A pass over each pair of 3000 blank pictures would yield millions of them."""
    pairs = []
    near_pairs = pixace.dataset.duplicates._near_pairs

    def counted(thumbnails):
        for pair in near_pairs(thumbnails):
            pairs.append(pair)
            yield pair

    monkeypatch.setattr(pixace.dataset.duplicates, "_near_pairs", counted)
    assert near_groups(np.zeros((3000, *THUMBNAIL_SHAPE), np.uint8)) == [[*range(3000)]]
    assert pairs == []


def test_no_pictures():
    assert near_groups(np.empty((0, *THUMBNAIL_SHAPE), np.uint8)) == []
    assert groups_of(a_picture(0)) == []


def test_same_groups():
    assert same_groups("abcabd") == [[0, 3], [1, 4]]
