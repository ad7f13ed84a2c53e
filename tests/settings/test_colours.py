"""How colours are spelt, and what two settings that name them make together."""

import dataclasses
from pathlib import Path

import pytest

from pixace.errors import UsageError
from pixace.settings.colours import as_setting, label, palette
from pixace.settings.model import ModelConfig, resolve_config
from pixace.settings.pictures import PictureSettings

MINE = "palette:1a1c2c,ff004d,000000,ffffff"
HERE = Path("models", "mine")


def test_hsv_is_stored_as_bits_as_ever():
    config = ModelConfig(colours="hsv:4,3,3")
    assert config == ModelConfig(bitdepth=(4, 3, 3))
    assert config.to_dict() == ModelConfig(bitdepth=(4, 3, 3)).to_dict()
    assert "colours" not in config.to_dict()
    assert ModelConfig(bitdepth=(4, 3, 3), colours="hsv:4,3,3") == config


@pytest.mark.parametrize("colours", ["rgb:3,3,2", "grey:4", MINE])
def test_other_colours_are_stored_in_the_place_of_bits(colours):
    config = ModelConfig(colours=colours)
    assert config.bitdepth is None
    assert config.pictures == PictureSettings(32, 32, colours)
    stored = config.to_dict()
    assert stored["colours"] == colours and "bitdepth" not in stored
    assert ModelConfig.from_dict(stored) == config
    assert dataclasses.replace(config, image_size=8).colours == colours
    assert f"--colours={colours}" in config.as_flags() and "bitdepth" not in config.as_flags()


def test_bits_and_colours_that_differ():
    with pytest.raises(UsageError, match="bitdepth=5,4,4 and colours=rgb:3,3,2 name different"):
        ModelConfig(bitdepth=(5, 4, 4), colours="rgb:3,3,2")
    with pytest.raises(UsageError, match="bitdepth=5,4,4 and bitdepth=4,3,3 name different"):
        PictureSettings.of(bitdepth=(5, 4, 4), colours="hsv:4,3,3")


@pytest.mark.parametrize("colours", [5, (5, 4, 4), "", "palette", "hsv", "palette:mine.gpl", "x:1"])
def test_what_names_no_colours(colours):
    with pytest.raises(UsageError):
        ModelConfig(colours=colours)


@pytest.mark.parametrize(
    ("stored", "named", "own"),
    [
        ({"bitdepth": (4, 3, 3)}, {"bitdepth": (5, 4, 4)}, "bitdepth=4,3,3"),
        ({"bitdepth": (4, 3, 3)}, {"colours": "grey:4"}, "bitdepth=4,3,3"),
        ({"colours": "grey:4"}, {"bitdepth": (5, 4, 4)}, "colours=grey:4"),
        (
            {"colours": MINE},
            {"colours": "palette:ff004d"},
            r"colours=palette:1a1c2c,ff004d,000000,... \(4 colours\)",
        ),
        ({"colours": MINE}, {"colours": "palette:auto:3"}, "colours=palette:1a1c2c.*"),
        ({"colours": "rgb:3,3,2"}, {"colours": "palette:auto"}, "colours=rgb:3,3,2"),
    ],
)
def test_what_contradicts_a_model(stored, named, own):
    with pytest.raises(UsageError, match=f"contradicts {own} of the model in models/mine"):
        resolve_config(ModelConfig(**stored), named, source=HERE)


@pytest.mark.parametrize(
    ("stored", "named"),
    [
        ({"bitdepth": (4, 3, 3)}, {"colours": "hsv:4,3,3", "bitdepth": [4, 3, 3]}),
        ({"colours": MINE}, {"colours": MINE}),
        ({"colours": MINE}, {"colours": "palette:auto"}),
        ({"colours": MINE}, {"colours": "palette:auto:4"}),
    ],
)
def test_what_agrees_with_a_model(stored, named):
    config = ModelConfig(**stored)
    assert resolve_config(config, named, source=HERE) is config


def test_a_palette_is_told_in_a_few_words():
    assert palette(["ff004d", "000000", "ff004d"]) == "palette:ff004d,000000"
    assert label("palette:ff004d,000000") == "palette:ff004d,000000"
    assert label("hsv:5,4,4") == "5,4,4"
    long = palette([f"{number:06x}" for number in range(4096)])
    assert as_setting(long) == "colours=palette:000000,000001,000002,... (4096 colours)"
