"""`pixace evaluate`."""

from __future__ import annotations

import json

from absl import flags

from pixace.commands.flags import (
    define_measuring_flags,
    define_settings,
    define_switches,
    measured,
)
from pixace.settings.model import ModelConfig


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_measuring_flags(values)
    define_switches(values, json="Print the result as JSON.")
    define_settings(values, ModelConfig)


def run(values: flags.FlagValues) -> None:
    """Prints the likelihood of a folder's images."""
    path, settings, _ = measured("evaluate", values)

    from pixace.insight.evaluator import Evaluator
    from pixace.models.stored import open_model

    evaluator = Evaluator(open_model(path, settings))
    likelihood = evaluator.evaluate(values["images"].value, values["batch_size"].value)
    if values["json"].value:
        print(json.dumps(likelihood.to_dict()))
        return
    print(f"images              {likelihood.n_images}")
    print(f"nats per pixel      {likelihood.nats_per_pixel:.4f}")
    print(f"bits per pixel      {likelihood.bits_per_pixel:.4f}")
    print(f"bits per sub-pixel  {likelihood.bits_per_subpixel:.4f}")
