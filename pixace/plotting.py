"""The curves of trainings as a picture."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pixace.errors import PixaceError, UsageError, shown
from pixace.record import Curve, TrainingRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("png", "svg")

_FEW = 30  # points of a curve, each of which gets a mark


def check_plot(path: Path) -> None:
    """Checks that a file's suffix is one of a plot.

    Raises:
      UsageError: it is not.
    """
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        raise UsageError(f"out must end in .{' or .'.join(FORMATS)}, not {shown(path.name)!r}")


def plot_curves(records: Mapping[str, TrainingRecord], kind: str = "png") -> bytes:
    """Draws training and validation loss of one or more models over each other.

    Args:
      records: by the name of the model; each has its colour.
      kind: "png" or "svg".

    Returns:
      The contents of a file: bits per pixel by training step.

    Raises:
      PixaceError: no model has a curve.
    """
    told = {name: record for name, record in records.items() if record.train or record.val}
    if not told:
        names = ", ".join(map(shown, records))
        raise PixaceError(f"{names}: no curves in this model, so nothing to plot; train adds them")

    # The object alone, without pyplot: no display, no state that others share.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    # The same curves make the same file, and a name may have dollars.
    style = rc_context({"svg.hashsalt": "pixace", "text.parse_math": False})
    with style, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter of a name that the font does not have
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        title = next(iter(told)) if len(told) == 1 else None  # the legend names several
        axes = figure.add_subplot(title=title, xlabel="step", ylabel="bits per pixel")
        axes.locator_params(axis="x", integer=True)  # there are no half steps
        axes.grid(alpha=0.3)
        for number, (name, record) in enumerate(told.items()):
            suffix = f": {name}" if len(told) > 1 else ""
            _draw(axes, record.train, f"training (epoch's mean){suffix}", f"C{number}", "--")
            _draw(axes, record.val, f"{record.validation}{suffix}", f"C{number}", "-")
        axes.legend()
        undated = {"Date": None} if kind == "svg" else {}
        figure.savefig(buffer, format=kind, dpi=150, metadata=undated)
    return buffer.getvalue()


def _draw(axes: Axes, curve: Curve, label: str, colour: str, style: str) -> None:
    if curve:
        steps, values = zip(*curve, strict=True)
        marker = "o" if len(curve) <= _FEW else ""
        axes.plot(steps, values, style, color=colour, label=label, marker=marker, markersize=3)
