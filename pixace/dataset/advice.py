"""What the figures of a folder of images mean for a training, in plain words."""

from __future__ import annotations

from pixace.dataset.findings import Findings
from pixace.dataset.shapes import LONGER
from pixace.pictures.formats.suffixes import is_other_picture, spelled_counts
from pixace.settings.colours import most_colours
from pixace.settings.pictures import (
    MAX_EDGE,
    SQUASH,
    as_image_size,
    scaled_to,
    size_of,
    spelled_size,
)
from pixace.wording import shown

_FEW = 1000  # images; the model in the box learned from 2976
_SMALL_SHARE = 0.1  # of the images: fewer are not worth a word
_DUPLICATE_SHARE = 0.01
_SOFT_SHARE = 0.01  # of the pixels
_UNBALANCED = 5.0  # largest class by smallest
_FAINT = 2.5  # a colour error that is hardly seen
_SIZES = (8, 16, 24, 32, 48, 64)


def advise(
    report: Findings,
    background: str,
    *,
    alpha: bool = False,
    is_split: bool = False,
    unscale: bool = False,
) -> list[str]:
    """Returns a sentence or two for each thing that deserves attention, and none for the rest.

    Args:
      report: the figures.
      background: colour behind transparent pixels.
      alpha: whether they stay transparent instead.
      is_split: whether the images are being divided into training and validation.
      unscale: whether what was made larger by whole blocks is taken back.
    """
    n_images = report.n_images
    if not n_images:
        return ["No image can be read; nothing can be learned from this folder."]
    advice = []
    if report.unreadable:
        advice.append(
            f"{_files(len(report.unreadable))} cannot be read and will be skipped: replace or "
            "delete what is named above."
        )
    advice += _about_other_kinds(report)
    if report.n_uneven:
        advice.append(
            f"In {_files(report.n_uneven)} pixels are left over on the right or below: "
            "--sheet=FILE shows whether the grid is right, and its margin and spacing."
        )
    if n_images < _FEW:
        advice.append(
            f"A model soon knows {_images(n_images)} by heart. Watch the validation loss, keep the "
            "best checkpoint, use a small model, and --mirror where left and right do not matter."
        )
    blocks = _about_blocks(report, unscale)
    advice += _about_shapes(report) + _about_sizes(report, is_larger=bool(blocks)) + blocks
    advice += _about_transparency(report, background, alpha)
    if report.n_grey < n_images:
        advice += _about_colours(report)
    elif not report.bitdepth.startswith(("0,0,", "grey:", "palette:")):
        advice.append("No image has colour: --bitdepth=0,0,6 spends no bits on it.")
    advice += _about_duplicates(report) + _about_classes(report)
    if report.n_val_images is None and not is_split:
        advice.append(
            "There is no validation folder here: without one nobody sees when the model begins to "
            "learn by heart. --split=0.05 --out=FOLDER divides the images, duplicates on one side."
        )
    return advice


def _about_other_kinds(report: Findings) -> list[str]:
    """Tells of pictures that nobody has looked at."""
    others = {name: n for name, n in report.not_read.items() if is_other_picture(name)}
    if not others:
        return []
    count = sum(others.values())
    what = "is a picture of a kind that is" if count == 1 else "are pictures of kinds that are"
    return [
        f"{_files(count)} {what} not read ({spelled_counts(others)}): save as PNG what is to be "
        "learned from."
    ]


def _about_transparency(report: Findings, background: str, alpha: bool) -> list[str]:
    if not report.n_transparent:
        return []
    where = f"Transparent pixels, in {_images(report.n_transparent)} of {report.n_images},"
    if alpha:
        if report.soft_alpha < _SOFT_SHARE:
            return []
        return [
            f"{report.soft_alpha:.1%} of the pixels are neither transparent nor opaque, as at soft "
            "edges: each will be one or the other, whichever it is nearer to."
        ]
    advice = (
        f"{where} will show --background={background}. Choose the colour before training: it is "
        "part of the model. Or let them stay transparent, and be drawn so: --alpha."
    )
    if report.soft_alpha >= _SOFT_SHARE:
        advice += (
            f" {report.soft_alpha:.1%} of the pixels are half transparent, as at soft edges; with "
            "it each is one or the other."
        )
    return [advice]


def _about_shapes(report: Findings) -> list[str]:
    """Warns of what squashing distorts."""
    if report.fit != SQUASH or report.n_other_shapes <= _SMALL_SHARE * report.n_images:
        return []
    width, height = size_of(report.image_size)
    which = f"{_images(report.n_other_shapes)} of {report.n_images}, at least {LONGER:.2f} times as"
    if width == height:
        what = "long one way as the other, will be squeezed into a square."
    else:
        what = f"wide or high, in proportion, as {width}x{height}, will be squeezed into that."
    return [f"{which} {what} If shapes matter, --fit=crop or --fit=pad keeps them."]


def _about_sizes(report: Findings, *, is_larger: bool) -> list[str]:
    """Proposes the size that most images have, or that their details need.

    Args:
      report: the figures.
      is_larger: whether images are small ones made larger, whose size is proposed instead.
    """
    suitable = None if is_larger else report.suitable_size
    if report.n_enlarged <= _SMALL_SHARE * report.n_images:
        if suitable is None:
            return []
        words = spelled_size(suitable)
        most = f"are {words}" if words in report.sizes else f"have the shape of {words}"
        return [f"Most images {most}: --image_size={suitable} keeps that."]
    advice = (
        f"{_images(report.n_enlarged)} of {report.n_images}, smaller than "
        f"{spelled_size(report.image_size)}, will be enlarged, which costs time and adds no detail."
    )
    if not is_larger:
        suitable = suitable or _smaller(report)
    return [advice if suitable is None else f"{advice} Try --image_size={suitable}."]


def _smaller(report: Findings) -> int | str | None:
    """Returns a size of the same shape that has not more detail than most images, if it is less."""
    size = size_of(report.image_size)
    short = max((edge for edge in _SIZES if edge <= report.median_short_edge), default=_SIZES[0])
    if short >= min(size):
        return None
    return as_image_size(scaled_to(size, round(max(size) * short / min(size))))


def _about_blocks(report: Findings, unscale: bool) -> list[str]:
    """Proposes to take back what was made larger, where that is worth a word and not yet done."""
    n_larger = sum(report.made_larger.values())
    if n_larger <= _SMALL_SHARE * report.n_images:
        return []
    size = next(iter(report.made_larger))
    width, height = map(int, size.split("x"))
    if max(width, height) > MAX_EDGE or (unscale and size == spelled_size(report.image_size)):
        return []
    flag = size if width != height else width
    return [
        f"{_images(n_larger)} of {report.n_images}, made of equal blocks, can be taken for pixel "
        f"art made larger, most often from {size}: --image_size={flag} --unscale takes that back "
        "exactly."
    ]


def _about_colours(report: Findings) -> list[str]:
    """Compares the colours with the coarsest bit depth that is fine enough, and with palettes."""
    own = report.quantisation[report.bitdepth]
    count = report.n_colours
    exact = [name for name in report.palettes if count is not None and count <= most_colours(name)]
    if own and exact:
        return [
            f"The images have few colours: --colours={exact[0]} keeps every one of them exactly."
        ]
    fine = [bits for bits, error in report.quantisation.items() if error <= _FAINT]
    if not fine or fine[0] == report.bitdepth:
        return []
    error = report.quantisation[fine[0]]
    if own <= _FAINT:
        return [
            f"{_flag(fine[0])} is fine enough: its colour error is {error:.1f}, and 2 is just "
            "visible. Fewer colours are learned faster."
        ]
    return [
        f"{_flag(report.bitdepth)} is coarse: its colour error is {own:.1f}, that of "
        f"{_flag(fine[0])} {error:.1f}; 2 is just visible."
    ]


def _flag(colours: str) -> str:
    return f"--colours={colours}" if ":" in colours else f"--bitdepth={colours}"


def _about_duplicates(report: Findings) -> list[str]:
    advice = []
    groups = report.exact_duplicates + report.near_duplicates
    n_more = len({path for group in groups for path in group[1:]})
    if n_more > _DUPLICATE_SHARE * report.n_images:
        advice.append(
            f"{_images(n_more)} of {report.n_images} can be taken for another one: the model will "
            "see these pictures more often than others, and draw them more often. Keep one of each."
        )
    if report.shared_with_val:
        advice.append(
            f"{len(report.shared_with_val)} of {report.n_val_images} validation images can be "
            "taken for a training image: the validation loss will look better than it is. Remove "
            "them from one side, or let --split divide the images."
        )
    return advice


def _about_classes(report: Findings) -> list[str]:
    if len(report.classes) < 2:
        return []
    (largest, most), (smallest, fewest) = _extremes(report.classes)
    if most < _UNBALANCED * fewest:
        return []
    is_told = report.captions["source"] == "class folders"
    return [
        f"Of the sub-folders, {shown(largest)} has {_images(most)} and {shown(smallest)} has "
        f"{fewest}: the model is{' ' if is_told else ' not '}told of them, and "
        f"{'where it is not asked for one ' if is_told else ''}will draw their pictures about as "
        "often as it has seen them."
    ]


def _extremes(classes: dict[str, int]) -> tuple[tuple[str, int], tuple[str, int]]:
    return max(classes.items(), key=lambda c: c[1]), min(classes.items(), key=lambda c: c[1])


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
