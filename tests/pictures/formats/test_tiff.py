"""Deep greys of TIFFs are what they say, also where they count from white on."""

import struct

import numpy as np
import pytest

from pixace.errors import ImageError
from pixace.pictures.reading import open_image
from tests.tools.hostile_images import tiff

LEVELS = 0, 1, 51 * 257, 65534, 65535


def grey(white_is_zero, bits, data):
    width = 8 * len(data) // bits
    return tiff({256: width, 257: 1, 258: bits, 262: int(not white_is_zero), 278: 1}, data)


@pytest.mark.parametrize("white_is_zero", [False, True])
def test_white_may_be_zero_in_16_bits(tmp_path, white_is_zero):
    (tmp_path / "a.tif").write_bytes(grey(white_is_zero, 16, struct.pack("<5H", *LEVELS)))
    expected = np.round(np.array(LEVELS) / 257)
    expected = 255 - expected if white_is_zero else expected
    assert (np.asarray(open_image(tmp_path / "a.tif"))[0, :, 0] == expected).all()


def test_floats_of_which_nobody_knows_the_white_are_refused(tmp_path):
    plain = tiff({256: 1, 257: 1, 258: 32, 262: 1, 278: 1, 339: 3}, struct.pack("<f", 1))
    (tmp_path / "a.tif").write_bytes(plain)
    assert open_image(tmp_path / "a.tif").getpixel((0, 0)) == (255, 255, 255)
    negative = tiff({256: 1, 257: 1, 258: 32, 262: 0, 278: 1, 339: 3}, struct.pack("<f", 1))
    (tmp_path / "a.tif").write_bytes(negative)
    with pytest.raises(ImageError, match="a TIFF of a rare kind, which is not read"):
        open_image(tmp_path / "a.tif")


def test_a_text_that_ends_behind_the_file_costs_nothing(tmp_path):
    tags = {256: 2, 257: 1, 270: 1020, 278: 1}
    (tmp_path / "a.tif").write_bytes(tiff(tags, bytes([9, 99]), {270: (2, 50)}))
    seen = open_image(tmp_path / "a.tif")
    assert [seen.getpixel((x, 0)) for x in (0, 1)] == [(9, 9, 9), (99, 99, 99)]
