"""`pixace plan`."""

from __future__ import annotations

import dataclasses
import json

from absl import flags

from pixace.commands.flags import (
    batch_size,
    define_settings,
    define_switches,
    define_texts,
    n_bytes,
    reading_settings,
    typed_settings,
)
from pixace.dataset.palette_finding import with_found_colours
from pixace.errors import UsageError
from pixace.pictures.cutting import find_pictures
from pixace.settings.model import ModelConfig, new_config
from pixace.settings.model_types import NEW_TYPE
from pixace.settings.paths import local_path
from pixace.settings.reading import ReadingSettings
from pixace.settings.training import TrainingSettings, require_no_epochs
from pixace.system.command_clock import command_began
from pixace.tokens.palette_names import with_palette

_STEP_SETTINGS = ("accumulate", "precision", "recompute", "dropout", "steps_per_epoch")


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_settings(values, TrainingSettings, ("images", "batch_size", *_STEP_SETTINGS, "minutes"))
    define_settings(values, ReadingSettings)
    define_settings(values, ModelConfig, model_type=NEW_TYPE)
    define_texts(
        values,
        memory="Memory of the device, such as 10GB or 10GiB (default: that of the card or machine "
        "found).",
    )
    define_switches(
        values,
        measure="Do a few steps of --batch_size and time them.",
        json="Print the plan as JSON.",
    )


def run(values: flags.FlagValues) -> None:
    """Prints what fits and how long it takes."""
    if values["minutes"].value is not None:
        _print_minutes(values)
        return
    config = new_config(with_palette(typed_settings(values)))
    settings = TrainingSettings(
        batch_size=batch_size(values), **{name: values[name].value for name in _STEP_SETTINGS}
    )
    memory = None if values["memory"].value is None else n_bytes("memory", values["memory"].value)
    folder = local_path("images", values["images"].value) if values["images"].present else None
    reading = reading_settings(values)
    n_images = None if folder is None else len(find_pictures(folder, reading).paths)
    config = with_found_colours(config, folder, reading)

    from pixace.training.memory import divisible_batch
    from pixace.training.planning import make_plan

    if values["measure"].value or not values["batch_size"].present:
        settings = divisible_batch(settings, values["batch_size"].present)
    plan = make_plan(config, settings, memory, n_images, measure=values["measure"].value)
    print(json.dumps(dataclasses.asdict(plan)) if values["json"].value else plan)


def _print_minutes(values: flags.FlagValues) -> None:
    """Prints what a new training by minutes would choose.

    Raises:
      UsageError: a flag that cannot stand beside --minutes.
    """
    if values["memory"].present:
        raise UsageError("minutes measures the device that is here; leave --memory out")
    names = ("images", *_STEP_SETTINGS, "minutes")
    named = {name: values[name].value for name in names if values[name].present}
    if values["batch_size"].present:
        named["batch_size"] = batch_size(values)
    settings, sizes = TrainingSettings(**named), typed_settings(values)
    require_no_epochs(settings.minutes, named)
    folder = settings.images if "images" in named else None
    reading = reading_settings(values)
    n_images = None if folder is None else len(find_pictures(folder, reading).paths)
    config = with_found_colours(new_config(with_palette(sizes)), folder, reading)

    from pixace.training.planning import plan_minutes

    plan = plan_minutes(config, settings, {*sizes, *named}, n_images, command_began())
    print(json.dumps(dataclasses.asdict(plan)) if values["json"].value else plan)
