"""Where captions of image files can be: in metadata, in texts beside them, in folders, in names."""

from __future__ import annotations

import codecs
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pixace.dataset.cache import rows_of
from pixace.dataset.caption_metadata import METADATA_NAMES, metadata_rows
from pixace.dataset.caption_texts import CaptionTexts
from pixace.dataset.captions import Captions
from pixace.pictures.cutting import NOTHING_USED
from pixace.pictures.folder import ImagePaths, name_digests
from pixace.system.reading import open_regular
from pixace.tokens.text import normalised

_MOST_TEXT = 1 << 16  # bytes that are read of a text file
_NO_CLASSES = ("train", "val", "valid", "validation", "test")  # folders that divide a set


class FoundCaptions(NamedTuple):
    """What is found in one place.

    Attributes:
      captions: of each of N image files.
      source: where they are from.
      classes: those of the images.
      used: how many files of each suffix it was read from.
    """

    captions: Captions
    source: str
    classes: Collection[str] = ()
    used: Counter[str] = NOTHING_USED


def in_metadata(files: ImagePaths, texts: CaptionTexts) -> FoundCaptions:
    """Returns what the metadata of the folder and its sub-folders say of its images.

    An image that is listed several times has all of these captions.

    Args:
      files: N image files.
      texts: brings captions to their normal form.
    """
    rows, classes, sources, used = Captions(), set[str](), set[str](), Counter[str]()

    def names() -> Iterator[bytes]:  # one after another, as there may be a million
        for path, folder in _metadata_files(files, texts):
            sources.add(path.name)
            used[path.suffix] += 1
            for row in metadata_rows(path, os.path.join(folder, path.name), texts.troubles):
                kept, labels = (texts.kept([each], row.where) for each in (row.caption, row.label))
                if not (row.caption or row.label):
                    texts.troubles.note("empty", row.where)
                classes.update(labels)
                rows.append([*dict.fromkeys([*kept, *labels])])
                name = os.path.normpath(os.path.join(folder, row.file_name))
                yield name.encode("utf-8", "replace")

    listed = ImagePaths(files.folder, names())
    source = " and ".join(name for name in METADATA_NAMES if name in sources)
    numbers = rows_of(name_digests(listed), name_digests(files))
    for number in np.flatnonzero(numbers < 0).tolist():
        if not os.path.lexists(listed.path(number)):  # rather than left out
            example = os.fsdecode(listed.file_name(number))
            texts.troubles.note(f"listed in {source}, but not there", example)
    order = np.argsort(numbers, kind="stable")
    bounds = np.searchsorted(numbers[order], np.arange(len(files) + 1))

    def joined(number: int) -> list[str]:
        own = order[bounds[number] : bounds[number + 1]]
        if len(own) > 1:
            texts.troubles.note("listed more than once, all are taken", files.label(number))
        return texts.kept((text for row in own.tolist() for text in rows[row]), files.label(number))

    return FoundCaptions(Captions(map(joined, range(len(files)))), source, classes, used)


def _metadata_files(files: ImagePaths, texts: CaptionTexts) -> Iterator[tuple[Path, str]]:
    """Yields the metadata of each folder that has images somewhere in it, and that folder's name.

    The name is relative to the top folder. Of several in one folder the first counts.
    """
    folders: set[str] = {""}
    for folder in _folders_of(files):
        while folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    for folder in sorted(folders):
        top = Path(files.folder, folder)
        names = [name for name in METADATA_NAMES if os.path.lexists(top / name)]
        for name in names[1:]:
            example = os.path.join(folder, name)
            texts.troubles.note(f"not read, as {names[0]} is there, too", example)
        if names:
            yield top / names[0], folder


def _folders_of(files: ImagePaths) -> Iterator[str]:
    """Yields the folder of each image file, relative to the top folder."""
    return (os.path.dirname(os.fsdecode(files.file_name(n))) for n in range(len(files)))


def in_texts(files: ImagePaths, texts: CaptionTexts) -> FoundCaptions:
    """Returns the lines of the text file of the same stem beside each image; see `in_metadata`."""

    used = Counter[str]()
    last = ""

    def lines(number: int) -> list[str]:
        nonlocal last
        stem, _ = os.path.splitext(files.file_name(number))
        name = os.fsdecode(stem) + ".txt"
        said = _read_text(Path(files.folder, name), name, texts)
        used[".txt"] += said is not None and name != last  # two images may have the same stem
        last = name
        kept = texts.kept((said or "").splitlines(), name)
        if said is not None and not said.strip():
            texts.troubles.note("empty", name)
        return kept

    captions = Captions(map(lines, range(len(files))))
    return FoundCaptions(captions, "text files beside them", used=used)


def _read_text(path: Path, name: str, texts: CaptionTexts) -> str | None:
    """Returns what a text file says, as far as it is read; None if there is none to be read."""
    try:
        with open(open_regular(path), "rb") as file:
            data = file.read(_MOST_TEXT + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        texts.troubles.note(f"cannot be read ({error.strerror or error})", name)
        return None
    is_cut = len(data) > _MOST_TEXT
    if is_cut:
        texts.troubles.note(f"more than {_MOST_TEXT:,} bytes, read up to there", name)
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        return decoder.decode(data[:_MOST_TEXT], final=not is_cut)
    except UnicodeDecodeError:
        texts.troubles.note("not UTF-8, left out", name)
        return None


def in_folders(
    files: ImagePaths, texts: CaptionTexts, known: Collection[str] | None
) -> FoundCaptions:
    """Returns the names of the folders that images are in, where these are classes.

    They are, if images lie in more than one folder at one depth; images in the top folder have no
    class. Folders such as train and val count as not there.

    Args:
      files: see `in_metadata`.
      texts: see `in_metadata`.
      known: classes of which one alone is a class, too; None takes all folders for classes.
    """
    at_depth = defaultdict[int, set[str]](set)
    for folder in dict.fromkeys(_folders_of(files)):
        inner = _without_division(folder)
        at_depth[len(inner)].update(map(normalised, inner[-1:]))
    names = {name for each in at_depth.values() for name in each}
    n_depths = sum(depth > 0 for depth in at_depth)
    if known is not None and (n_depths != 1 or (len(names) == 1 and names.isdisjoint(known))):
        return FoundCaptions(Captions(), "")
    labels = {
        folder: texts.kept(_without_division(folder)[-1:], folder)
        for folder in dict.fromkeys(_folders_of(files))
    }
    classes = {name for each in labels.values() for name in each}
    return FoundCaptions(
        Captions(map(labels.__getitem__, _folders_of(files))), "class folders", classes
    )


def _without_division(folder: str) -> list[str]:
    """Returns the folders that a folder is in, with itself, but for such as train and val."""
    return [name for name in folder.split("/") if name and name.casefold() not in _NO_CLASSES]


def in_names(files: ImagePaths, texts: CaptionTexts) -> FoundCaptions:
    """Returns the words of the names of image files; see `in_metadata`."""

    def words(number: int) -> list[str]:
        stem, _ = os.path.splitext(os.path.basename(os.fsdecode(files.file_name(number))))
        return texts.kept([_letters_of(stem)], files.label(number))

    return FoundCaptions(Captions(map(words, range(len(files)))), "file names")


def _letters_of(name: str) -> str:
    """Returns the letters of a name, with their marks, and spaces for all else.

    A mark alone is none of a letter: behind a heart it says that the heart is to be red.
    """
    letters = " "
    for letter in unicodedata.normalize("NFC", name):
        kind = unicodedata.category(letter)[0]
        letters += letter if kind == "L" or (kind == "M" and letters[-1] != " ") else " "
    return letters
