"""Many pictures read: in order, in portions, each file opened once for all that is taken of it."""

import logging

import numpy as np
import pytest
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.cutting import find_pictures
from pixace.pictures.many import portions, read_in_order
from pixace.settings.reading import ReadingSettings

READING = ReadingSettings(grid="2x2")


@pytest.fixture
def paths(tmp_path):
    """Two sheets of six cells with two pictures between them: 14 pictures in all."""
    rng = np.random.default_rng(0)
    for name, size in (("a", (6, 4)), ("b", (2, 2)), ("c", (2, 2)), ("d", (4, 6))):
        pixels = rng.integers(0, 256, (*size[::-1], 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return find_pictures(tmp_path, READING).paths


def test_portions_are_files_or_pieces_of_one_file(paths):
    numbers = range(len(paths))
    assert [*portions(paths, numbers, 3, 4)] == [
        [0, 1, 2, 3],
        [4, 5],
        [6, 7],
        [8, 9, 10, 11],
        [12, 13],
    ]
    assert [*portions(paths, np.array([13, 0, 6, 7, 1]), 1, 9)] == [[13], [0], [6], [7], [1]]


def test_they_come_in_the_order_asked_for_from_files_opened_once(paths, caplog):
    numbers = [13, 12, 1, 0, 6, 5, 4]
    with caplog.at_level(logging.DEBUG, "pixace.pictures.reading"):
        results = [*read_in_order(paths, numbers, lambda path, img: (path, img.size), 9)]
    assert results == [(number, (paths[number], (2, 2))) for number in numbers]
    opened = sorted(line.rpartition("/")[2] for line in caplog.messages)
    assert opened == ["a.png", "a.png", "b.png", "d.png"]


def test_what_has_changed_since_it_was_cut_is_told_of_each_picture(paths):
    (paths.folder / "a.png").write_bytes(b"no picture")
    (paths.folder / "c.png").unlink()
    results = dict(read_in_order(paths, range(len(paths)), lambda path, img: img.size, 9))
    bad = [number for number, result in results.items() if isinstance(result, ImageError)]
    assert bad == [0, 1, 2, 3, 4, 5, 7]
    assert str(results[1]).startswith(f"{paths.folder}/a.png#1,2: not an image")
    assert str(results[7]).startswith(f"{paths.folder}/c.png: No such file")


def test_what_goes_wrong_with_one_picture_is_its_own(paths):
    def work(path, img):
        if str(path).endswith("#2,1"):
            raise OSError("a bad cell")
        return img.size

    results = dict(read_in_order(paths, range(6), work, 9))
    assert [str(result) for result in results.values() if result != (2, 2)] == [
        f"{paths.folder}/a.png#2,1: a bad cell"
    ]


def test_a_damaged_frame_does_not_cost_the_others(tmp_path):
    frames = [Image.new("L", (8, 8), 40 * number) for number in range(4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    paths = find_pictures(tmp_path, ReadingSettings(frames="all")).paths
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(data[: len(data) * 3 // 4])
    results = [
        *read_in_order(paths, range(4), lambda path, img: img.convert("L").getpixel((0, 0)), 9)
    ]
    good = [result for _, result in results if not isinstance(result, ImageError)]
    assert good[0] == 0
    assert 0 < len(good) < 4
    assert all(
        f"{tmp_path}/a.gif#{number + 1}: " in str(r) for number, r in results if r not in good
    )
