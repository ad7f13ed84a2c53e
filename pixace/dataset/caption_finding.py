"""The captions of a folder's images, found by themselves, in whichever place has some.

They are those of image files: what is cut from one, as from a sheet, has the caption of its file.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

from pixace.dataset.cache import rows_of
from pixace.dataset.caption_sources import (
    FoundCaptions,
    in_folders,
    in_metadata,
    in_names,
    in_texts,
)
from pixace.dataset.caption_texts import CaptionTexts
from pixace.dataset.captions import Captions
from pixace.errors import ImageError
from pixace.pictures.folder import ImagePaths, ImageSource, find_images, name_digests
from pixace.settings.checks import require_choice
from pixace.settings.model import CAPTION_LENGTH
from pixace.settings.training import AUTO, CAPTIONS, FOLDERS, METADATA, NAMES, NONE, TXT
from pixace.wording import shown

_log = logging.getLogger(__name__)

_LISTED = 10  # classes in one line
_IN_ORDER = (METADATA, TXT, FOLDERS)  # of a folder one kind counts: the first that has any


class FolderCaptions(NamedTuple):
    """What is found of captions for the image files of a folder.

    Attributes:
      files: the N image files.
      captions: theirs.
      source: where they are from; empty if there are none.
      classes: of the images, in order.
      troubles: a line for each sort of thing that is amiss.
      longest: the longest caption, as far as a message bears it.
      used: how many files of each suffix they were read from.
      more: another kind that gives captions to more of the files, and to how many; None if there is
        none, or a kind was asked for.
    """

    files: ImagePaths
    captions: Captions
    source: str
    classes: tuple[str, ...]
    troubles: list[str]
    longest: str
    used: Counter[str]
    more: tuple[str, int] | None = None

    @property
    def n_captioned(self) -> int:
        """How many of the files have a caption."""
        return sum(map(bool, self.captions))

    @property
    def summary(self) -> str:
        """What was found, such as "2,950 of 2,983 images, from metadata.jsonl"."""
        if not self.source:
            return f"0 of {len(self.files):,} images"
        parts = [f"{self.n_captioned:,} of {len(self.files):,} images, from {self.source}"]
        if n_classes := len(self.classes):
            parts.append(f"{n_classes:,} class{'es' if n_classes > 1 else ''}")
        if self.more is not None:
            kind, n_captioned = self.more
            parts.append(f"captions={kind} would find {n_captioned:,}")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Returns what is found as plain JSON values, without the captions themselves."""
        return {
            "summary": self.summary,
            "source": self.source,
            "n_captioned": self.n_captioned,
            "classes": list(self.classes),
            "longest": self.longest,
            "troubles": self.troubles,
        }

    def beside(self, train: FolderCaptions) -> FolderCaptions:
        """Returns those of validation images, with a line for classes new beside those trained."""
        new = sorted({*self.classes} - {*train.classes})
        if not new:
            return self
        words = ", ".join(map(shown, new[:_LISTED])) + (", ..." if len(new) > _LISTED else "")
        line = f"classes that the images to train on have not: {words}"
        return self._replace(troubles=[*self.troubles, line])

    def tell(self) -> None:
        """Says in the log what was found, and what is amiss."""
        _log.info("%s: captions: %s", shown(self.files.source), self.summary)
        for trouble in self.troubles:
            _log.warning("%s: captions: %s", shown(self.files.source), trouble)

    def require(self, kind: str) -> None:
        """Checks that there are some, where a kind was asked for.

        Raises:
          ImageError: there are none.
        """
        if not self.source and kind not in (AUTO, NONE):
            raise ImageError(
                f"{shown(self.files.source)}: captions={kind}, but none of its images has such a "
                "caption; name another kind, or leave it out"
            )

    def of(self, paths: ImagePaths) -> Captions:
        """Returns the captions of pictures of the same folder, each those of its file."""
        return self.captions.select(rows_of(name_digests(paths), name_digests(self.files)).tolist())


def find_captions(
    folder: ImageSource,
    kind: str = AUTO,
    length: int = CAPTION_LENGTH,
    *,
    known_classes: Collection[str] = (),
    flag: str = "images",
) -> FolderCaptions:
    """Finds the captions of the images of a folder and its sub-folders.

    Args:
      folder: the top folder, or an image file; or what has been found there before.
      kind: of captions to look for, one of `CAPTIONS`; auto takes the first of metadata, texts and
        class folders that has any.
      length: P, bytes of a caption; longer ones are cut at a word.
      known_classes: if one of these is the only sub-folder, it is a class, too.
      flag: which flag named it.

    Raises:
      UsageError: there is no such kind, or the folder has no name, or one that cannot be.
      ImageError: it does not exist or holds no image.
    """
    require_choice("captions", kind, CAPTIONS)
    files, texts = find_images(folder, flag), CaptionTexts(length)
    found = FoundCaptions(Captions(() for _ in range(len(files))), "")
    for place in {AUTO: _IN_ORDER, NONE: ()}.get(kind, (kind,)):
        known = None if kind == FOLDERS else known_classes
        sought = _sought(place, files, texts, known)
        if any(sought.captions):
            found = sought
            break
    without = [number for number, each in enumerate(found.captions) if not each]
    more = None
    if found.source and without:
        texts.troubles.note("images without any", files.label(without[0]), len(without))
        if kind == AUTO:
            more = _kind_of_more(files, length, known_classes, len(files) - len(without))
    lines, classes = texts.troubles.lines(), tuple(sorted(found.classes))
    return FolderCaptions(
        files, found.captions, found.source, classes, lines, texts.longest, found.used, more
    )


def _kind_of_more(
    files: ImagePaths, length: int, known_classes: Collection[str], n_captioned: int
) -> tuple[str, int] | None:
    """Returns the kind that gives captions to the most files, if to more than these, and how many.

    One stray text would otherwise hide that a folder has classes.
    """
    counts = {
        kind: sum(map(bool, _sought(kind, files, CaptionTexts(length), known_classes).captions))
        for kind in _IN_ORDER
    }
    best = max(_IN_ORDER, key=counts.__getitem__)
    return (best, counts[best]) if counts[best] > n_captioned else None


def _sought(
    place: str, files: ImagePaths, texts: CaptionTexts, known_classes: Collection[str] | None
) -> FoundCaptions:
    """Returns what is found in one place."""
    if place == FOLDERS:
        return in_folders(files, texts, known_classes)
    return {METADATA: in_metadata, TXT: in_texts, NAMES: in_names}[place](files, texts)
