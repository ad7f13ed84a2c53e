"""Metadata beside images: `metadata.jsonl` and `metadata.csv`, as Hugging Face's ImageFolder."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pixace.dataset.caption_texts import Troubles
from pixace.system.reading import open_regular

METADATA_NAMES = ("metadata.jsonl", "metadata.csv")

_FILE_NAME = "file_name"
_CAPTIONS, _CLASSES = ("text", "caption", "prompt"), ("class", "label")  # the first that has words
_LONGEST_LINE = 1 << 20  # bytes
_MOST_LINES = 10_000_000


class MetadataRow(NamedTuple):
    """What metadata say of an image.

    Attributes:
      file_name: relative to the metadata's folder.
      caption: its own, empty if there is none.
      label: its class, empty if there is none.
      where: the row is, for messages.
    """

    file_name: str
    caption: str
    label: str
    where: str


def metadata_rows(path: Path, where: str, troubles: Troubles) -> Iterator[MetadataRow]:
    """Yields the rows of metadata that tell of an image; what cannot be used is left out and noted.

    Of a stranger's file one line is in memory, and none of more than a megabyte.

    Args:
      path: the file.
      where: what to call it.
      troubles: gets what is amiss.
    """
    rows_of: Callable[[Iterator[_Line], Troubles], Iterator[_Row]] = (
        _csv_rows if path.name.endswith(".csv") else _json_rows
    )
    try:
        for place, values in rows_of(_lines(path, where, troubles), troubles):
            name = values.get(_FILE_NAME)
            if isinstance(name, str) and name:
                yield MetadataRow(name, _first(values, _CAPTIONS), _first(values, _CLASSES), place)
            else:
                troubles.note(f"rows without a {_FILE_NAME}, left out", place)
    except OSError as error:
        troubles.note(f"cannot be read ({error.strerror or error})", where)


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Returns the first of some columns that has words; a class may be a number, too."""
    for name in names:
        value = values.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and names == _CLASSES:
            value = str(value) if abs(value) < 1 << 62 else ""
        if isinstance(value, str) and value.strip():
            return value
    return ""


_Line = tuple[str, str]  # where it is, and what it says
_Row = tuple[str, Mapping[str, Any]]  # where it is, and what its columns hold


def _lines(path: Path, where: str, troubles: Troubles) -> Iterator[_Line]:
    """Yields the lines of a file; those that are too long, or not UTF-8, are left out and noted.

    Raises:
      OSError: it cannot be read.
    """
    with open(open_regular(path), "rb") as file:
        for number in range(1, _MOST_LINES + 1):
            place = f"{where}, line {number}"
            line = file.readline(_LONGEST_LINE + 1)
            if not line:
                return
            if len(line) > _LONGEST_LINE:
                troubles.note(f"lines of more than {_LONGEST_LINE:,} bytes, left out", place)
                while line and not line.endswith(b"\n"):
                    line = file.readline(_LONGEST_LINE)
                continue
            try:
                yield place, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                troubles.note("not UTF-8, left out", place)
        if file.read(1):
            troubles.note(f"more than {_MOST_LINES:,} lines, the rest left out", where)


def _json_rows(lines: Iterator[_Line], troubles: Troubles) -> Iterator[_Row]:
    for place, line in lines:
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, dict):
            yield place, values
        else:
            troubles.note("no JSON object, left out", place)


def _csv_rows(lines: Iterator[_Line], troubles: Troubles) -> Iterator[_Row]:
    place = ""

    def texts() -> Iterator[str]:
        nonlocal place
        for where, line in lines:
            place = where
            yield line

    header: list[str] | None = None
    reader = csv.reader(texts(), strict=True)  # else an open quote takes all rows after it
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            troubles.note(f"no CSV ({error}), left out", place)
            continue
        if row is None:
            return
        if header is None:
            header = [name.strip() for name in row]
            if _FILE_NAME not in header:
                troubles.note(f"no column {_FILE_NAME}", place)
                return
        elif row:
            if len(row) > len(header):
                troubles.note("more values than columns, as commas need quotes; cut", place)
            yield place, dict(zip(header, row, strict=False))
