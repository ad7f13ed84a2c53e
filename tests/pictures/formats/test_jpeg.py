"""JPEGs: odd segments cost nothing, a missing end neither; very large ones are decoded small."""

import struct

import numpy as np
import pytest
from PIL import Image

from pixace.dataset.examine import examine
from pixace.errors import ImageError
from pixace.pictures.cutting import find_pictures
from pixace.pictures.folder import find_images
from pixace.pictures.formats import jpeg as jpeg_file
from pixace.pictures.formats.orientation import exif_of
from pixace.pictures.reading import open_fitted, open_image
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import ReadingSettings
from tests.tools.hostile_images import encode, lossless_jpeg

NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 56, 3), dtype=np.uint8))
WHOLE = encode(NOISE, "JPEG")


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


SEGMENTS = {
    0xE0: b"JFIF\0\1\1\1\0\1\0\1\0\0",
    0xE1: b"http://ns.adobe.com/xap/1.0/\0<x/>",
    0xE2: b"ICC_PROFILE\0\1\1abc",
    0xE3: b"anything",
    0xED: b"Photoshop 3.0\x008BIM\3\xed\0\0\0\0\0\x10" + bytes(16),
    0xEE: b"Adobe\0\x64\0\0\0\0\1",
    0xFE: b"comment",
}


@pytest.mark.parametrize("marker", SEGMENTS)
def test_segments_that_are_cut_cost_nothing(tmp_path, marker):
    rest = WHOLE[2 + 2 + int.from_bytes(WHOLE[4:6], "big") :]  # without the one of JFIF
    path = tmp_path / "a.jpg"
    path.write_bytes(WHOLE)
    expected = open_image(path).tobytes()
    for length in range(len(SEGMENTS[marker]) + 1):
        for end in (b"", b"\xff" * 9):
            body = SEGMENTS[marker][:length] + end
            path.write_bytes(WHOLE[:2] + segment(marker, body) + rest)
            assert open_image(path).tobytes() == expected, body


# --- without an end -----------------------------------------------------------------------------

WAYS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 2},
    "restarts in scans": {"restart_marker_rows": 1, "progressive": True},
    "all colours": {"subsampling": 0},
    "tables of its own": {"optimize": True},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_only_the_end_may_be_missing(tmp_path, mode, way):
    data = encode(NOISE.convert(mode), "JPEG", **WAYS[way])
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    expected = open_image(path).tobytes()
    for cut in (data[:-1], data[:-2], data[:-2] + bytes(7)):
        path.write_bytes(cut)
        assert open_image(path).tobytes() == expected
    for n_missing in [*range(3, 60), *range(60, len(data), 61)]:
        path.write_bytes(data[:-n_missing])
        with pytest.raises(ImageError):
            open_image(path)


@pytest.mark.parametrize("size", [(8, 8), (120, 90)])
def test_what_is_read_without_an_end_is_whole(tmp_path, size):
    """Where nothing depends on what is missing, it may be read; what is read is right."""
    soft = NOISE.resize((5, 4)).resize(size)
    for options in WAYS.values():
        data = encode(soft, "JPEG", quality=30, **options)
        (tmp_path / "a.jpg").write_bytes(data)
        expected = open_image(tmp_path / "a.jpg").tobytes()
        for n_missing in range(1, 50):
            (tmp_path / "a.jpg").write_bytes(data[:-n_missing])
            try:
                assert open_image(tmp_path / "a.jpg").tobytes() == expected
            except ImageError:
                assert n_missing > 2


def test_an_end_is_not_needed_either_where_not_all_is_decoded(tmp_path):
    data = encode(NOISE.resize((560, 400)), "JPEG")
    pictures = PictureSettings.of(16)
    (tmp_path / "a.jpg").write_bytes(data)
    expected = open_fitted(tmp_path / "a.jpg", pictures).tobytes()
    (tmp_path / "a.jpg").write_bytes(data[:-2])
    assert open_fitted(tmp_path / "a.jpg", pictures).tobytes() == expected
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match="damaged JPEG: image file is truncated"):
        open_fitted(tmp_path / "a.jpg", pictures)


# --- very large ones ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vast(tmp_path_factory):
    """A folder with a grey JPEG of 67 megapixels, white in its upper half, lying on its side."""
    img = Image.new("L", (8400, 8000), 90)
    img.paste(250, (0, 0, 8400, 4000))
    folder = tmp_path_factory.mktemp("vast")
    (folder / "a.jpg").write_bytes(encode(img, "JPEG", exif=exif_of(6)))
    return folder


def test_a_very_large_one_is_decoded_small(vast):
    img = open_image(vast / "a.jpg")
    assert img.size == (4000, 4200)
    assert (img.getpixel((10, 10)), img.getpixel((3990, 10))) == ((90,) * 3, (250,) * 3)
    small = np.asarray(open_fitted(vast / "a.jpg", PictureSettings.of(32)))
    assert (small[:, :12] == 90).all() and (small[:, 20:] == 250).all()


def test_its_size_is_what_the_file_says(vast):
    (facts,) = examine(find_images(vast)).facts
    assert facts.size == (8000, 8400)


def test_it_is_no_sheet(vast):
    with pytest.raises(ImageError, match=r"8400x8000 pixels are more than the 50 million allowed"):
        find_pictures(vast, ReadingSettings(grid="16x16"))


@pytest.mark.parametrize(
    ("size", "factor"),
    [((50, 40), 1), ((51, 40), 2), ((100, 80), 2), ((101, 79), 4), ((203, 157), 8)],
)
def test_no_more_is_decoded_than_may_be(tmp_path, monkeypatch, size, factor):
    monkeypatch.setattr(jpeg_file, "MAX_PIXELS", 2000)
    img = open_image(_written(tmp_path, encode(NOISE.resize(size), "JPEG")))
    assert img.size == (-(-size[0] // factor), -(-size[1] // factor))


def _written(folder, data):
    (folder / "a.jpg").write_bytes(data)
    return folder / "a.jpg"


@pytest.mark.parametrize(("data", "most"), [(encode(NOISE, "JPEG"), 200), (lossless_jpeg(64), 50)])
def test_beyond_the_bounds_it_is_refused(tmp_path, data, most):
    place = data.index(b"\xff\xc0" if most == 200 else b"\xff\xc3") + 5
    edges = struct.pack(">HH", 14200, 14200) if most == 200 else struct.pack(">HH", 7100, 7100)
    path = _written(tmp_path, data[:place] + edges + data[place + 4 :])
    with pytest.raises(ImageError, match=f"pixels are more than the {most} million allowed"):
        open_image(path)
