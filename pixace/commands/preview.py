"""Pictures on a terminal while they are drawn."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from PIL import Image

from pixace.drawing.live import LiveView
from pixace.pictures.exact import enlarged
from pixace.pictures.rgb import on_chequers
from pixace.system.terminal import (
    LiveLine,
    columns,
    half_blocks,
    has_all_colours,
    rows,
    why_no_pictures,
)

_log = logging.getLogger(__name__)

_INTERVAL = 0.05  # seconds between two frames, at least
_RATE = 200_000  # characters a second, at most: what a slow connection bears
_MOST_TIMES = 3  # a small picture is enlarged, at most


def can_preview(stream: TextIO) -> bool:
    """Returns whether a stream shows pictures, and says why it does not."""
    obstacle = why_no_pictures(stream)
    if obstacle is not None:
        _log.warning("--preview needs a terminal with colours, and %s", obstacle)
    return obstacle is None


@contextlib.contextmanager
def live_pictures(
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[LiveView], None]]:
    """Yields what shows a drawing under way on stderr, with its progress in a line below.

    All is gone when the block has ended, as it is after Ctrl-C.

    Args:
      clock: tells seconds.
    """
    stream, due = sys.stderr, 0.0
    with LiveLine(stream) as line, contextlib.redirect_stderr(line):

        def show(view: LiveView) -> None:
            nonlocal due
            if clock() < due and view.n_done < view.n_total:
                return
            n_characters = 0

            def spell(width: int) -> str:
                nonlocal n_characters
                text = spelt(view.pictures, view.shape, view.size, width, rows(stream) - 2)
                n_characters = len(text)
                share = view.n_done / view.n_total if view.n_total else 1
                return text + f"drawing: {share:.0%} of {view.n_total} px"[:width]

            line.show(spell)
            due = clock() + max(_INTERVAL, n_characters / _RATE)

        yield show


def show_pictures(results: Sequence[Sequence[Image.Image]]) -> None:
    """Leaves pictures on stderr, as many of the first as go into its window, and how many more.

    Args:
      results: N rows of C pictures.
    """
    pictures = [picture for row in results for picture in row]
    n_shown = 0

    def first(most: int) -> list[Image.Image]:
        nonlocal n_shown
        n_shown = min(most, len(pictures))
        return pictures[:most]

    shape = len(results), len(results[0])
    room = columns(sys.stderr) - 1, rows(sys.stderr) - 3
    print(spelt(first, shape, pictures[0].size, *room), end="", file=sys.stderr)
    if n_shown < len(pictures):
        print(f"and {len(pictures) - n_shown} more", file=sys.stderr)


def spelt(
    some: Callable[[int], Sequence[Image.Image]],
    shape: tuple[int, int],
    size: tuple[int, int],
    width: int,
    height: int,
) -> str:
    """Spells pictures in half blocks, as many side by side and below each other as there is room.

    Args:
      some: returns pictures, given how many there may be at most.
      shape: in how many rows and columns they belong; rows are broken only where they must be.
      size: width and height of each.
      width: of the room, in characters.
      height: likewise, in lines.

    Returns:
      Lines, each of them ended. Small pictures are larger by a whole number of times where all of
      them fit into one row so; those that would not fit at all are made smaller.
    """
    height = max(1, height)

    def fits(times: int) -> bool:
        row = shape[0] * shape[1] * (size[0] * times + 1) - 1
        return row <= width and size[1] * times <= 2 * height

    times = next((times for times in range(_MOST_TIMES, 1, -1) if fits(times)), 1)
    each = max(1, min(size[0] * times, width, size[0] * 2 * height // size[1]))
    n_lines = (round(size[1] * each / size[0]) + 1) // 2
    across = max(1, (width + 1) // (each + 1))
    across = across // shape[1] * shape[1] or across
    down = max(1, (height + 1) // (n_lines + 1))  # an empty line is between two rows
    blocks = [
        half_blocks(enlarged(on_chequers(picture), times), each, has_all_colours()).splitlines()
        for picture in some(across * down)
    ]
    lines = [
        "".join(" ".join(parts) + "\n" for parts in zip(*blocks[at : at + across], strict=True))
        for at in range(0, len(blocks), across)
    ]
    return "\n".join(lines)
