"""`pixace check`."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from absl import flags

from pixace.commands.flags import define_token_flags, typed_settings
from pixace.dataset.advice import advise
from pixace.dataset.contact_sheet import MOST, contact_sheet, sheet_size
from pixace.dataset.duplicates import near_groups
from pixace.dataset.examine import ExaminedFolder, examine
from pixace.dataset.findings import Findings, make_report
from pixace.dataset.split import SIDES, check_split_folder, choose_val, make_split
from pixace.errors import UsageError
from pixace.pictures.folder import find_images
from pixace.pictures.writing import check_output, write_picture
from pixace.settings.checks import require_number
from pixace.settings.pictures import PictureSettings
from pixace.wording import shown

_log = logging.getLogger(__name__)

_LISTED = 10  # lines of a kind; --json has them all


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    flags.DEFINE_string("images", None, "Folder of images to examine.", flag_values=values)
    flags.DEFINE_string(
        "val_images",
        None,
        "Folder of validation images; those that are also in --images are told.",
        flag_values=values,
    )
    define_token_flags(values)
    flags.DEFINE_string(
        "sheet",
        None,
        f"Draw up to {MOST} of the images in this file, each beside what the model will see.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "split",
        None,
        "Divide the images: this share for validation, the rest for training (with --out).",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out", None, "New folder for --split: OUT/train and OUT/val, of links.", flag_values=values
    )
    flags.DEFINE_boolean("json", False, "Print the figures as JSON.", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Prints what a folder of images holds and what to make of it."""
    folder, val_folder = values["images"].value, values["val_images"].value
    if folder is None:
        raise UsageError("check needs --images=FOLDER")
    pictures = PictureSettings.of(**typed_settings(values))
    n_files = len(find_images(folder))
    if val_folder is not None:
        n_files += len(find_images(val_folder, "val_images"))
    out = _split_folder(values)
    sheet = None if values["sheet"].value is None else Path(values["sheet"].value)
    if sheet is not None:
        check_output(sheet, sheet_size(MOST), "sheet")

    from tqdm import tqdm

    with tqdm(total=n_files, unit="img", leave=False, disable=not sys.stderr.isatty()) as bar:
        train = examine(folder, pictures.background, bar.update)
        val = None if val_folder is None else examine(val_folder, pictures.background, bar.update)
    report = make_report(train, val, pictures=pictures)
    advice = advise(report, pictures.background, is_split=out is not None)
    try:
        if sheet is not None and not report.n_images:
            _log.warning("no image can be read, so that %s is not drawn", shown(sheet))
        elif sheet is not None:
            chosen = train.paths.spread(MOST)
            picture = contact_sheet(chosen, pictures)
            write_picture(picture, sheet)
            _log.info("%d of the images are drawn in %s", len(chosen), shown(sheet))
        if out is not None:
            _split(train, values["split"].value, out)
    finally:  # a full disk does not cost the figures
        if values["json"].value:
            print(json.dumps({**report.to_dict(), "advice": advice}))
        else:
            print(_as_text(report, advice))


def _split_folder(values: flags.FlagValues) -> Path | None:
    """Returns where to write the split, if one is wanted."""
    share, out = values["split"].value, values["out"].value
    if (share is None) != (out is None):
        raise UsageError("--split=SHARE and --out=FOLDER go together")
    if share is None:
        return None
    if values["val_images"].value is not None:
        raise UsageError("choose one of --val_images and --split")
    require_number("split", share, 0.001, 0.999)
    check_split_folder(Path(out), Path(values["images"].value))
    return Path(out)


def _split(train: ExaminedFolder, share: float, out: Path) -> None:
    """Divides the images that can be read, and tells how many are where."""
    digests = [facts.digest for facts in train.facts]
    is_val = choose_val(digests, near_groups(train.thumbnails), share)
    make_split(train.paths, is_val, out)
    for side, count in zip(SIDES, (sum(~is_val), sum(is_val)), strict=True):
        _log.info("%s: %d images", shown(out / side), count)


def _as_text(report: Findings, advice: Sequence[str]) -> str:
    lines = [f"images            {report.n_images}"]
    if report.n_val_images is not None:
        lines.append(f"validation        {report.n_val_images}")
    lines.append(f"unreadable        {len(report.unreadable)}")
    lines += _some(f"{shown(row['path'])}: {row['problem']}" for row in report.unreadable)
    lines.append(f"sizes             {_counts(report.sizes)}")
    lines.append(f"oblong            {report.n_oblong}")
    lines.append(
        f"smaller           {report.n_enlarged} than {report.image_size}x{report.image_size}"
    )
    lines.append(f"modes             {_counts(report.modes)}")
    lines.append(f"transparent       {report.n_transparent}")
    lines.append(f"without colour    {report.n_grey}")
    lines.append(f"sub-folders       {_counts(report.classes)}")
    for title, groups in (
        ("exact duplicates", report.exact_duplicates),
        ("near duplicates ", report.near_duplicates),
    ):
        lines.append(f"{title}  {_total(groups)}")
        lines += _some(map(_group, groups))
    if report.n_val_images is not None:
        lines.append(f"also in training  {len(report.shared_with_val)}")
        lines += _some(map(_group, report.shared_with_val))
    errors = ", ".join(f"{bits} {error:.1f}" for bits, error in report.quantisation.items())
    lines.append(f"colour error      {errors} (CIELAB, by bit depth; 2 is just visible)")
    return "\n".join([*lines, *(f"\n{sentence}" for sentence in advice)])


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
