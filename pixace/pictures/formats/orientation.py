"""How a picture lies in its file, and how it is turned upright: by EXIF, or else by XMP.

Of EXIF one number is wanted, and nothing else of it is looked at: cameras and editors write tags of
wrong kinds, which say nothing about the pixels.
"""

from __future__ import annotations

import re
import struct

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

UPRIGHT = 1
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright that is stored otherwise, by the number that EXIF has for it."""

_ON_ITS_SIDE = (5, 6, 7, 8)
_EXIF, _OLD_EXIF = "exif", "Raw profile type exif"  # the latter of PNGs before 2017, in hexadecimal
_XMP = ("XML:com.adobe.xmp", "xmp")
_MARK = b"Exif\0\0"  # may come before EXIF, and some write it twice
_TAG = 0x0112
_ENTRY = 12  # bytes: tag, type, count, value
# Types whose value lies in the entry itself, and what reads it. Only two bytes are right.
_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
_IN_XMP = re.compile(r"""tiff:Orientation(?:\s*=\s*["']|\s*>)\s*([1-8])\b""")


def exif_of(orientation: int) -> bytes:
    """Returns EXIF that says how a picture lies, and nothing else."""
    entry = struct.pack("<HHIHH", _TAG, 3, 1, orientation, 0)
    return _MARK + struct.pack("<2sHIH", b"II", 42, 8, 1) + entry + bytes(4)


def orientation_of(img: Image.Image) -> int:
    """Returns EXIF's number for how a picture lies, from 1, which is upright, to 8.

    Args:
      img: a picture; a PNG that does not say it before its pixels is decoded.
    """
    if isinstance(img, PngImageFile) and img.tile:
        img.load()
    found = None
    if isinstance(exif := img.info.get(_EXIF), bytes):
        found = _in_exif(exif)
    elif isinstance(text := img.info.get(_OLD_EXIF), str):
        found = _in_exif(_unspelled(text))
    return found or _in_xmp(img) or UPRIGHT


def lies_on_its_side(img: Image.Image) -> bool:
    """Returns whether turning a picture upright swaps its width and its height."""
    return orientation_of(img) in _ON_ITS_SIDE


def turned(img: Image.Image) -> Image.Image:
    """Returns a picture upright, which then says no more that it has to be turned."""
    turn = TURNS.get(orientation_of(img))
    if turn is None:
        return img
    img = img.transpose(turn)
    for key in (_EXIF, _OLD_EXIF, *_XMP):
        img.info.pop(key, None)
    return img


def _in_exif(exif: bytes) -> int | None:
    """Returns what the first directory of EXIF says; None where it is damaged, or says nothing."""
    while exif.startswith(_MARK):
        exif = exif[len(_MARK) :]
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return None
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    if start + 2 > len(exif):
        return None
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    # What is claimed to be there, and is.
    entries = exif[start + 2 : start + 2 + count * _ENTRY]
    entries = entries[: len(entries) // _ENTRY * _ENTRY]
    for tag, kind, length, value in struct.iter_unpack(f"{order}HHI4s", entries):
        if tag == _TAG and kind in _TYPES and length == 1:
            number = struct.unpack_from(order + _TYPES[kind], value)[0]
            if number in TURNS or number == UPRIGHT:
                return number
    return None


def _unspelled(text: str) -> bytes:
    """Returns the bytes that a PNG's text spells, below three lines that tell what they are."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


def _in_xmp(img: Image.Image) -> int | None:
    """Returns what the XMP of a picture says; None where it says nothing."""
    for key in _XMP:
        xmp = img.info.get(key)
        text = xmp.decode("latin-1") if isinstance(xmp, bytes) else xmp
        if isinstance(text, str) and (match := _IN_XMP.search(text)):
            return int(match[1])
    return None
