"""What a picture is by its bytes, whatever its file is called and whenever it was written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from pixace.pictures.folder import ImagePaths
from pixace.pictures.formats.decoding_limits import MAX_FILE_BYTES
from pixace.system.reading import open_regular

UNKNOWN = 0  # in the place of a digest

_AT_ONCE = 1 << 20  # bytes


def content_digests(paths: ImagePaths, numbers: Sequence[int]) -> np.ndarray:
    """Returns uint64 (N,): one for the bytes of each picture's file, and which part of it is meant.

    Those of a file that cannot be read are `UNKNOWN`.

    Args:
      paths: the pictures of a folder.
      numbers: which of them; of pieces of one file that follow one another it is read once.
    """
    digests = np.full(len(numbers), UNKNOWN, "<u8")
    last, of_file = b"", b""
    for place, number in enumerate(numbers):
        file_name, _, piece = paths.name(number).partition(b"\0")
        if file_name != last:
            last, of_file = file_name, _file_digest(paths.path(number))
        if of_file:
            digest = hashlib.blake2b(of_file + piece, digest_size=8).digest()
            digests[place] = int.from_bytes(digest, "little")
    return digests


def _file_digest(path: str) -> bytes:
    """Returns 16 bytes; none where the file cannot be read, or is larger than a picture may be."""
    digest, n_bytes = hashlib.blake2b(digest_size=16), 0
    try:
        with open(open_regular(path), "rb", buffering=0) as file:
            while data := file.read(_AT_ONCE):
                digest.update(data)
                n_bytes += len(data)
                if n_bytes > MAX_FILE_BYTES:
                    return b""
    except (OSError, ValueError):  # which reading the picture will tell
        return b""
    return digest.digest()
