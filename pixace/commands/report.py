"""`pixace report`."""

from __future__ import annotations

from pathlib import Path

from absl import flags

from pixace.checkpoints.folder import locate
from pixace.checkpoints.record import read_record
from pixace.commands.flags import define_location_flags
from pixace.errors import UsageError
from pixace.insight.report import report
from pixace.settings.paths import local_path
from pixace.system.files import write_result
from pixace.wording import shown


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_location_flags(values)
    flags.DEFINE_string("out", "report.html", "Output file.", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Writes the page, and prints its path."""
    name = values["model_name"].value
    if name is None:
        raise UsageError("report needs --model_name=NAME")
    out = Path(local_path("out", values["out"].value))
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"out must end in .html, not {shown(out.name)!r}")
    path = locate(name, values["weights_dir"].value, None)
    page = report(name, read_record(path), path.parent)
    # A stranger's checkpoint may tell settings that are no proper text.
    write_result(out, page.encode("utf-8", "backslashreplace"))
    print(shown(out))
