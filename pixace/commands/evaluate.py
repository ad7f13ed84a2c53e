"""`pixace evaluate`."""

from __future__ import annotations

import json

from absl import flags

from pixace.checkpoints import stored_config
from pixace.commands.common import define_location_flags, define_model_flags, typed_settings
from pixace.config import require_int, resolve_config
from pixace.errors import UsageError
from pixace.folders import locate
from pixace.images import find_images


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_location_flags(values, model_name_help="Folder under --weights_dir.")
    flags.DEFINE_string(
        "checkpoint", None, "Use this file, step, latest or best.", flag_values=values
    )
    flags.DEFINE_string("images", None, "Folder of images to measure.", flag_values=values)
    flags.DEFINE_integer(
        "batch_size", 8, "Images per pass; changes memory, not the result.", flag_values=values
    )
    flags.DEFINE_boolean("json", False, "Print the result as JSON.", flag_values=values)
    define_model_flags(values)


def run(values: flags.FlagValues) -> None:
    """Prints the likelihood of a folder's images."""
    folder = values["images"].value
    if folder is None:
        raise UsageError("evaluate needs --images=FOLDER")
    find_images(folder)  # before trax is imported
    path = locate(
        values["model_name"].value, values["weights_dir"].value, values["checkpoint"].value
    )
    settings = typed_settings(values)
    resolve_config(stored_config(path), settings, source=path.parent)
    require_int("batch_size", values["batch_size"].value, 1)

    from pixace.evaluation import Evaluator
    from pixace.stored import open_model

    evaluator = Evaluator(open_model(path, settings))
    likelihood = evaluator.evaluate(folder, values["batch_size"].value)
    if values["json"].value:
        print(json.dumps(likelihood.to_dict()))
        return
    print(f"images              {likelihood.n_images}")
    print(f"nats per pixel      {likelihood.nats_per_pixel:.4f}")
    print(f"bits per pixel      {likelihood.bits_per_pixel:.4f}")
    print(f"bits per sub-pixel  {likelihood.bits_per_subpixel:.4f}")
