"""Checks of single values, whether they were typed, given to a function or read from a file."""

from __future__ import annotations

import numbers
import os
import re
from collections.abc import Sequence
from typing import Any

from PIL import ImageColor

from pixace.errors import UsageError
from pixace.wording import quoted

MAX_SEED = 2**31 - 1  # the narrowest of the generators that take it is TensorFlow's
MANY = 10**6  # more pictures per step, steps per epoch and so on than anybody needs
MAX_BITS = 16  # 65538 tokens; beyond that the softmax alone outgrows any card
_MAX_PROCESSES = 10**4


def require_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Checks that a setting is one of these words.

    Raises:
      UsageError: it is another one, or none.
    """
    if not isinstance(value, str) or value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(choices)}, not {quoted(value)}")


def require_bool(name: str, value: Any) -> None:
    """Checks that a setting is True or False.

    Raises:
      UsageError: it is neither.
    """
    if type(value).__name__ != "bool":  # Python's, or that of NumPy, which is not imported here
        raise UsageError(f"{name} must be True or False, not {quoted(value)}")


def require_int(name: str, value: Any, low: int, high: int | None = None) -> None:
    """Checks that a setting is an integer from `low` to `high`.

    Raises:
      UsageError: it is not.
    """
    wanted = f"{low} or more" if high is None else f"from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise UsageError(f"{name} must be an integer {wanted}, not {quoted(value)}")
    if int(value) < low or (high is not None and int(value) > high):
        raise UsageError(f"{name} must be {wanted}, not {quoted(int(value))}")


def require_number(name: str, value: Any, low: float, high: float) -> None:
    """Checks that a setting is a number from `low` to `high`.

    Raises:
      UsageError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise UsageError(f"{name} must be a number from {low} to {high}, not {quoted(value)}")
    number: Any = value  # compared as it is: not every integer can become a float
    if not low <= number <= high:
        raise UsageError(f"{name} must be from {low} to {high}, not {quoted(value)}")


def require_path(name: str, value: Any) -> None:
    """Checks that a setting can be the name of a file or folder, whether or not that is there.

    Raises:
      UsageError: it is empty, no text, or holds what no name can.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    try:
        if isinstance(text, str) and text and b"\0" not in os.fsencode(text):
            return
    except UnicodeEncodeError:  # a lone surrogate
        pass
    raise UsageError(f"{name} must name a file or folder, not {quoted(text or value)}")


def check_bitdepth(bitdepth: Any) -> tuple[int, ...]:
    """Returns the three channel widths as a tuple.

    Raises:
      UsageError: not three integers from 0 to 8, or no bit at all.
    """
    if not isinstance(bitdepth, list | tuple) or len(bitdepth) != 3:
        raise UsageError(
            "bitdepth must be three numbers of bits (hue, saturation, value), not "
            f"{quoted(bitdepth)}"
        )
    for bits in bitdepth:
        require_int("bitdepth", bits, 0, 8)
    if not 1 <= sum(bitdepth) <= MAX_BITS:
        raise UsageError(f"bitdepth must sum to 1 to {MAX_BITS} bits, not {sum(bitdepth)}")
    return tuple(bitdepth)


def check_colour(colour: Any) -> str:
    """Returns a colour that Pillow understands, unchanged.

    Raises:
      UsageError: it does not understand it.
    """
    try:
        ImageColor.getrgb(colour)
    except (ValueError, AttributeError, TypeError):
        raise UsageError(
            f"background must be a colour such as black, white or #336699, not {quoted(colour)}"
        ) from None
    return str(colour)


def check_sampling(
    temperatures: Sequence[float] = (1.0,),
    *,
    top_k: int = 0,
    top_p: float = 1.0,
) -> None:
    """Checks what shapes the distribution that is drawn from.

    Raises:
      UsageError: a temperature below 0 or not finite, top_k below 0, top_p not above 0 and up to 1.
    """
    if not temperatures:
        raise UsageError("temperature must be at least one number")
    for temperature in temperatures:
        require_number("temperature", temperature, 0.0, 1e6)
    require_int("top_k", top_k, 0, MANY)
    require_number("top_p", top_p, 1e-9, 1.0)


def check_cluster(coordinator: str, num_processes: int, process_id: int) -> None:
    """Checks what makes a process one of several.

    Args:
      coordinator: "host:port" of the first process.
      num_processes: how many there are.
      process_id: which of them this is, from 0.

    Raises:
      UsageError: an argument is out of range.
    """
    match = re.fullmatch(r"[!-~]{1,253}:([0-9]{1,5})", str(coordinator))
    if not match or not 1 <= int(match[1]) <= 65535:
        raise UsageError(
            "coordinator must be host:port of the first process, such as 10.0.0.5:7777, not "
            f"{quoted(coordinator)}"
        )
    require_int("num_processes", num_processes, 1, _MAX_PROCESSES)
    require_int("process_id", process_id, 0, num_processes - 1)
