"""`pixace evaluate`."""

from __future__ import annotations

import json

from absl import flags

from pixace.commands.flags import define_measuring_flags, define_model_flags, measuring_arguments
from pixace.insight.measuring import evaluate_images


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_measuring_flags(values)
    flags.DEFINE_boolean("json", False, "Print the result as JSON.", flag_values=values)
    define_model_flags(values)


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
