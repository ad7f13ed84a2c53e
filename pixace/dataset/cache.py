"""The tokens of a folder's images, kept on disk for the next run.

One file for each folder, share of it, and way of making tokens, plain data throughout:

    4096 bytes    JSON: how the tokens were made, the number of images, a checksum of the rest
    tokens        unsigned little-endian integers (N, L), 2 bytes each for up to 15 bits of colour
    fingerprints  uint64 (N, 2): of each file's name, size, times of change and inode; of its bytes

A picture is the one that it was while its name, size, both times of change and inode are: no
program can put back the time at which the system has last seen a file change. Where one of these
is another, as of an archive that was unpacked anew, the bytes decide.

A million pictures of 32x32 take 2.07 GB. Pictures that could not be read are not in the file, so
that they are tried again, and told again, every time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import weakref
import zlib
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias

import numpy as np
import PIL
from PIL import ImageColor

from pixace.dataset.contents import UNKNOWN
from pixace.errors import PixaceError
from pixace.pictures.folder import ImagePaths
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import ReadingSettings
from pixace.system.files import replacing
from pixace.tokens.codec import codec_of
from pixace.wording import shown

_log = logging.getLogger(__name__)

_FORMAT = 3  # to be raised when a picture's tokens, or the file, come out different
_HEADER_BYTES = 4096  # a page, so that the tokens begin on one
_CHUNK_BYTES = 1 << 20


def token_dtype(pictures: PictureSettings) -> np.dtype:
    """Returns the narrowest type that holds the vocabulary: uint16 or uint32."""
    return np.dtype("<u2" if codec_of(pictures).n_tokens <= 2**16 else "<u4")


def fingerprints(paths: ImagePaths) -> np.ndarray:
    """Returns uint64 (N, 2): of each picture, without looking into its file.

    The first is of its name below the folder and its file's size, times of change and inode; the
    second, of the file's bytes, is `UNKNOWN` as yet. One of 64 bits is enough: with a million
    pictures, a changed one would be taken for one of the others once in 10**13 times.
    """
    folder = os.path.join(os.fsencode(paths.folder), b"")
    digests = bytearray()
    for number in range(len(paths)):
        name = paths.name(number)
        facts = b""
        with contextlib.suppress(OSError):  # reading it will tell
            status = os.stat(folder + paths.file_name(number))
            times = status.st_mtime_ns, status.st_ctime_ns
            facts = b"%d %d %d %d" % (status.st_size, *times, status.st_ino)
        digests += hashlib.blake2b(name + b"\0" + facts, digest_size=8).digest()
    prints = np.full((len(paths), 2), UNKNOWN, "<u8")
    prints[:, 0] = np.frombuffer(digests, "<u8")
    return prints


def rows_of(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Returns for each of the wanted fingerprints its row among the known ones; -1 if it has none.

    Args:
      wanted: uint64 (M,).
      known: uint64 (N,).
    """
    if not len(known):
        return np.full(len(wanted), -1)
    order = np.argsort(known)
    rows = np.searchsorted(known, wanted, sorter=order)
    rows = order[np.minimum(rows, len(order) - 1)]
    return np.where(known[rows] == wanted, rows, -1)


class TokenFile:
    """Tokens (N, L) in an open file, of which rows are read as they are asked for.

    Not a map of the file: where somebody cuts the file short, or its disk fails, the system ends a
    process that looks at a map (SIGBUS).

    Args:
      file: the file; what this class keeps open is a descriptor of its own.
      path: what it is called.
      n_images: N.
      n_pixels: L.
      dtype: of the tokens.

    Attributes:
      shape: (N, L).
      dtype: of the tokens.
    """

    def __init__(
        self, file: IO[bytes], path: Path, n_images: int, n_pixels: int, dtype: np.dtype
    ) -> None:
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._path = path
        self.shape = (n_images, n_pixels)
        self.dtype = dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """Reads a row (L,), or B rows (B, L): some that follow one another, or by their numbers.

        Raises:
          IndexError: there is no such row, or this is no number of one.
          PixaceError: the file has been cut short, or cannot be read.
        """
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step != 1:
                raise IndexError("rows must follow one another")
            found = np.empty((max(0, stop - start), self.shape[1]), self.dtype)
            return self._fill(found, start)
        if isinstance(rows, int | np.integer):
            return self._fill(np.empty((1, self.shape[1]), self.dtype), int(rows))[0]
        if not (isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype.kind in "iu"):
            raise IndexError("rows are chosen by a number, a slice or an array of numbers")
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        for place, row in enumerate(rows.tolist()):
            self._fill(found[place : place + 1], row)
        return found

    def _fill(self, found: np.ndarray, start: int) -> np.ndarray:
        """Fills an array with the rows from number `start` on, and returns it."""
        if not 0 <= start <= start + len(found) <= len(self):
            raise IndexError(f"row {start} of {len(self)}")
        left = found.reshape(-1).view(np.uint8).data
        offset = _HEADER_BYTES + start * self.shape[1] * self.dtype.itemsize
        while left:
            try:
                n_bytes = os.preadv(self._descriptor, [left], offset)
            except OSError as error:
                raise PixaceError(f"{shown(self._path)}: cannot read: {error.strerror}") from None
            if not n_bytes:
                raise PixaceError(
                    f"{shown(self._path)}: something has cut it short while it was in use; the "
                    "same command makes it anew"
                )
            left, offset = left[n_bytes:], offset + n_bytes
        return found


TokenRows: TypeAlias = np.ndarray | TokenFile  # unsigned integers (N, L), in memory or on disk


class CachedTokens(NamedTuple):
    """What a cache holds.

    Attributes:
      tokens: unsigned integers (N, L), on disk.
      fingerprints: uint64 (N, 2), of the files that they were made from; see `fingerprints`.
    """

    tokens: TokenRows
    fingerprints: np.ndarray

    def find(self, wanted: np.ndarray) -> np.ndarray:
        """Returns for each of the wanted fingerprints, (M, 2), its row in the cache; -1 for none.

        It is that of the same file, if it has not changed since.
        """
        return rows_of(wanted[:, 0], self.fingerprints[:, 0])

    def find_contents(self, wanted: np.ndarray) -> np.ndarray:
        """Returns likewise the row of a picture of the same bytes, whatever its file's name."""
        contents = wanted[:, 1]
        return np.where(contents == UNKNOWN, -1, rows_of(contents, self.fingerprints[:, 1]))


class TokenCache:
    """The file for one folder's tokens.

    Processes may use it at once: a file is only ever replaced as a whole, and who has opened the
    old one keeps it.

    Args:
      cache_dir: folder of such files; created when one is written.
      folder: the folder of images.
      pictures: shape, colours and background.
      share: which share of the images, of how many.
      reading: how files become pictures.

    Attributes:
      path: the file.
    """

    def __init__(
        self,
        cache_dir: Path | str,
        folder: Path | str,
        pictures: PictureSettings,
        share: tuple[int, int],
        reading: ReadingSettings,
    ) -> None:
        self._dtype = token_dtype(pictures)
        self._n_pixels = pictures.n_pixels
        self._n_tokens = codec_of(pictures).n_tokens
        background = list(ImageColor.getrgb(pictures.background)[:3])  # one colour has many names
        settings = {**pictures.to_dict(), "background": background}
        if "colours" in settings:  # those of a palette need not fit into the header
            settings["colours"] = hashlib.sha256(pictures.colours.encode()).hexdigest()
        settings |= reading.unusual()
        self._made = {"format": _FORMAT, "pillow": PIL.__version__, **settings}
        # Not with the versions: what they made is to be replaced, not to be left behind.
        key = json.dumps([os.path.realpath(folder), settings, share]).encode()
        digest = hashlib.sha256(key).hexdigest()[:16]
        self.path = Path(cache_dir, f"{Path(folder).name[:30]}-{digest}.tokens")

    def read(self) -> CachedTokens:
        """Opens what is stored; nothing, if there is none, or it is damaged, or made otherwise."""
        try:
            if self.path.is_file():  # opening a pipe would wait for somebody to write to it
                with open(self.path, "rb") as file:
                    return self._open(file)
        except OSError:
            pass
        except (ValueError, LookupError, TypeError, RecursionError, OverflowError, MemoryError):
            _log.warning(
                "%s is damaged, or made by another version; reading the images again",
                shown(self.path),
            )
        return CachedTokens(np.empty((0, self._n_pixels), self._dtype), np.empty((0, 2), "<u8"))

    def write(
        self, images: Iterable[tuple[int, np.ndarray]], prints: np.ndarray
    ) -> tuple[array[int], TokenFile]:
        """Replaces what is stored.

        Args:
          images: the number of each image in the folder, and its tokens (L,); at least one.
          prints: the fingerprints of all images of the folder; those of an image's bytes count
            once it has come.

        Returns:
          The numbers, and the tokens (N, L), on disk.

        Raises:
          PixaceError: the file cannot be written.
        """
        numbers, checksum = array("q"), 0
        try:
            with replacing(self.path) as file:
                file.write(bytes(_HEADER_BYTES))
                for number, row in images:
                    data = row.astype(self._dtype, copy=False).tobytes()
                    checksum = zlib.crc32(data, checksum)
                    file.write(data)
                    numbers.append(number)
                data = prints[numbers].tobytes()
                checksum = zlib.crc32(data, checksum)
                file.write(data)
                header = {"made": self._made, "n_images": len(numbers), "crc32": checksum}
                file.seek(0)
                file.write(json.dumps(header).encode().ljust(_HEADER_BYTES - 1) + b"\n")
                file.flush()
                return numbers, self._kept(file, len(numbers))
        except OSError as error:
            raise PixaceError(
                f"cache_dir {shown(self.path.parent)}: cannot be written: "
                f"{error.strerror or error}; name another folder, or none"
            ) from None

    def _open(self, file: IO[bytes]) -> CachedTokens:
        """Checks an open file, which is then kept open.

        Raises:
          ValueError, LookupError, TypeError, RecursionError, MemoryError: it is not what `write`
            would write.
        """
        header = json.loads(file.read(_HEADER_BYTES))
        n_images = header["n_images"]
        if type(n_images) is not int or n_images < 1:
            raise ValueError
        n_bytes = os.fstat(file.fileno()).st_size - _HEADER_BYTES
        token_bytes = n_images * self._n_pixels * self._dtype.itemsize
        if header["made"] != self._made or n_bytes != token_bytes + n_images * 16:
            raise ValueError
        checksum, left = 0, token_bytes
        while left:
            data = file.read(min(left, _CHUNK_BYTES))
            if np.frombuffer(data, self._dtype).max() >= self._n_tokens:
                raise ValueError
            checksum = zlib.crc32(data, checksum)
            left -= len(data)
        data = file.read()
        if zlib.crc32(data, checksum) != header["crc32"]:
            raise ValueError
        prints = np.frombuffer(data, "<u8").reshape(-1, 2)
        return CachedTokens(self._kept(file, n_images), prints)

    def _kept(self, file: IO[bytes], n_images: int) -> TokenFile:
        return TokenFile(file, self.path, n_images, self._n_pixels, self._dtype)
