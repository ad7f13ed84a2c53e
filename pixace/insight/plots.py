"""The curves of trainings, and what a model looks at, as pictures."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixace.checkpoints.history import Curve
from pixace.checkpoints.record import TrainingRecord
from pixace.errors import PixaceError, UsageError
from pixace.pictures.metadata import SOFTWARE, SOFTWARE_KEY
from pixace.tokens.order import PixelOrder
from pixace.wording import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")

_FAINTEST = 0.001  # of the largest gradient: what is less has the same colour
_FEW = 30  # points of a curve, each of which gets a mark


def check_plot(path: Path) -> None:
    """Checks that a file's suffix is one of a plot.

    Raises:
      UsageError: it is not.
    """
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        raise UsageError(f"out must end in .{' or .'.join(FORMATS)}, not {shown(path.name)!r}")


def plot_curves(
    records: Mapping[str, TrainingRecord],
    kind: str = "png",
    size: tuple[float, float] = (8, 4.5),
) -> bytes:
    """Draws training and validation loss of one or more models over each other.

    Args:
      records: by the name of the model; each has its colour.
      kind: "png" or "svg".
      size: width and height in inches; letters are as large in any.

    Returns:
      The contents of a file: bits per pixel by training step.

    Raises:
      PixaceError: no model has a curve.
    """
    told = {name: record for name, record in records.items() if record.training or record.val}
    if not told:
        names = ", ".join(map(shown, records))
        raise PixaceError(f"{names}: no curves in this model, so nothing to plot; train adds them")

    with _figure(*size, kind) as (figure, contents):
        title = next(iter(told)) if len(told) == 1 else None  # the legend names several
        axes = figure.add_subplot(title=title, xlabel="step", ylabel="bits per pixel")
        axes.locator_params(axis="x", integer=True)  # there are no half steps
        axes.grid(alpha=0.3)
        for number, (name, record) in enumerate(told.items()):
            suffix = f": {name}" if len(told) > 1 else ""
            training = "training" if record.within else "training (epoch's mean)"
            _draw(axes, record.training, f"{training}{suffix}", f"C{number}", "--")
            _draw(axes, record.val, f"{record.validation}{suffix}", f"C{number}", "-")
        axes.legend()
    return contents.getvalue()


def plot_receptive_field(
    lengths: np.ndarray, order: PixelOrder, pixel: int, name: str, kind: str = "png"
) -> bytes:
    """Draws how much a model looks at each pixel of a picture for one of them.

    Args:
      lengths: float (L,), from `receptive_field`; 0 is drawn white, as what is not seen at all.
      order: of the picture's pixels.
      pixel: the place in that order of the one it looks for.
      name: of the model.
      kind: "png" or "svg".
    """
    _import_matplotlib()
    from matplotlib.colors import LogNorm

    grid = np.ma.masked_equal(order.picture(lengths), 0.0)
    ((row, column),) = np.argwhere(order.picture(np.arange(len(lengths)) == pixel))
    with _figure(6, 5, kind) as (figure, contents):
        axes = figure.add_subplot(title=f"{name}: seen for the marked pixel")
        # One scale for all models, so that their pictures can be laid side by side.
        norm = LogNorm(_FAINTEST, 1.0, clip=True)
        image = axes.imshow(grid / max(lengths.max(), 1e-30), norm=norm, cmap="viridis")
        axes.plot(column, row, "s", color="red")
        axes.locator_params(integer=True)
        label = f"gradient's length, largest = 1, darkest: {_FAINTEST} or less"
        figure.colorbar(image, label=label, format="%g")
    return contents.getvalue()


@contextlib.contextmanager
def _figure(width: float, height: float, kind: str) -> Iterator[tuple[Figure, io.BytesIO]]:
    """Yields a figure to draw in, and the file that holds it once the block has ended well.

    Args:
      width: in inches.
      height: likewise.
      kind: "png" or "svg".
    """
    # The object alone, without pyplot: no display, no state that others share.
    _import_matplotlib()
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.figure import Figure

    contents = io.BytesIO()
    with rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter of a name that the font does not have
        rcdefaults()  # whatever the user's own style is: it may need LaTeX
        # The same curves make the same file, and a name may have dollars.
        rcParams.update({"svg.hashsalt": "pixace", "text.parse_math": False})
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, contents
        # Without a date, so that the same picture is the same.
        about = {"Date": None} if kind == "svg" else {SOFTWARE_KEY: SOFTWARE}
        figure.savefig(contents, format=kind, dpi=150, metadata=about)


def _import_matplotlib() -> None:
    """Imports matplotlib, even where MPLBACKEND names what it does not know.

    A backend shows pictures on screens, for which nothing here has a use; one that it does know
    stays the user's.

    Raises:
      PixaceError: it cannot be imported.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    except (ImportError, ValueError) as error:  # the latter of a file of settings that is no text
        raise PixaceError(f"plots need matplotlib, which cannot be imported: {error}") from None
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend


def _draw(axes: Axes, curve: Curve, label: str, colour: str, style: str) -> None:
    if curve:
        steps, values = zip(*curve, strict=True)
        marker = "o" if len(curve) <= _FEW else ""
        axes.plot(steps, values, style, color=colour, label=label, marker=marker, markersize=3)
