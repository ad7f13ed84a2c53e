"""A terminal for the tests: a real pseudo-terminal, and what a user would see on it."""

import contextlib
import errno
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Callable
from fcntl import ioctl

from tests.tools.patience import PATIENCE

ESCAPES = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|(.)", re.DOTALL)


def lines_on_screen(output: str, columns: int) -> list[str]:
    """Returns the lines that a terminal shows, without their colours."""
    lines, row, column = [""], 0, 0
    for match in ESCAPES.finditer(output):
        number, command, character = match.groups()
        if command == "J":
            lines[row:] = [lines[row][:column]]
        elif command == "m":
            pass
        elif command == "A":
            row = max(0, row - int(number))
        elif command:
            raise AssertionError(f"{match[0]!r} is unknown to this terminal")
        elif character == "\r":
            column = 0
        elif character == "\n":
            row, column = row + 1, 0  # whoever writes to a terminal need not write \r\n
            lines += [""] * (row + 1 - len(lines))
        else:
            assert character.isprintable(), repr(character)
            if column == columns:
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            line = lines[row].ljust(column)
            lines[row] = line[:column] + character + line[column + 1 :]
            column += 1
    return lines


@contextlib.contextmanager
def terminal(columns: int):
    """Yields the two ends of a pseudo-terminal: what a program writes to, and where it shows."""
    ours, theirs = pty.openpty()
    resize(ours, columns)
    with open(ours, "rb", buffering=0) as shown, open(theirs, "w", encoding="utf-8") as stream:
        yield stream, shown


def resize(descriptor: int, columns: int) -> None:
    """Makes a pseudo-terminal so wide."""
    ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def output_until(
    descriptor: int, is_enough: Callable[[str], bool], seconds: float = PATIENCE
) -> str:
    """Reads what a pseudo-terminal shows, until that is enough or all programs have closed it."""
    output, deadline = b"", time.monotonic() + seconds
    while not is_enough(output.decode("utf-8", "replace")):
        assert time.monotonic() < deadline, output
        if not select.select([descriptor], [], [], 0.1)[0]:
            continue
        try:
            new = os.read(descriptor, 65536)
        except OSError as error:
            assert error.errno == errno.EIO, error
            break
        if not new:
            break
        output += new
    return output.decode()
