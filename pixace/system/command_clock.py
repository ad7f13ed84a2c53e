"""When the command began, for what has to be over after a given time."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

_MOST = 60.0  # seconds in which a process comes to its command; any more is a clock of another kind

_began = [time.monotonic()]


def start_clock(is_process: bool) -> None:
    """Takes note that a command begins.

    Args:
      is_process: whether the process was started for it; then it began with the process.
    """
    _began[0] = time.monotonic() - (_age_of_process() if is_process else 0.0)


def command_began() -> float:
    """Returns when the command began, in seconds of `time.monotonic`."""
    return _began[0]


def _age_of_process() -> float:
    """Returns the seconds since the process was started, 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):  # not Linux
        # The 22nd field, of which the second may hold spaces and brackets.
        fields = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - started
        return age if 0 <= age <= _MOST else 0.0
    return 0.0
