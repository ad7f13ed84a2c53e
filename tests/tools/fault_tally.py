"""Counts what the fault suite tried, and what came through.

`make test` tries a few cases of each fault, `make faults` all of them; the table at its end is the
one in docs/reliability.md.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

FAULT = "fault"  # the key under which a test's report carries its row


class Row(NamedTuple):
    """One line of the table.

    Attributes:
      fault: what the world did.
      tried: cases.
      survived: cases in which the program did what it promises.
      lost: what the user lost in them, at most.
    """

    fault: str
    tried: int
    survived: int
    lost: str


class Tally:
    """What a fault test is given: how much to try, and where to say what came of it.

    Args:
      thorough: whether all cases are wanted.
      properties: the list that pytest sends along with the test's report.
    """

    def __init__(self, thorough: bool, properties: list[tuple[str, object]]) -> None:
        self.thorough = thorough
        self._properties = properties

    def cases(self, few: int, many: int) -> int:
        """Returns how many cases to try."""
        return many if self.thorough else few

    def add(self, fault: str, tried: int, survived: int | None = None, lost: str = "-") -> None:
        """Notes cases of one fault; without `survived`, all came through."""
        survived = tried if survived is None else survived
        self._properties.append((FAULT, [fault, tried, survived, lost]))


def table(reports: Iterator[pytest.TestReport]) -> list[str]:
    """Returns the Markdown table of all rows, those of one fault added up."""
    rows: dict[str, Row] = {}
    for report in reports:
        for row in (Row(*value) for key, value in report.user_properties if key == FAULT):
            before = rows.get(row.fault, Row(row.fault, 0, 0, row.lost))
            rows[row.fault] = Row(
                row.fault,
                before.tried + row.tried,
                before.survived + (row.survived if report.passed else 0),
                row.lost if before.lost == "-" else before.lost,
            )
    lines = ["| Fault | Tried | Survived | Lost |", "| --- | ---: | ---: | --- |"]
    return lines + [
        f"| {r.fault} | {r.tried:,} | {r.survived:,} | {r.lost} |" for r in sorted(rows.values())
    ]
