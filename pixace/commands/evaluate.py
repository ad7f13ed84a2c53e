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
    evaluation = evaluate_images(**measuring_arguments("evaluate", values))
    if values["json"].value:
        print(json.dumps(evaluation.to_dict()))
        return
    print(f"images              {evaluation.n_images}")
    print(f"nats per pixel      {evaluation.nats_per_pixel:.4f}")
    print(f"bits per pixel      {evaluation.bits_per_pixel:.4f}")
    for told, bits in (
        ("without captions", evaluation.bits_per_pixel_without_caption),
        ("wrong captions", evaluation.bits_per_pixel_wrong_caption),
    ):
        if bits is not None:
            print(f"  {told:16}  {bits:.4f}")
    print(f"bits per sub-pixel  {evaluation.bits_per_subpixel:.4f}")
