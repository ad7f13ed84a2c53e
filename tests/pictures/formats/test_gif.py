"""GIFs whose frames are parts of the picture."""

import struct

import numpy as np
import pytest

from pixace.pictures.cutting import find_pictures
from pixace.pictures.many import read_in_order
from pixace.pictures.reading import open_image
from pixace.pictures.rgb import to_rgba
from pixace.settings.reading import ReadingSettings

PALETTE = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
GREYS = bytes([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
COLOURS = {"R": (255, 0, 0), "G": (0, 255, 0), "B": (0, 0, 255), "W": (255, 255, 255)}
NOTHING = "."


def frame(place, size, index, *, disposal=0, clear=None):
    """Returns a frame of one of the four colours."""
    has_clear = clear is not None
    control = struct.pack("<BBHBB", 4, disposal << 2 | has_clear, 10, clear or 0, 0)
    bits, codes = 0, [4, *[value for _ in range(size[0] * size[1]) for value in (index, 4)], 5]
    for number, code in enumerate(codes):  # of 3 bits each, as the table is emptied all the time
        bits |= code << 3 * number
    data = bits.to_bytes(len(codes) * 3 // 8 + 1, "little")
    blocks = b"".join(
        bytes([len(data[n : n + 255])]) + data[n : n + 255] for n in range(0, len(data), 255)
    )
    return b"!\xf9" + control + b"," + struct.pack("<HHHHBB", *place, *size, 0, 2) + blocks + b"\0"


def gif(*frames, size=(4, 2), palette=PALETTE):
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x81, 0, 0) + palette
    return head + b"".join(frames) + b";"


def letters(rgba):
    """Returns rows of letters, one for each pixel."""
    names = {colour: letter for letter, colour in COLOURS.items()}
    return " ".join(
        "".join(names[tuple(pixel[:3])] if pixel[3] else NOTHING for pixel in row)
        for row in np.asarray(rgba).tolist()
    )


def frames_of(tmp_path, data):
    (tmp_path / "a.gif").write_bytes(data)
    paths = find_pictures(tmp_path, ReadingSettings(frames="all")).paths
    return [
        letters(img)
        for _, img in read_in_order(paths, range(len(paths)), lambda _, img: to_rgba(img), 9)
    ]


WHOLE = (0, 0), (4, 2)


@pytest.mark.parametrize("clear", [None, 3])
def test_what_the_first_frame_does_not_cover_is_transparent(tmp_path, clear):
    (tmp_path / "a.gif").write_bytes(gif(frame((1, 0), (2, 1), 1, clear=clear)))
    img = open_image(tmp_path / "a.gif", "white")
    assert letters(img.convert("RGBA")) == "WGGW WWWW"


def test_greys_without_a_palette_are_so_too(tmp_path):
    (tmp_path / "a.gif").write_bytes(gif(frame((1, 0), (2, 1), 1), palette=GREYS))
    assert np.asarray(open_image(tmp_path / "a.gif", "white"))[..., 0].tolist() == [
        [255, 1, 1, 255],
        [255] * 4,
    ]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([frame(*WHOLE, 0), frame((1, 0), (1, 1), 1)], ["RRRR RRRR", "RGRR RRRR"]),
        ([frame((0, 0), (1, 1), 0), frame((1, 0), (1, 1), 1)], ["R... ....", "RG.. ...."]),
        (
            [frame((0, 0), (1, 1), 0), frame((1, 0), (2, 2), 1, clear=1), frame(*WHOLE, 2)],
            ["R... ....", "R... ....", "BBBB BBBB"],
        ),
        (
            [frame(*WHOLE, 0, disposal=2), frame((1, 0), (1, 1), 1)],
            ["RRRR RRRR", ".G.. ...."],
        ),
        (
            [frame(*WHOLE, 0, disposal=3), frame((1, 0), (1, 1), 1)],
            ["RRRR RRRR", ".G.. ...."],
        ),
        (
            [
                frame(*WHOLE, 0, disposal=1),
                frame((1, 0), (2, 1), 1, disposal=2),
                frame((3, 1), (1, 1), 2),
            ],
            ["RRRR RRRR", "RGGR RRRR", "R..R RRRB"],
        ),
        (
            [
                frame(*WHOLE, 0, disposal=1),
                frame((1, 0), (2, 1), 1, disposal=3),
                frame((3, 1), (1, 1), 2),
            ],
            ["RRRR RRRR", "RGGR RRRR", "RRRR RRRB"],
        ),
        (
            [frame(*WHOLE, 0, disposal=2, clear=3), frame((1, 0), (1, 1), 1)],
            ["RRRR RRRR", ".G.. ...."],
        ),
    ],
)
def test_frames_are_put_together_as_browsers_do(tmp_path, frames, expected):
    assert frames_of(tmp_path, gif(*frames)) == expected
