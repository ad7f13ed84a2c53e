"""Settings of a drawing: its scale, in pixels or in times."""

import numpy as np
import pytest

from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings


@pytest.mark.parametrize(
    ("scale", "times", "tile"),
    [
        (256, None, (256, 205)),
        (np.int64(9), None, (9, 7)),
        ("1x", 1, (3, 2)),
        ("256x", 256, (768, 512)),
    ],
)
def test_a_scale_is_the_longer_edge_of_a_tile_or_how_often_to_repeat_a_pixel(scale, times, tile):
    settings = DrawingSettings(scale=scale)
    assert settings.times == times
    assert settings.tile_size((3, 2)) == tile
    assert settings.tile_size((2, 3)) == tile[::-1]
    if not times:
        assert settings.tile_size((3, 3)) == (scale, scale)
    assert type(settings.scale) in (int, str)
    assert DrawingSettings(**settings.to_dict()).scale == settings.scale


@pytest.mark.parametrize(
    "scale",
    [0, 4097, True, 2.0, None, "", "x", "4", "0x", "4X", "4x ", "1.5x", "-1x", "257x", "٣x"],
)
def test_other_scales_are_refused_by_name(scale):
    with pytest.raises(UsageError, match=r"^scale must be "):
        DrawingSettings(scale=scale)


def test_a_palette_is_its_colours():
    settings = DrawingSettings(palette="000000,ff004d")
    assert settings.to_dict()["palette"] == "000000,ff004d"
    assert "palette" not in DrawingSettings().to_dict()


@pytest.mark.parametrize(
    "palette",
    ["", "pico-8", "a.gpl", "palette:000000", "FF004D", "000000,000000", "000000,", 7, ["000000"]]
    + [",".join(f"{number:06x}" for number in range(4097))],
)
def test_other_palettes_are_refused_by_name(palette):
    with pytest.raises(UsageError, match=r"^palette") as caught:
        DrawingSettings(palette=palette)
    assert len(str(caught.value)) < 200
