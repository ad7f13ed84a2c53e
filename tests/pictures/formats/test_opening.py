"""What a file is that is no image, or a damaged one, is said in one line."""

import json

import pytest
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.formats.opening import damage
from pixace.pictures.reading import open_image
from tests.tools.hostile_images import encode

PNG, JPEG = (encode(Image.new("RGB", (40, 30), "red"), kind) for kind in ("PNG", "JPEG"))
KNOWN = r"which is not an image of a known kind \(jpg, "

TOLD = {
    "empty": (b"", "empty, a file of 0 bytes; copy or download it anew"),
    "zeros": (bytes(9000), "damaged: nothing but zeros at its beginning; copy or download it anew"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", f"a HEIC picture, {KNOWN}.*; save it as PNG"),
    "heif": (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafheic", f"a HEIC picture, {KNOWN}"),
    "heif-series": (b"\0\0\0\x1cftypmsf1\0\0\0\0msf1hevc", f"a HEIC picture, {KNOWN}"),
    "jxl": (b"\xff\x0a\xfa\x1f", f"a JPEG XL picture, {KNOWN}"),
    "jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", f"a JPEG 2000 picture, {KNOWN}"),
    "film": (b"\0\0\0\x20ftypisom\0\0\2\0", f"a video, {KNOWN}"),
    "psd": (b"8BPS\0\1", f"a picture of Photoshop, {KNOWN}"),
    "drawing": (b'<?xml version="1.0"?>\n<!-- a --><svg/>', f"an SVG picture, {KNOWN}"),
    "page": (b"\n<!DOCTYPE html><html>", f"a web page, {KNOWN}"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", f"a pointer of Git LFS, {KNOWN}"),
    "page-of-windows": (b"\xef\xbb\xbf<!-- a --><HTML>", f"a web page, {KNOWN}"),
    "denied": (b'<?xml version="1.0"?>\n<Error/>', f"a text in XML, {KNOWN}"),
    "icon": (b"\0\0\1\0\1\0\x10\x10", f"a picture of icons, {KNOWN}.*; save it as PNG"),
    "pdf": (b"%PDF-1.7\n", f"a PDF, {KNOWN}"),
    "zip": (b"PK\3\4\x14\0", f"an archive, {KNOWN}"),
    "png-as-text": (PNG.replace(b"\r\n", b"\n"), "damaged PNG: changed on its way by .* anew"),
    "png-as-utf-8": (b"\xef\xbf\xbd" + PNG[1:], "damaged PNG: changed on its way by .* anew"),
    "text": (b"hello", r"not an image of a known kind \(jpg, "),
    "comments": (b"<!---->" * 500, r"not an image of a known kind \(jpg, "),
    "png": (PNG[:20], "damaged PNG: Truncated File Read"),
    "png-magic": (PNG[:8], "damaged PNG: cut short"),
    "png-half": (PNG[:50], "damaged PNG: cut short"),
    "jpeg": (JPEG[:9], "damaged JPEG: "),
    "jpeg-half": (JPEG[:-20], "damaged JPEG: image file is truncated"),
    "gif": (b"GIF89a", "damaged GIF: cut short"),
    "bmp": (b"BM", "damaged BMP: cut short"),
    "tiff": (b"II*\0", "damaged TIFF: cut short"),
    "webp": (b"RIFF\0\0\0\0WEBPVP8 ", "damaged WEBP: "),
    "avif": (b"\0\0\0\x20ftypavif\0\0\0\0avif", "damaged AVIF: "),
    "12-bits": (
        JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
        r"a JPEG of a rare kind, which is not read \(cannot handle 12-bit layers\); save it as PNG",
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_it_is_said_what_it_is(tmp_path, name):
    data, expected = TOLD[name]
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageError, match=rf"a\.png: {expected}") as caught:
        open_image(tmp_path / "a.png")
    assert str(caught.value).isprintable()


def test_each_is_told_apart_in_a_report(tmp_path, capsys):
    from pixace.cli import main

    for name in ("empty", "heic", "png-half"):
        (tmp_path / f"{name}.png").write_bytes(TOLD[name][0])
    (tmp_path / "good.png").write_bytes(PNG)
    assert main(["check", f"--images={tmp_path}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    problems = [bad["problem"].split(",")[0].split(":")[0] for bad in found["unreadable"]]
    assert problems == ["empty", "a HEIC picture", "damaged PNG"]


def test_an_error_without_words_is_called_by_its_kind():
    assert damage("PNG", AssertionError()) == "damaged PNG: AssertionError"
