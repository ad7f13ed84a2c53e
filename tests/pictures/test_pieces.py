"""Parts of image files: as bytes, as names, as pictures."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixace.pictures.folder import ImagePaths
from pixace.pictures.pieces import Piece, cut
from pixace.wording import shown

PATH = Path("album/tiles.png")
PIECES = [
    Piece(PATH, "3", frame=2),
    Piece(PATH, "2,3", box=(32, 16, 48, 32)),
    Piece(PATH, "hero\0/walk #1\n", box=(0, 0, 2, 3), place=(1, 0), canvas=(40, 50)),
    Piece(PATH, "", box=(0, 0, 1, 1)),
    Piece(PATH, "é" * 100),
]


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_is_what_its_bytes_say(piece):
    assert Piece.decoded(PATH, piece.encoded()) == piece
    assert len(piece.encoded()) < 230


def test_a_name_of_any_length_and_letters_is_kept_in_short():
    label = Piece.decoded(PATH, Piece(PATH, "\ud800" + "x" * 10**6).encoded()).label
    assert label.startswith("\\ud800xxx")
    assert len(label) < 120


def test_it_is_spelt_as_a_path_with_a_fragment():
    assert (str(PIECES[1]), os.fspath(PIECES[1])) == ("album/tiles.png#2,3",) * 2
    assert shown(PIECES[2]).isprintable()


def test_a_list_of_pictures_has_files_and_parts_of_them():
    names = [b"a.png", b"tiles.png\0" + PIECES[1].encoded(), b"z#1.png"]
    paths = ImagePaths(Path("album"), names)
    assert [*paths] == [Path("album/a.png"), PIECES[1], Path("album/z#1.png")]
    assert [paths.label(number) for number in range(3)] == ["a.png", "tiles.png#2,3", "z#1.png"]
    assert paths.file_name(1) == b"tiles.png"
    assert [*paths.select([1])] == [PIECES[1]]


def test_pixels_of_a_part():
    img = Image.fromarray(np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3))
    whole = np.asarray(img)
    part = np.asarray(cut(img, Piece(PATH, "", box=(1, 2, 4, 4))))
    np.testing.assert_array_equal(part, whole[2:4, 1:4])
    restored = cut(img, Piece(PATH, "", box=(1, 2, 4, 4), place=(2, 1), canvas=(6, 5)))
    expected = np.zeros((5, 6, 4), np.uint8)
    expected[1:3, 2:5, :3], expected[1:3, 2:5, 3] = whole[2:4, 1:4], 255
    np.testing.assert_array_equal(np.asarray(restored), expected)
