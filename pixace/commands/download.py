"""`pixace download`."""

from __future__ import annotations

import logging
import os
import sys

from absl import flags

from pixace.commands.flags import define_location_flags, define_texts
from pixace.errors import UsageError
from pixace.web.progress import download_progress
from pixace.wording import shown_url
from pixace.zoo.download import download_model
from pixace.zoo.zoo_file import published_models

_log = logging.getLogger(__name__)

ZOO_VARIABLE = "PIXACE_ZOO"


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
        zoo="Know the models of this list, too: the address or path of a zoo.json. Else "
        f"{ZOO_VARIABLE} may name one.",
    )


def run(values: flags.FlagValues) -> None:
    """Fetches a model and prints its path; without a name, lists what there is."""
    name, url, zoo = (values[flag].value for flag in ("model_name", "url", "zoo"))
    if zoo is None and url is None:
        zoo = os.environ.get(ZOO_VARIABLE) or None
        if zoo is not None:  # which what is wrong with it does not tell
            _log.info("zoo %s, as %s says", shown_url(zoo), ZOO_VARIABLE)
    if name is None:
        if url is not None:
            raise UsageError("--url needs a --model_name to install the model under")
        for model in published_models(zoo).values():
            print(f"{model.name:<14} {model.description}")
        return
    with download_progress(sys.stderr) as progress:
        path = download_model(
            name,
            checkpoint=values["checkpoint"].value,
            weights_dir=values["weights_dir"].value,
            url=url,
            sha256=values["sha256"].value,
            zoo=zoo,
            progress=progress,
        )
    print(path)
