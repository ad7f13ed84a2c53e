"""What `check` finds in a folder of images, in figures."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixace.dataset.duplicates import near_groups, same_groups
from pixace.dataset.examine import ExaminedFolder
from pixace.dataset.palette_finding import few_colours, near_colours, sampled_pixels
from pixace.dataset.shapes import enlarged, other_shapes, suitable_size
from pixace.errors import ImageError
from pixace.pictures.colour_error import colour_error
from pixace.pictures.cutting import FoundPictures
from pixace.pictures.folder import ImagePath, ImagePaths
from pixace.pictures.many import read_in_order
from pixace.settings.colours import label, most_colours, palette
from pixace.settings.pictures import PictureSettings, as_image_size
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import pixels_of_file

TOP_FOLDER = "(top folder)"  # the class of images in no sub-folder

# Tried besides the user's colours.
_COMPARED = ("hsv:3,2,2", "hsv:4,3,3", "hsv:5,4,4")
_PALETTES = ("palette:auto:16", "palette:auto:64", "palette:auto:256")
_GREY = 4  # of 255: channels that differ by no more show no colour, only a JPEG file's noise
_SMALLEST_ART = 8  # pixels each way: flags and other plain shapes are made of fewer blocks
_MAX_SAMPLE = 200  # pictures whose colours are compared


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
      not_read: how many other files there are of which suffix.
      made_larger: how many pictures are made of equal blocks, and so of which "WIDTHxHEIGHT" made
        larger; the most frequent first.
      fit: how pictures of other shapes become of the model's.
      n_other_shapes: pictures whose width by height is 4/3 times the model's, or more, or less.
      suitable_size: an image_size that would suit most pictures better; None if there is none.
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

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures under the names that `check --json` prints."""
        return dataclasses.asdict(self)


def make_report(
    train: ExaminedFolder,
    val: ExaminedFolder | None = None,
    *,
    pictures: PictureSettings,
    found: FoundPictures,
) -> Findings:
    """Sums up what `examine` has found.

    Args:
      train: the training images.
      val: the validation images, if there are any.
      pictures: what a model will make of them: shape, colours and background.
      found: the folder of the training images.
    """
    sizes = np.array([facts.size for facts in train.facts]).reshape(-1, 2)
    suitable = suitable_size(sizes, pictures)
    small = train.thumbnails.astype(int)
    unreadable = train.unreadable + (val.unreadable if val else [])
    digests = [facts.digest for facts in train.facts]
    bit_depths = {label(colours): colours for colours in (*_COMPARED, pictures.colours)}

    def named(groups: list[list[int]]) -> list[list[str]]:
        return [[str(train.paths[number]) for number in group] for group in groups]

    few = few_colours(train.paths, dataclasses.replace(pictures, colours=_PALETTES[-1]))
    near = [
        group for group in near_groups(train.thumbnails) if len({digests[n] for n in group}) > 1
    ]
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
        exact_duplicates=named(same_groups(digests)),
        near_duplicates=named(near),
        n_val_images=None if val is None else len(val.paths),
        shared_with_val=[] if val is None else _shared(train, val),
        bitdepth=label(pictures.colours),
        quantisation=quantisation_errors(train.paths, pictures, bit_depths),
        palettes=_palette_errors(train.paths, pictures, few),
        n_colours=None if few is None else len(few),
        n_files=found.n_files,
        n_cut=found.n_cut,
        n_empty=found.n_empty,
        n_uneven=found.n_uneven,
        not_read=found.others,
        made_larger=_counted(_sizes_in_blocks(train)),
        fit=pictures.fit,
        n_other_shapes=int(other_shapes(sizes, pictures.size).sum()),
        suitable_size=None if suitable is None else as_image_size(suitable),
    )


def _sizes_in_blocks(folder: ExaminedFolder) -> Iterator[str]:
    """Yields the size of each picture that is made of blocks, with a pixel for each of them."""
    for facts in folder.facts:
        width, height = (length // facts.block for length in facts.size)
        if facts.block > 1 and min(width, height) >= _SMALLEST_ART:
            yield f"{width}x{height}"


def _palette_errors(
    paths: ImagePaths, pictures: PictureSettings, few: list[str] | None
) -> dict[str, float]:
    """Measures palettes of the images' own colours; see `quantisation_errors`.

    Args:
      paths: the pictures, in all of which the palettes are found, as a training finds them.
      pictures: shape and background.
      few: all their colours; None if there are too many for any of the palettes.

    Returns:
      None of them where no picture shows a colour.
    """
    if few is not None and not few:
        return {}
    # Scaled as for a palette: without new colours where that can be.
    pictures = dataclasses.replace(pictures, colours=_PALETTES[0])
    palettes, pixels = {}, None
    for name in _PALETTES:
        colours, most = few, most_colours(name)
        if colours is None or len(colours) > most:
            pixels = sampled_pixels(paths, pictures) if pixels is None else pixels
            colours = near_colours(pixels, most)
        palettes[name] = palette(colours)
    return quantisation_errors(paths, pictures, palettes)


def quantisation_errors(
    paths: ImagePaths, pictures: PictureSettings, colours: Mapping[str, str]
) -> dict[str, float]:
    """Measures how far tokens are from the colours of the scaled pictures, on at most 200 of them.

    Args:
      paths: the pictures.
      pictures: shape and background.
      colours: codecs to try, as they spell themselves, by name.

    Returns:
      By the same names, the one with the fewest colours first, `colour_error` over all pixels.
    """
    by_name = {
        name: codec_of(dataclasses.replace(pictures, colours=each))
        for name, each in colours.items()
    }
    names = sorted(by_name, key=lambda name: by_name[name].n_tokens)
    codecs = [by_name[name] for name in names]

    def work(_: ImagePath, img: Image.Image) -> list[float]:
        pixels = pixels_of_file(img, pictures)
        return [colour_error(pixels, codec.decode(codec.encode(pixels))) for codec in codecs]

    sample = paths.spread(_MAX_SAMPLE)
    rows = read_in_order(sample, range(len(sample)), work, _MAX_SAMPLE)
    errors = [
        row for _, row in rows if not isinstance(row, ImageError)
    ]  # all were there a while ago
    means = np.mean(errors, axis=0) if errors else np.zeros(len(codecs))
    return dict(zip(names, means.tolist(), strict=True))


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


def _names(paths: ImagePaths) -> list[Path]:
    return [Path(os.fsdecode(paths.file_name(number))) for number in range(len(paths))]


def _class_of(name: Path) -> str:
    return name.parts[0] if len(name.parts) > 1 else TOP_FOLDER


def _counted(values: Any) -> dict[str, int]:
    """Returns how often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())
