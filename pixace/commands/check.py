"""`pixace check`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from absl import flags

from pixace.commands.bar import progress_bar
from pixace.commands.flags import (
    SCALING,
    define_settings,
    define_switches,
    define_texts,
    reading_settings,
    typed_settings,
)
from pixace.dataset.check import CheckedImages, check_images
from pixace.dataset.contact_sheet import MOST
from pixace.dataset.findings import Findings
from pixace.errors import UsageError
from pixace.pictures.folder import LeftOut
from pixace.pictures.formats.suffixes import spelled_counts
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings, spelled_size
from pixace.settings.reading import ReadingSettings
from pixace.settings.training import TrainingSettings
from pixace.tokens.palette_names import with_palette
from pixace.wording import shown

_LISTED = 10  # lines of a kind; --json has them all


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_texts(
        values,
        images="Folder of images to examine, or one file.",
        val_images="Folder of validation images; those that are also in --images are told.",
    )
    define_settings(values, ModelConfig, (*SCALING, "bitdepth", "colours"))
    define_settings(values, ReadingSettings)
    define_settings(values, TrainingSettings, ("captions",))
    define_texts(
        values,
        sheet=f"Draw up to {MOST} of the images in this file, each beside what the model will see.",
    )
    flags.DEFINE_float(
        "split",
        None,
        "Divide the images: this share for validation, the rest for training (with --out).",
        flag_values=values,
    )
    define_texts(
        values,
        out="New folder for --split: OUT/train and OUT/val, of links, and of PNGs of what is cut.",
    )
    define_switches(values, json="Print all figures, groups and advice as JSON.")


def run(values: flags.FlagValues) -> None:
    """Prints what a folder of images holds and what to make of it."""
    images = values["images"].value
    if images is None:
        raise UsageError("check needs --images=FOLDER")
    pictures = PictureSettings.of(**with_palette(typed_settings(values)))
    show = _print_json if values["json"].value else _print
    names = ("val_images", "captions", "sheet", "split", "out")
    others = {name: values[name].value for name in names}
    reading = reading_settings(values)
    with progress_bar("img") as progress:
        check_images(images, pictures, reading=reading, **others, show=show, progress=progress)


def _print_json(checked: CheckedImages) -> None:
    print(json.dumps(checked.to_dict()))


def _print(checked: CheckedImages) -> None:
    print(_as_text(checked.findings, checked.advice))


def _as_text(findings: Findings, advice: Sequence[str]) -> str:
    lines = [f"images            {findings.n_images}"]
    if findings.n_val_images is not None:
        lines.append(f"validation        {findings.n_val_images}")
    lines.append(f"unreadable        {len(findings.unreadable)}")
    lines += _some(f"{shown(row['path'])}: {row['problem']}" for row in findings.unreadable)
    if findings.n_cut:
        lines.append(
            f"cut into pictures {findings.n_cut} of {findings.n_files} files; "
            f"{findings.n_empty} empty cells left out"
        )
    if findings.not_read:
        lines.append(f"not images        {spelled_counts(findings.not_read)}")
    if left_out := str(LeftOut(**findings.left_out)):
        lines.append(f"left out          {left_out}")
    lines.append(f"sizes             {_counts(findings.sizes)}")
    lines.append(f"oblong            {findings.n_oblong}")
    lines.append(
        f"smaller           {findings.n_enlarged} than {spelled_size(findings.image_size)}"
    )
    if findings.made_larger:
        lines.append(f"made of blocks    {_counts(findings.made_larger)}")
    lines.append(f"modes             {_counts(findings.modes)}")
    lines.append(f"transparent       {_transparent(findings)}")
    lines.append(f"without colour    {findings.n_grey}")
    lines.append(f"sub-folders       {_counts(findings.classes)}")
    lines += _captions("captions        ", findings.captions)
    if findings.val_captions is not None:
        lines += _captions("of validation   ", findings.val_captions)
    for title, groups in (
        ("exact duplicates", findings.exact_duplicates),
        ("near duplicates ", findings.near_duplicates),
    ):
        lines.append(f"{title}  {_total(groups)}")
        lines += _some(map(_group, groups))
    if findings.n_val_images is not None:
        lines.append(f"also in training  {len(findings.shared_with_val)}")
        lines += _some(map(_group, findings.shared_with_val))
    errors = _errors(findings.quantisation)
    lines.append(f"colour error      {errors} (CIELAB, by bit depth; 2 is just visible)")
    if findings.palettes:
        lines.append(f"of palettes       {_errors(findings.palettes)}")
    return "\n".join([*lines, *(f"\n{sentence}" for sentence in advice)])


def _captions(title: str, found: dict[str, Any]) -> Iterator[str]:
    """Yields what was found of captions, the longest of them and what is amiss."""
    yield f"{title}  {found['summary']}"
    if found["source"]:
        yield f"    the longest: {shown(found['longest'])}"
    yield from _some(found["troubles"])


def _transparent(findings: Findings) -> str:
    """Spells how many pictures have transparency, and how much of all of them is soft."""
    soft = f" ({100 * findings.soft_alpha:.2g}% of all pixels in part)"
    return f"{findings.n_transparent}{soft if findings.soft_alpha else ''}"


def _errors(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {error:.1f}" for name, error in errors.items())


def _some(lines: Iterable[str]) -> list[str]:
    """Indents the first lines, and says how many more there are."""
    every = [f"    {line}" for line in lines]
    more = len(every) - _LISTED
    return every[:_LISTED] + ([f"    and {more} more, see --json"] if more > 0 else [])


def _total(groups: Sequence[Sequence[str]]) -> str:
    """Spells how many files there are in how many groups."""
    if not groups:
        return "0"
    return f"{sum(map(len, groups))} in {len(groups)} group{'s' if len(groups) > 1 else ''}"


def _group(paths: Sequence[str], most: int = 3) -> str:
    """Spells the first files of a group, and how many more there are."""
    words = " = ".join(map(shown, paths[:most]))
    return words + (f" and {len(paths) - most} more" if len(paths) > most else "")


def _counts(counts: dict[str, int], most: int = 5) -> str:
    """Spells the most frequent values, and how many more there are."""
    words = [f"{shown(value)} ({count})" for value, count in [*counts.items()][:most]]
    return ", ".join(words) + (f" and {len(counts) - most} more" if len(counts) > most else "")
