"""`pixace score`."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from pixace.commands.flags import define_measuring_flags, define_model_flags, measured
from pixace.errors import UsageError
from pixace.insight.surprise import MAX_ROWS, sheet_size, surprise_sheet
from pixace.pictures.writing import check_output, write_picture
from pixace.wording import shown

if TYPE_CHECKING:
    from pixace.insight.evaluator import Ranking

_log = logging.getLogger(__name__)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of cells that a spreadsheet would compute


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_measuring_flags(values)
    flags.DEFINE_boolean("json", False, "Print the ranking as JSON.", flag_values=values)
    flags.DEFINE_boolean("csv", False, "Print the ranking as CSV.", flag_values=values)
    flags.DEFINE_string(
        "surprise",
        None,
        f"Draw the {MAX_ROWS} most surprising images in this file, each beside a heat map of its "
        "pixels' surprise.",
        flag_values=values,
    )
    define_model_flags(values)


def run(values: flags.FlagValues) -> None:
    """Prints the images of a folder: those that cannot be read, then the most surprising first."""
    if values["json"].value and values["csv"].value:
        raise UsageError("choose one of --json and --csv")
    path, settings, n_files = measured("score", values)
    picture = None if values["surprise"].value is None else Path(values["surprise"].value)
    if picture is not None:
        check_output(picture, sheet_size(MAX_ROWS), "surprise")

    from tqdm import tqdm

    from pixace.insight.evaluator import Evaluator
    from pixace.models.stored import open_model

    stored = open_model(path, settings)
    with tqdm(total=n_files, unit="img", leave=False, disable=not sys.stderr.isatty()) as bar:
        ranking = Evaluator(stored).score(
            values["images"].value,
            values["batch_size"].value,
            n_surprises=0 if picture is None else MAX_ROWS,
            progress=bar.update,
        )
    try:
        if picture is not None and not ranking.surprises:
            _log.warning("no image can be read, so that %s is not drawn", shown(picture))
        elif picture is not None:
            write_picture(surprise_sheet(ranking.surprises, stored.config.pictures), picture)
            _log.info(
                "the %d most surprising of %d images are drawn in %s",
                *(len(ranking.surprises), len(ranking.paths), shown(picture)),
            )
    finally:  # a full disk does not cost the ranking
        if values["json"].value:
            print(_as_json(ranking))
        elif values["csv"].value:
            print(_as_csv(ranking), end="")
        else:
            _print(ranking)


def _print(ranking: Ranking) -> None:
    """Prints a table on stdout, and on stderr what is wrong with files and what is usual."""
    for path, problem in ranking.unreadable:
        _log.warning("%s: %s", shown(path), problem)
    bits = ranking.bits_per_pixel
    print("rank  bits/pixel  image")
    for path, _ in ranking.unreadable:
        print(f"   -  unreadable  {shown(path)}")
    for number, value in enumerate(bits):
        print(f"{number + 1:4}  {value:10.4f}  {shown(ranking.paths[number])}")
    if len(bits):
        middle = bits[len(bits) // 2]
        _log.info("%d images, half of them above %.2f bits per pixel", len(bits), middle)


def _as_json(ranking: Ranking) -> str:
    bits = ranking.bits_per_pixel.tolist()
    images = [
        {
            "rank": number + 1,
            "nats_per_pixel": nats,
            "bits_per_pixel": bits[number],
            "path": str(ranking.paths[number]),
        }
        for number, nats in enumerate(ranking.nats_per_pixel.tolist())
    ]
    unreadable = [{"path": str(path), "problem": problem} for path, problem in ranking.unreadable]
    return json.dumps({"images": images, "unreadable": unreadable, "n_images": len(images)})


def _as_csv(ranking: Ranking) -> str:
    """Returns the ranking with a header line; files that cannot be read have no rank."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", "bits_per_pixel", "path", "problem"])
    for path, problem in ranking.unreadable:
        writer.writerow(["", "", _cell(path), problem])
    for number, value in enumerate(ranking.bits_per_pixel):
        writer.writerow([number + 1, f"{value:.6f}", _cell(ranking.paths[number]), ""])
    return text.getvalue()


def _cell(path: Path) -> str:
    r"""Spells a path so that a spreadsheet does not take it for a formula, and it stays a path.

    Bytes that are no UTF-8 are spelt as in \xff.
    """
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return f"./{name}" if name.startswith(_FORMULA_STARTS) else name
