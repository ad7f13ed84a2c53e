"""Colours come out as the profile of a file means them; those of a file without one stay."""

import io
import logging
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from pixace.pictures.fitting import fitted
from pixace.pictures.formats.orientation import exif_of
from pixace.pictures.formats.png_colours import profile_of
from pixace.pictures.formats.profiles import KEY, MAX_BYTES, fits, to_srgb
from pixace.pictures.reading import open_fitted, open_image
from pixace.settings.pictures import PictureSettings
from tests.tools.hostile_images import encode

P3 = profile_of({"cicp": bytes([12, 13, 0, 1])})
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
COLOURS = np.random.default_rng(2).integers(0, 256, (6, 8, 3), dtype=np.uint8)
PLAIN = Image.fromarray(COLOURS)


WHITE = b"XYZ " + bytes(4) + struct.pack(">iii", 63190, 65536, 54061)


def profile(space, connection, tag, body):
    """Returns a profile of one tag beside that of its white."""
    tags, place = b"", 132 + 24
    for name, data in ((b"wtpt", WHITE), (tag, body)):
        tags += name + struct.pack(">II", place, len(data))
        place += len(data)
    head = struct.pack(">I", place) + bytes(4) + b"\2\x40\0\0prtr" + space + connection
    head = head.ljust(36, b"\0") + b"acsp" + bytes(28) + WHITE[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", 2) + tags + WHITE + body


def grey_profile(gamma):
    """Returns a profile of greys."""
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))
    return profile(b"GRAY", b"XYZ ", b"kTRC", curve)


def ink_profile():
    """Returns a profile of four inks: the Lab of each mixture of whole ones."""
    straight = bytes(range(256))
    mixtures = np.random.default_rng(4).integers(0, 256, (16, 3), np.uint8).tobytes()
    unit = struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    table = b"mft1" + bytes(4) + b"\4\3\2\0" + unit + straight * 4 + mixtures + straight * 3
    return profile(b"CMYK", b"Lab ", b"A2B0", table)


def as_cms_does(img, profile, mode="RGB"):
    return np.asarray(
        ImageCms.profileToProfile(
            img,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode=mode,
        ),
        int,
    )


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("WEBP", {"lossless": True}),
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
def test_a_profile_counts_in_every_format(tmp_path, kind, options):
    for profile in (P3, SRGB):
        (tmp_path / "a").write_bytes(encode(PLAIN, kind, icc_profile=profile, **options))
        with Image.open(tmp_path / "a") as stored:
            expected = as_cms_does(stored.convert("RGB"), profile)
        seen = np.asarray(open_image(tmp_path / "a"), int)
        assert np.abs(seen - expected).max() <= 2
        fits_too = np.asarray(open_fitted(tmp_path / "a", PictureSettings.of((8, 6))), int)
        assert (fits_too == seen).all()


@pytest.mark.parametrize(
    "profile", [None, SRGB, b"", b"garbage", P3[:300], SRGB + bytes(MAX_BYTES)]
)
def test_no_other_pixels_change(tmp_path, profile):
    img = half = Image.merge("RGBA", (*PLAIN.split(), PLAIN.getchannel(0)))
    for img in (PLAIN, half, PLAIN.convert("L"), PLAIN.quantize(9)):
        expected = fitted(img, PictureSettings.of((8, 6)))
        options = {} if profile is None else {"icc_profile": profile}
        (tmp_path / "a.tif").write_bytes(encode(img, "TIFF", **options))
        seen = open_fitted(tmp_path / "a.tif", PictureSettings.of((8, 6)))
        assert seen.tobytes() == expected.tobytes()


def test_one_that_is_broken_is_told_to_those_who_want_to_know(tmp_path, caplog):
    (tmp_path / "a.png").write_bytes(encode(PLAIN, "PNG", icc_profile=b"garbage"))
    with caplog.at_level(logging.DEBUG, "pixace.pictures.reading"):
        open_image(tmp_path / "a.png")
    expected = f"{tmp_path / 'a.png'}: its colour profile is broken, or not of such a picture"
    assert any(line.startswith(expected) for line in caplog.messages)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1"])
def test_every_mode_that_can_have_a_profile_of_colours(mode):
    img = PLAIN.convert(mode)
    if "A" in mode:
        img.putalpha(PLAIN.getchannel(1))
    img.info[KEY] = P3
    seen = to_srgb(img)
    assert KEY not in seen.info
    assert (np.asarray(seen.convert("RGB")) == as_cms_does(img.convert("RGB"), P3)).all()
    if "A" in mode:
        assert seen.getchannel("A").tobytes() == PLAIN.getchannel(1).tobytes()
    assert to_srgb(seen) is seen


def test_transparency_stays(tmp_path):
    palette = PLAIN.quantize(4)
    (tmp_path / "a.png").write_bytes(encode(palette, "PNG", icc_profile=P3, transparency=2))
    seen = np.asarray(open_image(tmp_path / "a.png", "#010203"))
    is_clear = np.asarray(palette) == 2
    assert is_clear.any() and (seen[is_clear] == [1, 2, 3]).all()
    assert (seen[~is_clear] != [1, 2, 3]).any(axis=1).all()


@pytest.mark.parametrize("gamma", [1.0, 1.8])
@pytest.mark.parametrize("kind", ["L", "LA", "I;16"])
def test_greys(tmp_path, gamma, kind):
    profile, grey = grey_profile(gamma), PLAIN.convert("L")
    img = (
        grey.convert(kind) if kind != "I;16" else Image.fromarray(np.asarray(grey) * np.uint16(257))
    )
    (tmp_path / "a.png").write_bytes(encode(img, "PNG", icc_profile=profile))
    assert (np.asarray(open_image(tmp_path / "a.png")) == as_cms_does(grey, profile)).all()
    assert not (np.asarray(open_image(tmp_path / "a.png"))[..., 0] == np.asarray(grey)).all()


@pytest.mark.parametrize(("kind", "options"), [("TIFF", {}), ("JPEG", {"quality": 100})])
def test_inks(tmp_path, kind, options):
    img = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    (tmp_path / "a").write_bytes(encode(img, kind, icc_profile=ink_profile(), **options))
    expected = as_cms_does(img, ink_profile())
    assert np.abs(np.asarray(open_image(tmp_path / "a"), int) - expected).max() <= 2
    (tmp_path / "a").write_bytes(encode(img, kind, icc_profile=P3, **options))
    assert open_image(tmp_path / "a").getpixel((0, 0)) == (255, 0, 0)


def test_a_large_grey_jpeg_has_its_profile_too(tmp_path):
    grey = Image.new("L", (640, 640), 60)
    (tmp_path / "a.jpg").write_bytes(encode(grey, "JPEG", icc_profile=grey_profile(1.0)))
    seen = open_fitted(tmp_path / "a.jpg", PictureSettings.of(8))
    assert seen.getcolors() == [(64, tuple(as_cms_does(grey, grey_profile(1.0))[0, 0]))]


def test_a_large_jpeg_is_turned_and_its_colours_are(tmp_path):
    img = Image.new("RGB", (640, 320), (200, 80, 70))
    options = {"icc_profile": P3, "exif": exif_of(6), "quality": 100, "subsampling": 0}
    (tmp_path / "a.jpg").write_bytes(encode(img, "JPEG", **options))
    seen = np.asarray(open_fitted(tmp_path / "a.jpg", PictureSettings.of((8, 16))), int)
    assert np.abs(seen - as_cms_does(img, P3)[0, 0]).max() <= 2


@pytest.mark.parametrize(
    ("space", "mode", "expected"),
    [
        (b"RGB ", "RGB", True),
        (b"RGB ", "L", True),
        (b"RGB ", "CMYK", False),
        (b"RGB ", "LAB", False),
        (b"GRAY", "RGB", False),
        (b"CMYK", "RGB", False),
        (b"Lab ", "RGB", False),
    ],
)
def test_a_profile_of_other_pictures_is_none(space, mode, expected):
    assert fits(P3[:16] + space + P3[20:], mode) == expected


def test_a_profile_of_no_device_is_none():
    assert not fits(P3[:12] + b"link" + P3[16:], "RGB")
    assert not fits("text", "RGB") and not fits(None, "RGB")


def test_colours_that_are_moved_by_little_are_moved(tmp_path):
    """A gamma of 2.05 lies at most 7 of 255 beside that of sRGB."""
    nearly = profile_of({"gamma": 1 / 2.05})
    (tmp_path / "a.png").write_bytes(encode(PLAIN, "PNG", icc_profile=nearly))
    seen = np.asarray(open_image(tmp_path / "a.png"))
    assert (seen == as_cms_does(PLAIN, nearly)).all() and (seen != COLOURS).any()


def test_what_is_larger_than_any_profile_is_not_looked_at():
    assert fits(P3 + bytes(MAX_BYTES - len(P3)), "RGB")
    assert not fits(P3 + bytes(MAX_BYTES + 1 - len(P3)), "RGB")
