"""`pixace plot`."""

from __future__ import annotations

from pathlib import Path

from absl import flags

from pixace.commands.common import define_weights_dir_flag
from pixace.errors import UsageError, shown
from pixace.files import write_result
from pixace.folders import locate
from pixace.plotting import check_plot, plot_curves
from pixace.record import read_record


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    flags.DEFINE_list(
        "model_name", [], "Folder under --weights_dir; several to compare them.", flag_values=values
    )
    define_weights_dir_flag(values)
    flags.DEFINE_string(
        "out",
        "curves.png",
        "Output file; its suffix says the format: png or svg.",
        flag_values=values,
    )


def run(values: flags.FlagValues) -> None:
    """Writes the loss curves of one or more models, and prints the path."""
    names = values["model_name"].value
    if not names:
        raise UsageError("plot needs --model_name=NAME")
    out = Path(values["out"].value)
    check_plot(out)
    paths = {name: locate(name, values["weights_dir"].value, None) for name in names}
    records = {name: read_record(path) for name, path in paths.items()}
    write_result(out, plot_curves(records, out.suffix.lower().removeprefix(".")))
    print(shown(out))
