"""What `check` finds in a folder of images, in figures."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixace.dataset.caption_finding import FolderCaptions
from pixace.dataset.codec_errors import compare_codecs
from pixace.dataset.duplicates import near_groups, same_groups
from pixace.dataset.examine import ExaminedFolder
from pixace.dataset.shapes import enlarged, other_shapes, suitable_size
from pixace.pictures.cutting import FoundPictures
from pixace.pictures.folder import ImagePaths
from pixace.settings.colours import label
from pixace.settings.pictures import PictureSettings, as_image_size

TOP_FOLDER = "(top folder)"  # the class of images in no sub-folder

_GREY = 4  # of 255: channels that differ by no more show no colour, only a JPEG file's noise
_SMALLEST_ART = 8  # pixels each way: flags and other plain shapes are made of fewer blocks


@dataclasses.dataclass(frozen=True)
class Findings:
    """The figures of a folder of images, all of them plain JSON values.

    Attributes:
      n_images: files that can be read.
      unreadable: path and problem of the others.
      sizes: how many pictures have which "WIDTHxHEIGHT", the most frequent first.
      n_oblong: pictures whose long edge is at least 4/3 of the short one.
      image_size: the edge of the squares that they will be made, or such as "32x18".
      n_enlarged: pictures that are smaller, or have an edge that is.
      median_short_edge: of all pictures, in pixels.
      modes: how many files store their pixels in which of Pillow's modes.
      n_transparent: pictures with transparent pixels.
      soft_alpha: share of all pixels that are neither transparent nor opaque.
      n_grey: pictures without colour.
      classes: how many pictures each sub-folder holds.
      exact_duplicates: groups of paths of files with the same bytes.
      near_duplicates: groups of paths of pictures that look the same, in different files.
      n_val_images: files of the validation folder that can be read; None if there is none.
      shared_with_val: pairs of paths, of a validation picture and one that looks the same among
        the training pictures.
      bitdepth: that of the model to be trained, as in "5,4,4"; or how its other colours are called.
      quantisation: for it and some others, coarse ones first, how far colours are off; see
        `quantisation_errors`.
      palettes: the same for palettes of the images' own colours, as in "palette:auto:64".
      n_colours: how many colours all pictures have, scaled as for a palette; None if they have
        more than the largest of these palettes.
      n_files: image files, whether they can be read or not.
      n_cut: files that were cut into pictures.
      n_empty: cells of sheets that were left out as empty.
      n_uneven: files that the grid does not divide evenly, so that pixels are left over.
      not_read: how many other files of which suffix there are, but for those of captions.
      made_larger: how many pictures are made of equal blocks, and so of which "WIDTHxHEIGHT" made
        larger; the most frequent first.
      fit: how pictures of other shapes become of the model's.
      n_other_shapes: pictures whose width by height is 4/3 times the model's, or more, or less.
      suitable_size: an image_size that would suit most pictures better; None if there is none.
      captions: what is found of captions; see `FolderCaptions.to_dict`.
      left_out: how much is no image of the folder's owner: see `LeftOut`.
      val_captions: the same of the validation folder; None if there is none. Its troubles tell of
        classes that the training images have not.
    """

    n_images: int
    unreadable: list[dict[str, str]]
    sizes: dict[str, int]
    n_oblong: int
    image_size: int | str
    n_enlarged: int
    median_short_edge: float
    modes: dict[str, int]
    n_transparent: int
    soft_alpha: float
    n_grey: int
    classes: dict[str, int]
    exact_duplicates: list[list[str]]
    near_duplicates: list[list[str]]
    n_val_images: int | None
    shared_with_val: list[list[str]]
    bitdepth: str
    quantisation: dict[str, float]
    palettes: dict[str, float]
    n_colours: int | None
    n_files: int
    n_cut: int
    n_empty: int
    n_uneven: int
    not_read: dict[str, int]
    made_larger: dict[str, int]
    fit: str
    n_other_shapes: int
    suitable_size: int | str | None
    captions: dict[str, Any]
    val_captions: dict[str, Any] | None
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures under the names that `check --json` prints."""
        return dataclasses.asdict(self)


def make_report(
    train: ExaminedFolder,
    val: ExaminedFolder | None = None,
    *,
    pictures: PictureSettings,
    found: FoundPictures,
    captions: FolderCaptions,
    val_captions: FolderCaptions | None = None,
) -> Findings:
    """Sums up what `examine` has found.

    Args:
      train: the training images.
      val: the validation images, if there are any.
      pictures: what a model will make of them: shape, colours and background.
      found: the folder of the training images.
      captions: those found there.
      val_captions: those found for the validation images.
    """
    sizes = np.array([facts.size for facts in train.facts]).reshape(-1, 2)
    suitable = suitable_size(sizes, pictures)
    small = train.thumbnails.astype(int)
    unreadable = train.unreadable + (val.unreadable if val else [])
    digests = [facts.digest for facts in train.facts]
    errors = compare_codecs(train.paths, pictures)
    return Findings(
        n_images=len(train.paths),
        unreadable=[{"path": str(path), "problem": problem} for path, problem in unreadable],
        sizes=_counted(f"{width}x{height}" for width, height in sizes),
        n_oblong=int(other_shapes(sizes).sum()),
        image_size=as_image_size(pictures.size),
        n_enlarged=int(enlarged(sizes, pictures).sum()),
        median_short_edge=float(np.median(sizes.min(axis=1))) if len(sizes) else 0.0,
        modes=_counted(facts.mode for facts in train.facts),
        n_transparent=sum(facts.is_transparent for facts in train.facts),
        soft_alpha=sum(facts.n_soft for facts in train.facts)
        / max(1, int(sizes.prod(axis=1).sum())),
        n_grey=int((np.ptp(small, axis=3).max(axis=(1, 2)) <= _GREY).sum()),
        classes=_counted(map(_class_of, _names(train.paths))),
        exact_duplicates=_named(train.paths, same_groups(digests)),
        near_duplicates=_named(train.paths, _near(train.thumbnails, digests)),
        n_val_images=None if val is None else len(val.paths),
        shared_with_val=[] if val is None else _shared(train, val),
        bitdepth=label(pictures.colours),
        quantisation=errors.of_bits,
        palettes=errors.of_palettes,
        n_colours=errors.n_colours,
        n_files=found.n_files,
        n_cut=found.n_cut,
        n_empty=found.n_empty,
        n_uneven=found.n_uneven,
        not_read=found.not_read(captions.used),
        left_out=found.left_out._asdict(),
        made_larger=_counted(_sizes_in_blocks(train)),
        fit=pictures.fit,
        n_other_shapes=int(other_shapes(sizes, pictures.size).sum()),
        suitable_size=None if suitable is None else as_image_size(suitable),
        captions=captions.to_dict(),
        val_captions=None if val_captions is None else val_captions.to_dict(),
    )


def _near(thumbnails: np.ndarray, digests: Sequence[bytes]) -> list[list[int]]:
    """Returns groups of pictures that look the same, and are not all one file's bytes."""
    groups = near_groups(thumbnails)
    return [group for group in groups if len({digests[n] for n in group}) > 1]


def _sizes_in_blocks(folder: ExaminedFolder) -> Iterator[str]:
    """Yields the size of each picture that is made of blocks, with a pixel for each of them."""
    for facts in folder.facts:
        width, height = (length // facts.block for length in facts.size)
        if facts.block > 1 and min(width, height) >= _SMALLEST_ART:
            yield f"{width}x{height}"


def _shared(train: ExaminedFolder, val: ExaminedFolder) -> list[list[str]]:
    """Returns each validation picture that looks like a training one, and the first of those."""
    n_train = len(train.paths)
    groups = near_groups(np.concatenate([train.thumbnails, val.thumbnails]))
    return [
        [str(val.paths[number - n_train]), str(train.paths[group[0]])]
        for group in groups
        for number in group
        if group[0] < n_train <= number
    ]


def _named(paths: ImagePaths, groups: list[list[int]]) -> list[list[str]]:
    return [[str(paths[number]) for number in group] for group in groups]


def _names(paths: ImagePaths) -> list[Path]:
    return [Path(os.fsdecode(paths.file_name(number))) for number in range(len(paths))]


def _class_of(name: Path) -> str:
    return name.parts[0] if len(name.parts) > 1 else TOP_FOLDER


def _counted(values: Any) -> dict[str, int]:
    """Returns how often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())
