"""How the colours of a model are spelt: a kind, a colon, and what that kind needs.

"hsv:5,4,4" and "rgb:3,3,2" name bits of each channel, "grey:4" those of grey, and a palette its
colours: "palette:000000,ff004d". That is how settings are stored and compared. "palette:auto" and
"palette:auto:64" stand for a palette that is still to be found in the images of a training.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import MAX_BITS, check_bitdepth, require_choice, require_int
from pixace.wording import quoted, spell

BITDEPTH = (5, 4, 4)
MAX_COLOURS = 4096  # of a palette; transparency, a token of its own, is not one of them
FEW_COLOURS = 256  # that `palette:auto` finds at most, where no number is named
HSV, PALETTE = "hsv:", "palette:"
_AUTO = re.compile(r"palette:auto(?::([0-9]{1,9}))?")
_RESERVED = 2  # tokens that are no colours
_SHOWN = 3  # colours of a palette in a message


def hsv(bitdepth: Sequence[int]) -> str:
    """Names the colours of so many bits of hue, saturation and value: "hsv:5,4,4".

    Raises:
      UsageError: not three integers from 0 to 8, or no bit at all.
    """
    return HSV + spell(check_bitdepth(bitdepth))


def palette(colours: Sequence[str]) -> str:
    """Names the colours of a palette, each as rrggbb, in their order; the same one counts once.

    Raises:
      UsageError: there are none, or more than MAX_COLOURS.
    """
    distinct = [*dict.fromkeys(colours)]
    if not 1 <= len(distinct) <= MAX_COLOURS:
        raise UsageError(
            f"a palette must have 1 to {MAX_COLOURS} colours, not {len(distinct) or 'none'}"
        )
    return PALETTE + ",".join(distinct)


def hsv_bits(words: str) -> tuple[int, ...]:
    """Reads what stands behind "hsv:", such as 5,4,4.

    Raises:
      UsageError: not three integers from 0 to 8, or no bit at all.
    """
    return check_bitdepth(_integers("hsv", words, "5,4,4"))


def rgb_bits(words: str) -> tuple[int, ...]:
    """Reads what stands behind "rgb:", such as 3,3,2.

    Raises:
      UsageError: not three integers from 1 to 8, or more than MAX_BITS in all.
    """
    bits = _integers("rgb", words, "3,3,2")
    if len(bits) != 3:
        raise UsageError(f"rgb needs three numbers of bits, such as 3,3,2, not {quoted(words)}")
    for each in bits:
        require_int("the bits of a channel of rgb", each, 1, 8)
    if sum(bits) > MAX_BITS:
        raise UsageError(f"the bits of rgb must sum to at most {MAX_BITS}, not {sum(bits)}")
    return bits


def grey_bits(words: str) -> int:
    """Reads what stands behind "grey:", such as 4.

    Raises:
      UsageError: no integer from 1 to 8.
    """
    bits = _integers("grey", words, "4")
    if len(bits) != 1:
        raise UsageError(f"grey needs one number of bits, such as 4, not {quoted(words)}")
    require_int("the bits of grey", bits[0], 1, 8)
    return bits[0]


def palette_colours(words: str) -> tuple[str, ...]:
    """Reads what stands behind "palette:" in settings that are stored: rrggbb,rrggbb,...

    Raises:
      UsageError: one is no colour or there twice, or there are more than MAX_COLOURS.
    """
    colours = tuple(words.split(","))
    for colour in colours:
        if not re.fullmatch("[0-9a-f]{6}", colour):
            raise UsageError(f"{quoted(colour)} is no colour of a palette, such as ff004d")
    if palette(colours) != PALETTE + words:
        raise UsageError("a colour of the palette is there twice")
    return colours


_CHECKS: dict[str, Callable[[str], Any]] = {
    "hsv": hsv_bits,
    "rgb": rgb_bits,
    "grey": grey_bits,
    "palette": palette_colours,
}


def check_colours(colours: Any) -> str:
    """Returns colours as settings hold them, unchanged.

    Raises:
      UsageError: they are none, or spelt otherwise.
    """
    if not isinstance(colours, str):
        raise UsageError(f"colours must be such as hsv:5,4,4, not {quoted(colours)}")
    try:
        if not is_open(colours):
            kind, _, words = colours.partition(":")
            require_choice("the kind", kind, tuple(_CHECKS))
            _CHECKS[kind](words)
    except UsageError as error:
        raise UsageError(f"colours: {error}") from None
    return colours


def is_open(colours: str) -> bool:
    """Returns whether these are the colours of a palette that is still to be found in images.

    Raises:
      UsageError: it is to have no colours, or more than MAX_COLOURS.
    """
    match = _AUTO.fullmatch(colours)
    if match and match[1]:
        require_int("the colours of palette:auto", int(match[1]), 1, MAX_COLOURS)
    return match is not None


def most_colours(colours: str) -> int:
    """Returns how many colours an open palette may have."""
    match = _AUTO.fullmatch(colours)
    assert match, "not an open palette"
    return int(match[1] or FEW_COLOURS)


def most_tokens(colours: str) -> int:
    """Returns an upper bound of the number of tokens that pictures of these colours have."""
    kind, _, words = colours.partition(":")
    if kind == "palette":
        n_colours = most_colours(colours) if is_open(colours) else words.count(",") + 1
    else:
        n_colours = 2 ** sum(_integers(kind, words, "4"))
    return n_colours + _RESERVED


def named_colours(bitdepth: Any, colours: Any) -> str | None:
    """Returns the colours that two settings name, of which each may stand for both.

    Args:
      bitdepth: bits of hue, saturation and value; None names none.
      colours: as `check_colours` takes them; None names none.

    Returns:
      What they name; None if neither does.

    Raises:
      UsageError: one is no value, or they name different colours.
    """
    by_bits = None if bitdepth is None else hsv(bitdepth)
    if colours is None:
        return by_bits
    check_colours(colours)
    if by_bits not in (None, colours):
        raise UsageError(
            f"bitdepth={spell(bitdepth)} and {as_setting(colours)} name different colours; leave "
            "one out"
        )
    return colours


def agree(named: str, stored: str) -> bool:
    """Returns whether what a user has named is what is stored.

    An open palette agrees with one that may have been found for it.
    """
    if is_open(named) and stored.startswith(PALETTE) and not is_open(stored):
        return stored.count(",") < most_colours(named)
    return named == stored


def as_setting(colours: str) -> str:
    """Spells colours as one of the settings that name them, for a message: short, in one line."""
    if colours.startswith(HSV):
        return f"bitdepth={brief(colours)}"
    return f"colours={label(colours)}"


def label(colours: str) -> str:
    """Spells colours for people, of a long palette only how it begins and how many there are."""
    entries = colours.removeprefix(PALETTE).split(",")
    if not colours.startswith(PALETTE) or len(entries) <= _SHOWN:
        return brief(colours)
    return f"{PALETTE}{','.join(entries[:_SHOWN])},... ({len(entries)} colours)"


def brief(colours: str) -> str:
    """Names colours as users may: those of HSV by their bits alone, "5,4,4"."""
    return colours.removeprefix(HSV)


def _integers(kind: str, words: str, example: str) -> tuple[int, ...]:
    if not re.fullmatch(r"-?[0-9]{1,3}(,-?[0-9]{1,3})*", words):
        raise UsageError(f"{kind} needs bits, such as {example}, not {quoted(words)}")
    return tuple(map(int, words.split(",")))
