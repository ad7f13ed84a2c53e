"""What `gpu.py` has measured, on disk as JSON and as tables, whole after every row."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]

# What tells rows apart; one measured anew takes the place of the old one.
_KEYS = ("part", "who", "model", "precision", "batch")
_PEERS = ("PyTorch", "PyTorch, compiled")


class Results:
    """The rows of a folder; those that are there already are kept.

    Args:
      folder: for `results.json` and `results.md`; it is created.

    Attributes:
      path: of the tables.
      machine: what the first process has told of it.
      rows: what was measured.
      done: what need not be asked again.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._json = folder / "results.json"
        self.path = folder / "results.md"
        self.machine: Row = {}
        self.rows: list[Row] = []
        self.done: list[str] = []
        self._notes: list[str] = []

    def begin(self, machine: Row) -> None:
        """Takes up the rows that an earlier run has left, of the same machine.

        Args:
          machine: what is known of it.
        """
        self.machine = machine
        if self._json.exists():
            stored = json.loads(self._json.read_text())
            for name in ("device", "is_small"):
                if stored["machine"][name] != machine[name]:
                    raise SystemExit(
                        f"{self._json} is of another machine or size ({name} "
                        f"{stored['machine'][name]}, here {machine[name]}): name another --folder"
                    )
            self.rows, self.done = stored["rows"], stored["done"]
        self._write()

    def add(self, row: Row) -> None:
        """Keeps a row."""
        self.rows = [other for other in self.rows if _key(other) != _key(row)] + [row]
        self._write()

    def finish(self, asked: str) -> None:
        """Notes that all rows of something are there."""
        self.done.append(asked)
        self._write()

    def note(self, words: str) -> None:
        """Says something, here and below the tables."""
        print(words, file=sys.stderr, flush=True)
        self._notes.append(words)
        self._write()

    def _write(self) -> None:
        stored = {name: getattr(self, name) for name in ("machine", "rows", "done")}
        stored["notes"] = self._notes
        _replace(self._json, json.dumps(stored, indent=1))
        _replace(self.path, "\n".join(self._lines()) + "\n")

    def _lines(self) -> Iterator[str]:
        yield f"{self.machine['text']}, PyTorch {self.machine['torch'] or 'none'}"
        for part, table in _TABLES.items():
            if rows := [row for row in self.rows if row["part"] == part]:
                yield f"\n## {part.capitalize()}\n"
                yield from table(rows)
        if self._notes:
            yield ""
            yield from (f"- {words}" for words in self._notes)


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in _KEYS)


def _replace(path: Path, text: str) -> None:
    """Writes a file so that whoever is killed meanwhile leaves the old one."""
    part = path.with_suffix(".part")
    part.write_text(text)
    os.replace(part, path)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yields the lines of a Markdown table."""
    yield f"| {' | '.join(columns)} |"
    yield "| --- " * len(columns) + "|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def _number(row: Row | None, name: str, unit: float, digits: int = 2) -> str:
    """Spells a number of a row; where time could not be measured, why."""
    if row is None:
        return ""
    if row.get(name) is None:
        return row.get("error", "") if name == "seconds" else ""
    return f"{row[name] / unit:.{digits}f}"


def _ratio(other: Row | None, ours: Row, name: str) -> str:
    """Spells how many times as long as ours something takes."""
    if other is None or other.get(name) is None or ours.get(name) is None:
        return ""
    return f"{other[name] / ours[name]:.2f}"


def _images_per_second(row: Row) -> str:
    return "" if row.get("seconds") is None else f"{row['batch'] / row['seconds']:.0f}"


def _beside(rows: Sequence[Row], ours: Row) -> list[Row | None]:
    """Returns the rows of PyTorch, plain and compiled, that a row is to be compared with."""
    if not ours["has_peer"]:
        return [None, None]
    found: dict[str, Row] = {
        row["who"]: row
        for row in rows
        if all(row.get(name) == ours.get(name) for name in ("precision", "batch"))
    }
    return [found.get(name) for name in _PEERS]


def _training(rows: Sequence[Row]) -> Iterator[str]:
    columns = ("model", "precision", "batch", "s per step", "images/s", "planned, GB", "peak, GB")
    columns += ("PyTorch, s", "its peak, GB", "compiled, s", "PyTorch / ours", "compiled / ours")

    def lines() -> Iterator[list[str]]:
        for row in (row for row in rows if row["who"] == "ours"):
            plain, compiled = _beside(rows, row)
            yield [
                *(row["model"], row["precision"], str(row["batch"])),
                *(_number(row, "seconds", 1, 4), _images_per_second(row)),
                *(_number(row, name, 1e9) for name in ("planned", "peak")),
                *(_number(plain, "seconds", 1, 4), _number(plain, "peak", 1e9)),
                _number(compiled, "seconds", 1, 4),
                *(_ratio(peer, row, "seconds") for peer in (plain, compiled)),
            ]

    yield from _table(columns, lines())


def _limit(rows: Sequence[Row]) -> Iterator[str]:
    columns = ("model", "precision", "allocator's limit, GB", "batch")
    columns += ("planned, GB", "peak, GB", "s per step", "images/s")
    yield from _table(
        columns,
        (
            [
                *(row["model"], row["precision"]),
                *(_number(row, "limit", 1e9), str(row["batch"])),
                *(_number(row, name, 1e9) for name in ("planned", "peak")),
                *(_number(row, "seconds", 1, 4), _images_per_second(row)),
            ]
            for row in rows
        ),
    )


def _learning(rows: Sequence[Row]) -> Iterator[str]:
    columns = ("model", "weights", "images", "precision", "batch", "optimizer", "rate", "steps")
    columns += ("s per step", "s in all", "held out", "bits per pixel", "sheet")
    yield from _table(
        columns,
        (
            [
                *(row["model"], f"{row['n_weights']:,}", f"{row['n_images']:,}"),
                *(row["precision"], str(row["batch"]), row["optimizer"], f"{row['rate']:.2g}"),
                f"{row['n_steps']:,} of {row['n_planned']:,}",
                *(_number(row, "seconds", 1, 4), _number(row, "total", 1, 0)),
                *(f"{row['n_val_images']:,}", _number(row, "bits", 1, 3), "sheet.png"),
            ]
            for row in rows
        ),
    )


def _drawing(rows: Sequence[Row]) -> Iterator[str]:
    columns = ("model", "weights", "batch", "ms per pixel", "without drafts", "all at once")
    columns += ("PyTorch", "compiled", "PyTorch / ours", "compiled / ours")

    def lines() -> Iterator[list[str]]:
        for row in (row for row in rows if row["who"] == "ours"):
            others = {
                other["who"]: other
                for other in rows
                if (other["model"], other["batch"]) == (row["model"], row["batch"])
            }
            plain, compiled = _beside(rows, row)
            shown = (row, others.get("no drafts"), others.get("at once"), plain, compiled)
            yield [
                *(row["model"], row["weights"], str(row["batch"])),
                *(_number(other, "seconds", 1e-3, 3) for other in shown),
                *(_ratio(peer, row, "seconds") for peer in (plain, compiled)),
            ]

    yield from _table(columns, lines())


_TABLES = {"training": _training, "limit": _limit, "learning": _learning, "drawing": _drawing}
