"""`pixace score`."""

from __future__ import annotations

import csv
import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

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
from pixace.wording import one_line, shown

if TYPE_CHECKING:
    from pixace.insight.classification import Classification
    from pixace.insight.ranking import Ranking

_log = logging.getLogger(__name__)

_WIDEST = 40  # letters of a caption in the table
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of cells that a spreadsheet would compute


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_measuring_flags(values)
    define_switches(
        values,
        json="Print the ranking as JSON.",
        csv="Print the ranking as CSV.",
        classes="Find the likeliest of all classes of the model for each image.",
    )
    flags.DEFINE_multi_string(
        "text",
        None,
        "A caption. May be repeated: the likeliest of them is found for each image.",
        flag_values=values,
    )
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
    what |= {name: values[name].value for name in ("surprise", "classes")}
    with progress_bar("img") as progress:
        score_images(**what, text=values["text"].value or (), show=show, progress=progress)


def _print(ranking: Ranking) -> None:
    """Prints a table on stdout, and on stderr what is wrong with files and what is usual."""
    for path, problem in ranking.unreadable:
        _log.warning("%s: %s", shown(path), problem)
    bits, chosen = ranking.bits_per_pixel, ranking.classification
    heading, choices = _choice_columns(chosen, len(bits))
    print(f"rank  bits/pixel  {heading}image")
    for path, _ in ranking.unreadable:
        print(f"   -  unreadable  {'':{len(heading)}}{shown(path)}")
    for number, value in enumerate(bits):
        name = shown(ranking.paths[number])
        print(f"{number + 1:4}  {value:10.4f}  {choices[number]}{name}")
    if len(bits):
        middle = bits[len(bits) // 2]
        _log.info("%d images, half of them above %.2f bits per pixel", len(bits), middle)
    if chosen is not None and chosen.accuracy is not None:
        _log.info(
            "accuracy: %.1f %% of the %d images that have one of these captions",
            100 * chosen.accuracy,
            chosen.n_told,
        )


def _choice_columns(chosen: Classification | None, n_images: int) -> tuple[str, list[str]]:
    """Returns what the table says of the likeliest captions: its heading, and a text per image."""
    if chosen is None:
        return "", [""] * n_images
    names = [one_line(text)[:_WIDEST] for text in chosen.texts]  # which may be a stranger's
    width = max(map(len, ["likeliest", *names]))
    choices = zip(chosen.probability, chosen.likeliest, strict=True)
    lines = [f"{probability:5.0%}  {names[best]:{width}}  " for probability, best in choices]
    return f" sure  {'likeliest':{width}}  ", lines


def _print_json(ranking: Ranking) -> None:
    bits = ranking.bits_per_pixel.tolist()
    images = [
        {
            "rank": number + 1,
            "nats_per_pixel": nats,
            "bits_per_pixel": bits[number],
            "path": str(ranking.paths[number]),
            **_choice(ranking.classification, number),
        }
        for number, nats in enumerate(ranking.nats_per_pixel.tolist())
    ]
    unreadable = [{"path": str(path), "problem": problem} for path, problem in ranking.unreadable]
    printed = {"images": images, "unreadable": unreadable, "n_images": len(images)}
    if (chosen := ranking.classification) is not None:
        told = {"accuracy": chosen.accuracy, "n_told": chosen.n_told}
        printed |= {"texts": list(chosen.texts), **told}
    print(json.dumps(printed))


def _choice(chosen: Classification | None, number: int) -> dict[str, Any]:
    """Returns what is found of one image, if that was asked; see `Classification`."""
    if chosen is None:
        return {}
    return {
        "likeliest": chosen.text(number),
        "probability": float(chosen.probability[number]),
        "is_right": chosen.is_right[number],
    }


def _print_csv(ranking: Ranking) -> None:
    """Prints the ranking with a header line; files that cannot be read have no rank."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    chosen = ranking.classification
    more = [] if chosen is None else ["likeliest", "probability"]
    writer.writerow(["rank", "bits_per_pixel", "path", "problem", *more])
    for path, problem in ranking.unreadable:
        writer.writerow(["", "", _cell(path), problem, *("" for _ in more)])
    for number, value in enumerate(ranking.bits_per_pixel):
        row = [number + 1, f"{value:.6f}", _cell(ranking.paths[number]), ""]
        if chosen is not None:
            row += [_text_cell(chosen.text(number)), f"{chosen.probability[number]:.6f}"]
        writer.writerow(row)


def _text_cell(text: str) -> str:
    """Spells a text so that a spreadsheet does not take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _cell(path: ImagePath) -> str:
    r"""Spells a path so that a spreadsheet does not take it for a formula, and it stays a path.

    Bytes that are no UTF-8 are spelt as in \xff.
    """
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return f"./{name}" if name.startswith(_FORMULA_STARTS) else name
