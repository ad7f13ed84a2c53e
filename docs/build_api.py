"""Builds the reference of the Python API from the docstrings, as HTML pages.

    python docs/build_api.py [FOLDER]

writes to docs/api by default. What the fields of settings say is shown as attributes. A warning of
pdoc, such as a name that does not resolve, is an error.
"""

import inspect
import sys
import warnings
from pathlib import Path

import pdoc

import pixace
from pixace.settings.drawing import DrawingSettings
from pixace.settings.fields import settings_of
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings

# What a user of the Python API meets: the public names, their classes, what these take and raise.
MODULES = (
    "pixace",
    "pixace.tokens",
    "pixace.training.trainer",
    "pixace.drawing.predictor",
    "pixace.drawing.request",
    "pixace.drawing.draw_request",
    "pixace.insight.evaluator",
    "pixace.settings.model",
    "pixace.settings.training",
    "pixace.settings.drawing",
    "pixace.settings.pictures",
    "pixace.drawing.drawn",
    "pixace.drawing.prompts",
    "pixace.drawing.recipe",
    "pixace.drawing.stream",
    "pixace.dataset.check",
    "pixace.insight.likelihood",
    "pixace.insight.measuring",
    "pixace.models.export",
    "pixace.checkpoints.allowance",
    "pixace.zoo.catalogue",
    "pixace.errors",
)


def main() -> None:
    """Writes the pages to the folder that the command line names."""
    folder = Path(sys.argv[1] if sys.argv[1:] else Path(__file__).parent / "api")
    for name in pixace.__all__:  # imported on first use, which pdoc does not wait for
        setattr(pixace, name, getattr(pixace, name))
    for kind in (ModelConfig, TrainingSettings, DrawingSettings):
        lines = [f"  {setting.name}: {setting.full_help}" for setting in settings_of(kind)]
        kind.__doc__ = "\n".join([inspect.getdoc(kind) or "", "", "Attributes:", *lines])
    warnings.simplefilter("error", UserWarning)
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(MODULES[0], r"!pixace\..*", *MODULES[1:], output_directory=folder)
    print(folder / "pixace.html")


if __name__ == "__main__":
    main()
