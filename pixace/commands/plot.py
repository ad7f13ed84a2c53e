"""`pixace plot`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags

from pixace.checkpoints.folder import locate
from pixace.checkpoints.record import read_record
from pixace.commands.flags import (
    define_settings,
    define_switches,
    define_weights_dir_flag,
    typed_settings,
)
from pixace.errors import UsageError
from pixace.insight.plots import check_plot, plot_curves, plot_receptive_field
from pixace.settings.model import ModelConfig
from pixace.settings.paths import local_path
from pixace.system.files import write_result
from pixace.tokens.order import order_of
from pixace.wording import shown


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    flags.DEFINE_list(
        "model_name", [], "Folder under --weights_dir; several to compare them.", flag_values=values
    )
    define_weights_dir_flag(values)
    define_switches(
        values,
        receptive_field="Draw instead which pixels a model looks at for the one in the middle.",
    )
    flags.DEFINE_string(
        "out",
        "curves.png",
        "Output file; its suffix says the format: png or svg.",
        flag_values=values,
    )
    define_settings(values, ModelConfig)


def run(values: flags.FlagValues) -> None:
    """Writes the loss curves of one or more models, and prints the path."""
    names = values["model_name"].value
    if not names:
        raise UsageError("plot needs --model_name=NAME")
    out = Path(local_path("out", values["out"].value))
    check_plot(out)
    kind = out.suffix.lower().removeprefix(".")
    settings = typed_settings(values)
    if values["receptive_field"].value:
        if len(names) > 1:
            raise UsageError("--receptive_field takes one --model_name")
        write_result(out, _receptive_field(names[0], values["weights_dir"].value, settings, kind))
        print(shown(out))
        return
    if settings:
        raise UsageError(f"{next(iter(settings))} is for --receptive_field")
    paths = {name: locate(name, values["weights_dir"].value, None) for name in names}
    records = {name: read_record(path) for name, path in paths.items()}
    write_result(out, plot_curves(records, kind))
    print(shown(out))


def _receptive_field(name: str, weights_dir: str, settings: Mapping[str, Any], kind: str) -> bytes:
    """Returns the picture for the pixel in the middle of a picture of random colours."""
    from pixace.insight.receptive_field import receptive_field_of
    from pixace.models.stored import open_model

    model = open_model(locate(name, weights_dir, None), settings)
    pictures = model.config.pictures
    pixel = pictures.n_pixels // 2 + pictures.raster[1] // 2
    lengths = receptive_field_of(model, pixel)
    return plot_receptive_field(lengths, order_of(pictures), pixel, name, kind)
