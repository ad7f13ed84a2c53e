"""What users call colours to what settings hold: a palette's file or name to its colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixace.errors import UsageError
from pixace.pictures.known_palettes import KNOWN_PALETTES
from pixace.pictures.palettes import read_palette
from pixace.settings.colours import PALETTE, check_colours, is_open, palette
from pixace.wording import quoted


def with_palette(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings in which no palette is named by its file or its name, but by its colours.

    Args:
      settings: by the names of `ModelConfig`, as a user names them; None means "not named".

    Raises:
      UsageError: there is no palette of that name.
      PixaceError: the palette's file cannot be read.
    """
    named = dict(settings)
    if isinstance(named.get("colours"), str):
        named["colours"] = colours_named(named["colours"])
    return named


def colours_named(words: str) -> str:
    """Returns the colours that a user means, as settings hold them; see `with_palette`.

    Args:
      words: as `settings.colours` spells colours, or "palette:" and a file or a known name.
    """
    name = words.removeprefix(PALETTE)
    if not words.startswith(PALETTE) or is_open(words):
        return check_colours(words)
    if name.lower() in KNOWN_PALETTES:
        return palette(KNOWN_PALETTES[name.lower()])
    if "." in name:
        return palette(read_palette(name))
    try:
        return check_colours(words)
    except UsageError:
        known = ", ".join(KNOWN_PALETTES)
        raise UsageError(
            f"colours=palette:{quoted(name)[1:-1]} is neither a palette's file nor one of auto, "
            f"{known}"
        ) from None
