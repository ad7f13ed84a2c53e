"""`pixace quantize`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from pixace.commands.flags import (
    SCALING,
    define_picture_file_flag,
    define_settings,
    define_texts,
    numbers,
    reading_settings,
    typed_settings,
)
from pixace.dataset.quantisation import MAX_IMAGES, MIN_SCALE, quantisation_table
from pixace.errors import UsageError
from pixace.pictures.palettes import check_palette_file, write_palette
from pixace.pictures.writing import check_output, refuse_to_replace_images, write_picture
from pixace.settings.checks import require_int
from pixace.settings.colours import PALETTE, brief, hsv
from pixace.settings.model import ModelConfig
from pixace.settings.paths import local_path
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import ReadingSettings
from pixace.system.results import refuse_to_replace
from pixace.tokens.palette_names import palette_file
from pixace.wording import shown

_BITDEPTHS = ("5,4,4", "4,3,3", "3,2,2")


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_texts(
        values, images="Folder of images, whose sub-folders are searched too, or one file."
    )
    flags.DEFINE_multi_string(
        "bitdepth",
        None,
        f"Bits for hue, saturation and value, for each column (default: {' '.join(_BITDEPTHS)})",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "colours",
        None,
        "Colours of another column, as train takes them: rgb:3,3,2, grey:4, or those of a palette.",
        flag_values=values,
    )
    define_settings(values, ModelConfig, SCALING)
    define_settings(values, ReadingSettings)
    flags.DEFINE_integer(
        "n_images", 8, f"Pictures to show, up to {MAX_IMAGES}; one row each.", flag_values=values
    )
    flags.DEFINE_integer("scale", 128, "Edge of one tile in pixels.", flag_values=values)
    define_picture_file_flag(values, "quantised.png")
    define_texts(
        values,
        palette_out="Write the palette that --colours names in this file, too: .gpl, .hex, .pal or "
        ".png.",
    )


def run(values: flags.FlagValues) -> None:
    """Writes the table and prints its figures."""
    folder = values["images"].value
    if folder is None:
        raise UsageError("quantize needs --images=FOLDER")
    others = values["colours"].value or []
    words = values["bitdepth"].value or ([] if others else _BITDEPTHS)
    bit_depths = [hsv(tuple(numbers("bitdepth", word.split(","), int))) for word in words]
    colours = [*bit_depths, *others]
    reading = reading_settings(values)
    palette_out = _palette_out(values["palette_out"].value, colours)
    scale = values["scale"].value
    require_int("scale", scale, MIN_SCALE, 4096)
    out = Path(local_path("out", values["out"].value))
    check_output(out, (scale, scale))  # before anything is read
    _require_apart(out, palette_out, folder, others)
    pictures = PictureSettings.of(**typed_settings(values, SCALING))
    table = quantisation_table(
        folder, pictures, colours, n_images=values["n_images"].value, reading=reading
    )
    check_output(out, table.size(scale))
    write_picture(table.picture(scale), out, pictures.background)
    n_rows = len(table.rows)
    print(f"{shown(out)}: {n_rows} picture{'s' * (n_rows != 1)}")
    for name, codec, error in zip(table.names, table.codecs, table.errors, strict=True):
        print(f"{shown(brief(name))}  {codec.n_tokens:>5} tokens  colour error {error:.2f}")
    print("colour error: mean distance in CIELAB (CIE 1976); 2 is just visible, 100 black on white")
    if palette_out is not None:
        all_colours = (codec.spelled() for codec in table.codecs)
        (palette,) = (words for words in all_colours if words.startswith(PALETTE))
        entries = palette.removeprefix(PALETTE).split(",")
        write_palette(entries, palette_out)
        print(f"{shown(palette_out)}: {len(entries)} colour{'s' * (len(entries) != 1)}")


def _require_apart(out: Path, palette_out: Path | None, folder: str, colours: list[str]) -> None:
    """Checks that no file to be written is one that is read, nor both the same.

    Raises:
      UsageError: one is.
      ImageError: no such folder of images.
    """
    if palette_out is not None and os.path.realpath(out) == os.path.realpath(palette_out):
        raise UsageError(f"out and palette_out are both {shown(out)}; name two files")
    outputs = {"out": out, "palette_out": palette_out}
    palettes = [file for words in colours if (file := palette_file(words)) is not None]
    refuse_to_replace(outputs, [("a palette of --colours", file) for file in palettes])
    refuse_to_replace_images(outputs, {"images": local_path("images", folder)})


def _palette_out(path: str | None, colours: Sequence[str]) -> Path | None:
    """Returns the file of the palette, if one is wanted and there is one.

    Raises:
      UsageError: the name is not that of a palette's file, or there is not exactly one palette.
    """
    if path is None:
        return None
    check_palette_file(path, "palette_out")
    if sum(name.startswith(PALETTE) for name in colours) != 1:
        raise UsageError("palette_out needs one --colours=palette:..., whose colours it writes")
    return Path(local_path("palette_out", path))
