"""What users call a palette, and its colours."""

import pytest

from pixace.errors import UsageError
from pixace.pictures.palettes import write_palette
from pixace.tokens.palette_names import colours_named, with_palette


def test_a_known_palette():
    assert colours_named("palette:gameboy") == "palette:0f380f,306230,8bac0f,9bbc0f"


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("GameBoy", "gameboy"),
        ("game-boy", "gameboy"),
        ("pico8", "pico-8"),
        ("PICO_8", "pico-8"),
        ("endesga32", "endesga-32"),
        ("DB-16", "db16"),
    ],
)
def test_a_known_palette_in_another_spelling(name, listed):
    assert colours_named(f"palette:{name}") == colours_named(f"palette:{listed}")
    assert with_palette({"palette": name}) == with_palette({"palette": listed})


@pytest.mark.parametrize("name", ["mine.gpl", "mine.hex", "mine.pal", "mine.png"])
def test_a_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_palette(["ff004d", "000000"], tmp_path / name)
    for path in (name, f"./{name}", tmp_path / name):
        assert colours_named(f"palette:{path}") == "palette:ff004d,000000"


@pytest.mark.parametrize("words", ["hsv:5,4,4", "grey:4", "palette:auto:64", "palette:ff004d"])
def test_what_settings_hold_stays(words):
    assert colours_named(words) == words


def test_settings_of_other_names_stay():
    assert with_palette({"colours": None, "seed": 3}) == {"colours": None, "seed": 3}
    assert with_palette({}) == {}
    assert with_palette({"palette": None, "seed": 3}) == {"palette": None, "seed": 3}


def test_settings_name_palettes_by_their_colours():
    colours = "0f380f,306230,8bac0f,9bbc0f"
    assert with_palette({"colours": "palette:gameboy"}) == {"colours": f"palette:{colours}"}
    assert with_palette({"palette": "Gameboy"}) == {"palette": colours}
    assert with_palette({"palette": colours}) == {"palette": colours}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("palette:nes", "palette:nes is neither a palette's file nor one of auto, pico-8, gameboy"),
        ("palette:", "is neither"),
        ("palette:auto:x", "palette:auto:x is neither"),
        ("palette:auto:5000", "from 1 to 4096, not 5000"),
        ("palette:mine.ase", "must be a file that ends in .gpl, .hex, .pal, .png"),
        ("pico-8", "for a palette say colours=palette:pico-8"),
        ("mine.gpl", r"for a palette say colours=palette:mine\.gpl"),
        ("cmyk:4", "colours: the kind must be one of hsv, rgb, grey, palette"),
        ("palette:" + "x" * 9000, "is neither"),
        ("palette:a\0.hex", "must name a file or folder"),
    ],
)
def test_what_is_no_palette(words, message):
    with pytest.raises(UsageError, match=message) as caught:
        colours_named(words)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


def test_a_file_that_is_not_there():
    with pytest.raises(UsageError, match="nowhere.hex: No such file"):
        colours_named("palette:nowhere.hex")
