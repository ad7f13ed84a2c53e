"""`pixace evaluate`."""

from __future__ import annotations

import json

from absl import flags

from pixace.commands.flags import (
    define_measuring_flags,
    define_settings,
    define_switches,
    measuring_arguments,
)
from pixace.insight.measuring import evaluate_images
from pixace.settings.model import ModelConfig


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_measuring_flags(values)
    define_switches(values, json="Print the result as JSON.")
    define_settings(values, ModelConfig)


def run(values: flags.FlagValues) -> None:
    """Prints the likelihood of a folder's images."""
    likelihood = evaluate_images(**measuring_arguments("evaluate", values))
    if values["json"].value:
        print(json.dumps(likelihood.to_dict()))
        return
    print(f"images              {likelihood.n_images}")
    print(f"nats per pixel      {likelihood.nats_per_pixel:.4f}")
    print(f"bits per pixel      {likelihood.bits_per_pixel:.4f}")
    print(f"bits per sub-pixel  {likelihood.bits_per_subpixel:.4f}")
