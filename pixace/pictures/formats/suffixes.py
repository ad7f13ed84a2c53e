"""Which files are taken for images, and which are pictures of kinds that are not read: by name."""

from __future__ import annotations

import os
from collections.abc import Mapping

from PIL import features

from pixace.wording import shown

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif"),
    *(".png", ".apng", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
    *([".avif"] if features.check("avif") else []),
)
NO_SUFFIX = "no suffix"

_LISTED = 10  # suffixes in one line

# Pictures, too, as their owner sees them: he is to be told that nobody has looked at them.
_OTHER_PICTURES = frozenset(
    {
        *(".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".jpx", ".j2k", ".jxr", ".mpo"),
        *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".raw", ".rw2"),
        *(".ase", ".aseprite", ".kra", ".psb", ".psd", ".xcf", ".eps", ".pdf", ".svg", ".svgz"),
        *(".pam", ".pbm", ".pfm", ".pgm", ".pnm", ".ppm", ".tga", ".qoi", ".pcx", ".sgi", ".dds"),
        *(".exr", ".hdr", ".cur", ".ico", ".icns", ".wbmp", ".xbm", ".xpm"),
    }
)


def is_image_name(name: str) -> bool:
    """Returns whether a file is taken for an image, by its suffix in any letter case."""
    return name.lower().endswith(SUFFIXES)


def suffix_of(name: str) -> str:
    """Returns what to count a file by that is no image."""
    return os.path.splitext(name)[1].lower() or NO_SUFFIX


def spelled_counts(others: Mapping[str, int]) -> str:
    """Spells how many files of which suffix there are, in the order given."""
    words = [f"{count} {shown(suffix[:20])}" for suffix, count in others.items()]
    return ", ".join(words[:_LISTED]) + (", ..." if len(words) > _LISTED else "")


def is_other_picture(suffix: str) -> bool:
    """Returns whether files of a suffix are pictures all the same, of a kind that is not read."""
    return suffix in _OTHER_PICTURES
