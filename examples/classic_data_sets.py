"""Fetch CIFAR-10 or Fashion-MNIST, and turn it into folders of pictures to train on.

    python examples/classic_data_sets.py cifar10 [--out=cifar10] [--limit=N] [--url=...]
    python examples/classic_data_sets.py fashion_mnist [--out=fashion_mnist] ...

writes OUT/train/<class>/00000.png ... and OUT/val/<class>/..., whose numbers are the places in the
data set; val holds its test pictures. The archives stay in OUT/archives. The folder OUT appears
once it is complete; after an interruption the same command goes on with what has been fetched.

What comes is compared with the SHA-256 of the published archives, wherever it comes from.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gzip
import os
import shutil
import sys
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image

from pixace.errors import PixaceError, UsageError
from pixace.pictures.reading import is_url
from pixace.web.download import fetch, install_file
from pixace.web.progress import download_progress
from pixace.wording import reason, shown

MAX_BYTES = 1 << 28  # unpacked: the largest file has 47 MB, and a damaged one may claim any size
GZIP_MAGIC = b"\x1f\x8b"


class ArchiveError(PixaceError):
    """An archive that is damaged or holds something else."""


class Pictures(NamedTuple):
    """Pictures of a data set in their order.

    Attributes:
      labels: uint8 (N,), the number of each picture's class.
      pixels: uint8 (N, H, W) of greys or (N, H, W, 3) of RGB.
    """

    labels: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class DataSet:
    """A data set as its authors publish it.

    Attributes:
      url: where the archives are.
      archives: their names, and the SHA-256 of each.
      classes: the classes' names in the order of their numbers.
      read: takes the folder of archives; returns the pictures of `train` and of `val`.
    """

    url: str
    archives: Mapping[str, str]
    classes: tuple[str, ...]
    read: Callable[[Path], dict[str, Pictures]]


# --- the formats --------------------------------------------------------------------------------


def read_cifar10(archives: Path) -> dict[str, Pictures]:
    """Reads the binary version of CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html).

    Raises:
      ArchiveError: it is not that.
    """
    path = archives / CIFAR10_ARCHIVE
    names = {
        "train": [f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)],
        "val": ["cifar-10-batches-bin/test_batch.bin"],
    }
    members = _read_tar(path, {name for group in names.values() for name in group})
    return {
        split: cifar10_pictures(path, b"".join(members[name] for name in group))
        for split, group in names.items()
    }


def cifar10_pictures(path: Path, records: bytes) -> Pictures:
    """Reads records of a label, then 32x32 bytes each of red, green and blue.

    Raises:
      ArchiveError: there is no record, or part of one; messages call the file `path`.
    """
    size = 1 + 3 * 32 * 32
    if not records or len(records) % size:
        raise ArchiveError(f"{path}: {len(records)} bytes are no whole records of {size} bytes")
    table = np.frombuffer(records, np.uint8).reshape(-1, size)
    return Pictures(table[:, 0], table[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def read_fashion_mnist(archives: Path) -> dict[str, Pictures]:
    """Reads the four files of Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist).

    Raises:
      ArchiveError: they are not that.
    """
    sets = {}
    for split, prefix in (("train", "train"), ("val", "t10k")):
        pixels = read_idx(archives / f"{prefix}-images-idx3-ubyte.gz", n_axes=3)
        labels = read_idx(archives / f"{prefix}-labels-idx1-ubyte.gz", n_axes=1)
        if len(labels) != len(pixels):
            raise ArchiveError(
                f"{archives}: {len(pixels)} pictures but {len(labels)} labels in {prefix}-*"
            )
        sets[split] = Pictures(labels, pixels)
    return sets


def read_idx(path: Path, n_axes: int) -> np.ndarray:
    """Reads a gzipped IDX file of bytes (http://yann.lecun.com/exdb/mnist/).

    Two zeros, the type (8 for bytes), the number of axes, the length of each as a big-endian
    uint32, and the bytes in C order.

    Returns:
      uint8 with `n_axes` axes.

    Raises:
      ArchiveError: it is not that.
    """
    try:
        with gzip.open(path) as file:
            contents = _read_bounded(path, file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(f"{path}: damaged: {error}") from None
    start = 4 + 4 * n_axes
    if len(contents) < start or contents[:4] != bytes([0, 0, 8, n_axes]):
        raise ArchiveError(f"{path}: no IDX file of bytes along {n_axes} axes")
    shape = tuple(int(length) for length in np.frombuffer(contents[4:start], ">u4"))
    n_bytes = int(np.prod(shape, dtype=object))  # Python's integers do not overflow
    if not n_bytes or len(contents) - start != n_bytes:
        found = len(contents) - start
        raise ArchiveError(f"{path}: {found} bytes after a header that announces {n_bytes}")
    return np.frombuffer(contents, np.uint8, offset=start).reshape(shape)


def _read_tar(path: Path, wanted: set[str]) -> dict[str, bytes]:
    """Reads the ordinary files of exactly these names, and writes nothing to disk.

    So it does not matter what else is in there: links, devices, paths that lead elsewhere.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                if member.name in wanted and member.isreg():
                    file = archive.extractfile(member)
                    assert file is not None  # as for every ordinary file
                    found[member.name] = _read_bounded(path, file)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(f"{path}: damaged: {error}") from None
    if missing := wanted - found.keys():
        raise ArchiveError(f"{path}: {min(missing)} is not in there")
    return found


def _read_bounded(path: Path, file: IO[bytes] | gzip.GzipFile) -> bytes:
    contents = file.read(MAX_BYTES + 1)
    if len(contents) > MAX_BYTES:
        raise ArchiveError(f"{path}: a file in there has more than {MAX_BYTES} bytes")
    return contents


# The authors publish MD5 sums. The SHA-256 of the same files are those that TensorFlow Datasets
# records (url_checksums/cifar10.txt, fashion_mnist.txt).
CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR10 = DataSet(
    "https://www.cs.toronto.edu/~kriz",
    {CIFAR10_ARCHIVE: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    read_cifar10,
)
FASHION_MNIST = DataSet(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    {
        "train-images-idx3-ubyte.gz":
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz":
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz":
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz":
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    (
        "t-shirt", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle-boot",
    ),
    read_fashion_mnist,
)  # fmt: skip
DATA_SETS = {"cifar10": CIFAR10, "fashion_mnist": FASHION_MNIST}


# --- from archives to folders -------------------------------------------------------------------


def make_folders(
    data_set: DataSet, out: Path, url: str | None = None, limit: int | None = None
) -> dict[str, int]:
    """Fetches a data set and writes its pictures, one sub-folder for each class.

    Args:
      data_set: what to fetch.
      out: the folder to make; it may exist if it is empty.
      url: where the archives are: an address or a folder of this machine, with or without the
        archive's name; None for the authors' own address.
      limit: take the first so many pictures for training, and as many for validation.

    Returns:
      The number of pictures in `out/train` and in `out/val`.

    Raises:
      UsageError: `out` is there already, or `limit` is less than 1.
      DownloadError: an archive could not be fetched, or is not the published one.
      ArchiveError: it could not be read.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit must be at least 1, not {limit}")
    out = Path(os.path.realpath(out))
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{shown(out)}: is there already; remove it, or choose another --out")
    # Everything is made under a hidden name. What a run leaves there, the next one goes on with.
    work = out.with_name(f".{out.name}.part")
    archives = work / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    try:
        for name, sha256 in data_set.archives.items():
            _get(url or data_set.url, archives / name, sha256)
    except BaseException:
        with contextlib.suppress(OSError):  # not empty: there is something to go on with
            archives.rmdir()
            work.rmdir()
        raise
    counts = {}
    for split, pictures in data_set.read(archives).items():
        shutil.rmtree(work / split, ignore_errors=True)
        counts[split] = _write(data_set, work / split, pictures, limit)
    os.replace(work, out)
    return counts


def _get(url: str, archive: Path, sha256: str) -> None:
    """Brings one verified archive from an address or a folder, unless it is there."""
    place = url.removesuffix(archive.name)
    if is_url(url):
        bring = functools.partial(fetch, f"{place.rstrip('/')}/{archive.name}")
    else:
        bring = functools.partial(install_file, Path(place) / archive.name)
    with download_progress(sys.stderr) as progress:
        bring(archive, sha256=sha256, max_bytes=MAX_BYTES, magic=GZIP_MAGIC, progress=progress)


def _write(data_set: DataSet, folder: Path, pictures: Pictures, limit: int | None) -> int:
    """Writes the pictures of one half of a data set; returns how many."""
    labels, pixels = pictures.labels[:limit], pictures.pixels[:limit]
    if labels.max() >= len(data_set.classes):
        raise ArchiveError(
            f"{folder.name}: label {labels.max()}, but there are {len(data_set.classes)} classes"
        )
    print(f"writing {len(labels)} pictures of {folder.name}", file=sys.stderr)
    for name in data_set.classes:
        (folder / name).mkdir(parents=True)
    for number, (label, picture) in enumerate(zip(labels, pixels, strict=True)):
        path = folder / data_set.classes[label] / f"{number:05d}.png"
        Image.fromarray(picture).save(path)
    return len(labels)


def main() -> int:
    """Reads the command line, makes the folders, and prints what is in them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", choices=DATA_SETS)
    parser.add_argument("--out", help="folder to make; the data set's name without it")
    parser.add_argument("--limit", type=int, help="only the first N pictures of train and of val")
    parser.add_argument("--url", help="take the archives from this address, or from this folder")
    args = parser.parse_args()
    out = Path(args.out or args.name)
    try:
        counts = make_folders(DATA_SETS[args.name], out, args.url, args.limit)
    except PixaceError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"{parser.prog}: {reason(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{parser.prog}: stopped; the same command goes on", file=sys.stderr)
        return 130
    for split, count in counts.items():
        print(f"{out / split}: {count} pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
