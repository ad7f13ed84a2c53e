"""The JSON beside a sheet, which may be a stranger's."""

import json
import os

import pytest
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.sheet_frames import described_frames, sheet_frames

FRAME = {"frame": {"x": 1, "y": 2, "w": 3, "h": 4}}
TRIMMED = {
    "frame": {"x": 0, "y": 0, "w": 3, "h": 4},
    "spriteSourceSize": {"x": 0, "y": 0, "w": 3, "h": 4},
    "sourceSize": {"w": 5, "h": 6},
}


@pytest.fixture
def sheet(tmp_path):
    Image.new("RGB", (16, 12)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def describe(sheet, data):
    """Writes what stands beside a sheet."""
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    sheet.with_suffix(".json").write_bytes(data)


def frames_of(sheet):
    return sheet_frames(sheet, (16, 12), described_frames(sheet) or [])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1, 2]",
        b'{"frames": 12}',
        b'{"frames": [1, 2, "x"]}',
        b'{"frames": {"a": {"time": 3}}}',
        b'"frames"',
        b'["frames"]',
        b"caption",
        b"\xff\xfe\0",
    ],
)
def test_what_is_about_something_else_is_passed_over(sheet, data):
    describe(sheet, data)
    assert described_frames(sheet) is None


def test_without_one_a_picture_is_a_picture(sheet):
    assert described_frames(sheet) is None
    describe(sheet, {"frames": [FRAME]})
    assert described_frames(sheet.with_suffix(".gif")) is None, "the animation beside a sheet"


def test_it_may_be_about_another_picture(sheet):
    describe(sheet, {"frames": [FRAME], "meta": {"image": "a.webp"}})
    assert described_frames(sheet) is not None, "which is not here: it has been renamed"
    sheet.with_name("a.webp").touch()
    assert described_frames(sheet) is None
    assert described_frames(sheet.with_suffix(".webp")) is not None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"frames": [', "a.json is damaged; export it anew or remove it"),
        (b'{"frames": ' + b"[" * 100_000, "a.json is damaged"),
        (b'{"frames": {"a": ' + b"9" * 5000, "a.json is damaged"),
        (b'{"frames": []}'.ljust(8_000_001), "a.json: more than the 8 MB allowed"),
    ],
    ids=["cut", "deep", "digits", "large"],
)
def test_a_damaged_one_is_one_line(sheet, data, reason):
    describe(sheet, data)
    with pytest.raises(ImageError) as caught:
        described_frames(sheet)
    assert str(caught.value).startswith(f"{sheet}: {reason}")


def test_one_that_is_no_file_is_passed_over(sheet):
    os.mkfifo(sheet.with_suffix(".json"))
    assert described_frames(sheet) is None


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (7, "is no frame, but 7"),
        ({**FRAME, "rotated": True}, "is rotated in the sheet; export it without rotation"),
        ({"frame": {"x": 14, "y": 0, "w": 3, "h": 1}}, "3x1 pixels at 14,0 are not inside of"),
        ({"frame": {"x": 0, "y": 12, "w": 3, "h": 1}}, "3x1 pixels at 0,12 are not inside of"),
        ({"frame": {"x": 0, "y": 0, "w": 0, "h": 1}}, "0x1 pixels at 0,0 are not inside of"),
        ({"frame": {"x": -1, "y": 0, "w": 3, "h": 1}}, "its frame is not the whole numbers"),
        ({"frame": {"x": 1.5, "y": 0, "w": 3, "h": 1}}, "its frame is not the whole numbers"),
        ({"frame": {"x": True, "y": 0, "w": 3, "h": 1}}, "its frame is not the whole numbers"),
        ({"frame": {"x": 10**30, "y": 0, "w": 3, "h": 1}}, "its frame is not the whole numbers"),
        ({"frame": [0, 0, 3, 1]}, "its frame is not the whole numbers x, y, w, h"),
        ({**TRIMMED, "sourceSize": {"w": 5}}, "its sourceSize is not the whole numbers w, h"),
        ({**TRIMMED, "spriteSourceSize": None}, "its spriteSourceSize is not the whole numbers"),
        (
            {**TRIMMED, "sourceSize": {"w": 2, "h": 6}},
            "3x4 pixels at 0,0 are not inside of the 2x6",
        ),
        (
            {**TRIMMED, "sourceSize": {"w": 6, "h": 3}},
            "3x4 pixels at 0,0 are not inside of the 6x3",
        ),
        (
            {**TRIMMED, "sourceSize": {"w": 9999, "h": 9999}},
            "9999x9999 pixels are more than the 50",
        ),
    ],
)
def test_a_frame_that_cannot_be_is_refused_and_others_are_used(sheet, frame, problem):
    describe(sheet, {"frames": {"bad": frame, "good": FRAME}})
    found = frames_of(sheet)
    assert [piece.label for piece in found.pieces] == ["good"]
    ((piece, said),) = found.refused
    assert str(piece) == f"{sheet}#bad"
    assert said.startswith(problem)


def test_frames_that_claim_much_are_one_line(sheet):
    large = {**TRIMMED, "sourceSize": {"w": 7000, "h": 7000}}
    describe(sheet, {"frames": [large] * 21})
    with pytest.raises(
        ImageError, match="restored, have more than the 1000 million pixels allowed"
    ):
        frames_of(sheet)


def test_frames_without_names_are_counted(sheet):
    describe(sheet, {"frames": [FRAME, {**FRAME, "filename": "b"}, {**FRAME, "filename": 3}]})
    assert [piece.label for piece in frames_of(sheet).pieces] == ["0", "b", "2"]
