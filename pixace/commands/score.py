"""`pixace score`."""

from __future__ import annotations

import csv
import json
import logging
import os
import sys
from typing import TYPE_CHECKING

from absl import flags

from pixace.commands.bar import progress_bar
from pixace.commands.flags import (
    define_measuring_flags,
    define_settings,
    define_switches,
    define_texts,
    measuring_arguments,
)
from pixace.errors import UsageError
from pixace.insight.measuring import score_images
from pixace.insight.surprise import MAX_ROWS
from pixace.pictures.folder import ImagePath
from pixace.settings.model import ModelConfig
from pixace.wording import shown

if TYPE_CHECKING:
    from pixace.insight.evaluator import Ranking

_log = logging.getLogger(__name__)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of cells that a spreadsheet would compute


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_measuring_flags(values)
    define_switches(values, json="Print the ranking as JSON.", csv="Print the ranking as CSV.")
    define_texts(
        values,
        surprise=f"Draw the {MAX_ROWS} most surprising images in this file, each beside a heat map "
        "of its pixels' surprise.",
    )
    define_settings(values, ModelConfig)


def run(values: flags.FlagValues) -> None:
    """Prints the images of a folder: those that cannot be read, then the most surprising first."""
    if values["json"].value and values["csv"].value:
        raise UsageError("choose one of --json and --csv")
    show = _print
    if values["json"].value:
        show = _print_json
    elif values["csv"].value:
        show = _print_csv
    what = measuring_arguments("score", values)
    with progress_bar("img") as progress:
        score_images(**what, surprise=values["surprise"].value, show=show, progress=progress)


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


def _print_json(ranking: Ranking) -> None:
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
    print(json.dumps({"images": images, "unreadable": unreadable, "n_images": len(images)}))


def _print_csv(ranking: Ranking) -> None:
    """Prints the ranking with a header line; files that cannot be read have no rank."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["rank", "bits_per_pixel", "path", "problem"])
    for path, problem in ranking.unreadable:
        writer.writerow(["", "", _cell(path), problem])
    for number, value in enumerate(ranking.bits_per_pixel):
        writer.writerow([number + 1, f"{value:.6f}", _cell(ranking.paths[number]), ""])


def _cell(path: ImagePath) -> str:
    r"""Spells a path so that a spreadsheet does not take it for a formula, and it stays a path.

    Bytes that are no UTF-8 are spelt as in \xff.
    """
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return f"./{name}" if name.startswith(_FORMULA_STARTS) else name
