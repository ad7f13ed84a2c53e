"""What users call colours to what settings hold: a palette's file or name to its colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pixace.errors import UsageError
from pixace.pictures.known_palettes import KNOWN_PALETTES
from pixace.pictures.palettes import read_palette
from pixace.settings.colours import PALETTE, check_colours, is_open, palette_colours
from pixace.settings.paths import local_path
from pixace.wording import quoted


def _plain(name: str) -> str:
    """Returns a name as it is compared: Game-Boy, game_boy and gameboy are the same."""
    return name.lower().replace("-", "").replace("_", "")


_KNOWN = {_plain(name): colours for name, colours in KNOWN_PALETTES.items()}


def with_palette(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings in which no palette is named by its file or its name, but by its colours.

    Args:
      settings: by the names of `ModelConfig` or of `DrawingSettings`, as a user names them; None
        means "not named".

    Raises:
      UsageError: there is no palette of that name, or its file cannot be read.
    """
    named = dict(settings)
    if isinstance(named.get("colours"), str):
        named["colours"] = colours_named(named["colours"])
    if isinstance(named.get("palette"), str | Path):
        named["palette"] = _entries("palette=", str(named["palette"]), KNOWN_PALETTES)
    return named


def palette_file(words: str) -> str | None:
    """Returns the file that names a palette, None where something else does.

    Args:
      words: as users name colours, or a palette of a drawing.

    Raises:
      UsageError: it can be no file of this machine.
    """
    name = words.removeprefix(PALETTE)
    if "." not in name or _plain(name) in _KNOWN:
        return None
    return local_path("the palette", name)


def colours_named(words: str) -> str:
    """Returns the colours that a user means, as settings hold them; see `with_palette`.

    Args:
      words: as `settings.colours` spells colours, or "palette:" and a file or a known name.

    Raises:
      UsageError: see `with_palette`; or they are no colours.
    """
    if ":" not in words and (_plain(words) in _KNOWN or "." in words):
        raise UsageError(f"for a palette say colours={PALETTE}{quoted(words)[1:-1]}")
    if not words.startswith(PALETTE) or is_open(words):
        return check_colours(words)
    name = words.removeprefix(PALETTE)
    return PALETTE + _entries("colours=palette:", name, ["auto", *KNOWN_PALETTES])


def _entries(flag: str, name: str, words: Iterable[str]) -> str:
    """Returns the colours of a palette, rrggbb,rrggbb,...

    Args:
      flag: what the user has typed before the name.
      name: a file, a known name in any spelling, or the colours themselves.
      words: that the name could have been.

    Raises:
      UsageError: it is none of these, or the file cannot be read.
    """
    if _plain(name) in _KNOWN:
        return ",".join(_KNOWN[_plain(name)])
    if (file := palette_file(name)) is not None:
        return ",".join(read_palette(file))
    try:
        return ",".join(palette_colours(name))
    except UsageError:
        raise UsageError(
            f"{flag}{quoted(name)[1:-1]} is neither a palette's file nor one of {', '.join(words)}"
        ) from None
