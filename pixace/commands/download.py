"""`pixace download`."""

from __future__ import annotations

import sys

from absl import flags

from pixace.commands.flags import define_location_flags, define_texts
from pixace.errors import UsageError
from pixace.web.progress import download_progress
from pixace.zoo.catalogue import list_models
from pixace.zoo.download import download_model


def define_flags(values: flags.FlagValues) -> None:
    """Registers the flags of this command."""
    define_location_flags(
        values, model_name_help="Model to fetch, or the name that what --url holds will get."
    )
    define_texts(
        values,
        checkpoint="Which of the model's checkpoints to fetch.",
        url="Install the model at this address, or in this file.",
        sha256="Refuse a file that has another SHA-256.",
    )


def run(values: flags.FlagValues) -> None:
    """Fetches a model and prints its path; without a name, lists what there is."""
    name, url = values["model_name"].value, values["url"].value
    if name is None:
        if url is not None:
            raise UsageError("--url needs a --model_name to install the model under")
        for model in list_models():
            print(f"{model.name:<14} {model.description}")
        return
    with download_progress(sys.stderr) as progress:
        path = download_model(
            name,
            checkpoint=values["checkpoint"].value,
            weights_dir=values["weights_dir"].value,
            url=url,
            sha256=values["sha256"].value,
            progress=progress,
        )
    print(path)
