"""`pixace serve`."""

from __future__ import annotations

from absl import flags

from pixace.commands.flags import define_location_flags, define_switches
from pixace.serving.server import serve


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_location_flags(
        values, model_name_help="Model to begin with; the page can choose any other."
    )
    flags.DEFINE_integer("port", 8000, "Port, or the next one that is free.", flag_values=values)
    flags.DEFINE_string(
        "host", "127.0.0.1", "Address of this machine to listen at.", flag_values=values
    )
    define_switches(values, open="Open the page in the browser.")


def run(values: flags.FlagValues) -> None:
    """Serves the page until it is stopped, and prints its address."""
    serve(
        values["model_name"].value,
        values["weights_dir"].value,
        values["host"].value,
        values["port"].value,
        values["open"].value,
    )
