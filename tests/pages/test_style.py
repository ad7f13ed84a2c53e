"""The pages' common look can be read by everybody, and needs nothing from elsewhere."""

import re

import pytest

from pixace.pages.style import style

DARK = "@media (prefers-color-scheme: dark)"
INKS = ("ink", "faint", "accent", "warning")
LIGHT_COLOURS, DARK_COLOURS = (
    dict(re.findall(r"--([\w-]+): #(\w{6});", part)) for part in style().split(DARK)
)


def contrast(one: str, other: str) -> float:
    """Returns the ratio of the luminances of two colours, as WCAG 2.2 defines it."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT_COLOURS, DARK_COLOURS], ids=["light", "dark"])
def test_everything_can_be_read(colours):
    assert contrast("000000", "ffffff") == pytest.approx(21)
    for under in ("paper", "surface"):
        for ink in INKS:
            assert contrast(colours[ink], colours[under]) >= 4.5, (ink, under)
        assert contrast(colours["edge"], colours[under]) >= 3, under
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5


def test_dark_and_light_have_the_same_colours():
    assert LIGHT_COLOURS.keys() == DARK_COLOURS.keys()
    used = set(re.findall(r"var\(--([\w-]+)\)", style()))
    assert used <= LIGHT_COLOURS.keys() | {"radius", "gap"}


def test_nothing_comes_from_elsewhere():
    assert not re.search(r"url\(|@import|//", style())
