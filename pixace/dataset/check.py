"""The examination of a folder of images: figures and advice, a contact sheet, a split."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pixace.dataset.advice import advise
from pixace.dataset.caption_finding import FolderCaptions, find_captions
from pixace.dataset.contact_sheet import MOST, contact_sheet, sheet_size
from pixace.dataset.duplicates import near_groups
from pixace.dataset.examine import ExaminedFolder, examine
from pixace.dataset.findings import Findings, make_report
from pixace.dataset.palette_finding import settled_colours
from pixace.dataset.split import SIDES, check_split_folder, choose_val, make_split
from pixace.errors import UsageError
from pixace.pictures.cutting import FoundPictures, find_pictures
from pixace.pictures.folder import ImagePaths
from pixace.pictures.writing import check_output, refuse_to_replace_images, write_picture
from pixace.settings.checks import require_number
from pixace.settings.paths import local_path, optional_path
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import ONE_EACH, ReadingSettings
from pixace.settings.training import AUTO
from pixace.wording import shown

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class CheckedImages:
    """What an examination has found.

    Attributes:
      findings: the figures.
      advice: a sentence or two for each thing that deserves attention.
    """

    findings: Findings
    advice: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Returns figures and advice under the names that `check --json` prints."""
        return {**self.findings.to_dict(), "advice": self.advice}


def check_images(
    images: Path | str,
    pictures: PictureSettings,
    *,
    val_images: Path | str | None = None,
    reading: ReadingSettings = ONE_EACH,
    captions: str = AUTO,
    sheet: Path | str | None = None,
    split: float | None = None,
    out: Path | str | None = None,
    show: Callable[[CheckedImages], None] = lambda checked: None,
    progress: Callable[[int, int], None] = lambda n_done, n_total: None,
) -> CheckedImages:
    """Examines a folder of images before a training: does all that `pixace check` does.

    Args:
      images: the top folder.
      pictures: what a model is to make of them; their colours may be an open palette.
      val_images: folder of validation images, if there is one.
      reading: how files become pictures; by default each is one.
      captions: where they are; see `TrainingSettings`.
      sheet: file in which some of the images are drawn, each beside what the model will see.
      split: share of the images to choose for validation; goes with `out`.
      out: new folder, in which `train` and `val` are made of links.
      show: is given what was found, also where the sheet or the split then cannot be written.
      progress: called after each image with how many are done, and how many there are.

    Raises:
      UsageError: an argument out of range, or two that do not go together.
      ImageError: no images there, none to divide, or the sheet or the split cannot be written.
    """
    images, val_images = local_path("images", images), optional_path("val_images", val_images)
    sheet, out = optional_path("sheet", sheet), optional_path("out", out)
    words, val_words = _words(images, val_images, captions)
    found, val_found = _found(images, val_images, reading)
    _check_split(found, val_images, split, out)
    _check_sheet(sheet, images, val_images)
    pictures = dataclasses.replace(pictures, unscale=reading.unscale)
    train, val = _examine(found, val_found, pictures.background, progress)
    colours = settled_colours(pictures.colours, train.paths, pictures)
    pictures = dataclasses.replace(pictures, colours=colours)
    findings = make_report(
        train, val, pictures=pictures, found=found, captions=words, val_captions=val_words
    )
    advice = advise(
        findings,
        pictures.background,
        alpha=pictures.alpha,
        is_split=split is not None,
        unscale=pictures.unscale,
    )
    checked = CheckedImages(findings, advice)
    try:
        if sheet is not None:
            _draw(train.paths, pictures, Path(sheet))
        if split is not None and out is not None:
            _split(train, split, Path(out))
    finally:  # a full disk does not cost the figures
        show(checked)
    return checked


def _check_sheet(sheet: str | None, images: str, val_images: str | None) -> None:
    """Checks that the sheet can be written, if one is wanted.

    Raises:
      UsageError: its name will not do, or is that of an image.
      ImageError: it cannot be written.
    """
    if sheet is not None:
        refuse_to_replace_images({"sheet": sheet}, {"images": images, "val_images": val_images})
        check_output(Path(sheet), sheet_size(MOST), "sheet")


def _found(
    images: str, val_images: str | None, reading: ReadingSettings
) -> tuple[FoundPictures, FoundPictures | None]:
    """Returns the training and the validation images, if there are any."""
    found = find_pictures(images, reading)
    return found, None if val_images is None else find_pictures(val_images, reading, "val_images")


def _words(
    images: Path | str, val_images: Path | str | None, kind: str
) -> tuple[FolderCaptions, FolderCaptions | None]:
    """Returns the captions of the training and of the validation images, if there are any."""
    words = find_captions(images, kind)
    if val_images is None:
        return words, None
    known, flag = words.classes, "val_images"
    return words, find_captions(val_images, kind, known_classes=known, flag=flag).beside(words)


def _check_split(
    found: FoundPictures, val_images: Path | str | None, share: float | None, out: Path | str | None
) -> None:
    """Checks that the split can be made, if one is wanted.

    Raises:
      UsageError: it cannot.
    """
    if share is None and out is None:
        return
    if share is None or out is None:
        raise UsageError("--split=SHARE and --out=FOLDER go together")
    if val_images is not None:
        raise UsageError("choose one of --val_images and --split")
    require_number("split", share, 0.001, 0.999)
    check_split_folder(Path(out), found.paths.source)


def _examine(
    found: FoundPictures,
    val_found: FoundPictures | None,
    background: str,
    progress: Callable[[int, int], None],
) -> tuple[ExaminedFolder, ExaminedFolder | None]:
    """Examines the training and the validation images, if there are any, as one piece of work."""
    n_total = len(found.paths) + (0 if val_found is None else len(val_found.paths))
    n_done = 0

    def count(n_images: int) -> None:
        nonlocal n_done
        n_done += n_images
        progress(n_done, n_total)

    def examined(found: FoundPictures) -> ExaminedFolder:
        result = examine(found.paths, background, count)
        return result._replace(unreadable=found.unreadable + result.unreadable)

    return examined(found), None if val_found is None else examined(val_found)


def _draw(paths: ImagePaths, pictures: PictureSettings, sheet: Path) -> None:
    """Draws the contact sheet of those images that can be read."""
    if not paths:
        _log.warning("no image can be read, so that %s is not drawn", shown(sheet))
        return
    chosen = paths.spread(MOST)
    write_picture(contact_sheet(chosen, pictures), sheet, pictures.background)
    _log.info("%d of the images are drawn in %s", len(chosen), shown(sheet))


def _split(train: ExaminedFolder, share: float, out: Path) -> None:
    """Divides the images that can be read, and tells how many are where."""
    digests = [facts.digest for facts in train.facts]
    is_val = choose_val(digests, near_groups(train.thumbnails), share)
    make_split(train.paths, is_val, out)
    for side, count in zip(SIDES, (sum(~is_val), sum(is_val)), strict=True):
        _log.info("%s: %d images", shown(out / side), count)
