"""The files below a folder that are its owner's: not what is hidden, thrown away, or a model's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pixace.pictures.formats.suffixes import is_image_name
from pixace.pictures.own_files import MODEL_PICTURES, is_model_folder

# What systems keep beside pictures: copies, thumbnails, thrown away files. In lower case.
_SYSTEM_FOLDERS = frozenset(
    {
        *("__macosx", "lost+found", "$recycle.bin", "recycler", "system volume information"),
        *("network trash folder", "temporary items"),
        *("@eadir", "#recycle", "@recycle", "@recently-snapshot", "#snapshot", "~snapshot"),
    }
)
_SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})


@dataclass
class PassedOver:
    """What a walk has not looked at, as far as there may be images in it.

    Attributes:
      hidden: files and folders that are hidden, or the system's own.
      models: folders of models.
      closed: folders that cannot be read.
    """

    hidden: int = 0
    models: int = 0
    closed: int = 0


def walk(folder: Path, passed: PassedOver) -> Iterator[str]:
    """Yields the names of the files below a folder, relative to it, in order.

    Links to folders are followed, each folder once. Names that begin with a dot are hidden, but
    the folder itself may have such a one. A model's folder is passed over; where the folder itself
    is one, only what a training has drawn there is.

    Args:
      folder: the folder.
      passed: gets what is passed over.
    """
    seen: set[tuple[int, int]] = set()
    left = [""]  # what is still to come, the next one last; a folder ends with a slash
    while left:
        name = left.pop()
        if name and not name.endswith("/"):
            yield name
            continue
        path = os.path.join(folder, name)
        try:
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in seen:  # a link back up, or a second way in
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                inside = [_label(entry) for entry in entries]
        except OSError:
            passed.closed += 1
            continue
        if is_model_folder(path, inside):
            passed.models += 1
            inside = [] if name else [label for label in inside if label != MODEL_PICTURES]
        open_ones = [label for label in inside if not _is_hidden(label)]
        if len(open_ones) < len(inside):
            passed.hidden += sum(map(_may_hide_images, inside))
        left += [name + label for label in sorted(open_ones, key=_in_order, reverse=True)]


def _label(entry: os.DirEntry[str]) -> str:
    """Returns a file's name, or a folder's with a slash."""
    with contextlib.suppress(OSError):  # a link that leads nowhere, which opening it will tell
        if entry.is_dir():
            return f"{entry.name}/"
    return entry.name


def _in_order(label: str) -> str:
    return label.rstrip("/")


def _is_hidden(label: str) -> bool:
    if label.endswith("/"):
        return label.startswith(".") or label[:-1].lower() in _SYSTEM_FOLDERS
    return label.startswith(".") or label.lower() in _SYSTEM_FILES


def _may_hide_images(label: str) -> bool:
    return _is_hidden(label) and (label.endswith("/") or is_image_name(label))
