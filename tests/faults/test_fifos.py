"""A FIFO that takes a file's place after somebody has looked at it makes nobody wait."""

import os
from pathlib import Path

import pytest

from pixace.checkpoints import safe_pickle
from pixace.checkpoints.config_file import load_config
from pixace.drawing.recipe import read_recipe
from pixace.errors import PixaceError
from pixace.pictures.reading import open_image
from pixace.system.files import file_sha256
from pixace.system.reading import IrregularFileError
from pixace.web.download import install_file
from pixace.web.partial import Partial, holds

pytestmark = pytest.mark.fault

READERS = {
    "a picture": open_image,
    "a recipe": read_recipe,
    "weights": safe_pickle.load,
    "settings": lambda path: load_config(path.parent),
    "a file to install": lambda path: install_file(path, path.with_name("installed")),
    "an installed file": lambda path: holds(path, "0" * 64),
    "a checksum": file_sha256,
    "a partial download": lambda path: Partial(path.with_name("model")).append(),
}
PATHS = {"settings": "config.json", "a partial download": ".model.part"}


@pytest.mark.parametrize("what", READERS)
def test_nobody_waits_for_a_fifo_in_the_place_of_a_file(what, tmp_path, monkeypatch):
    """The FIFO comes between any look at the file and its opening."""
    path = tmp_path / PATHS.get(what, "file.png")
    path.write_bytes(b"x" * 100)
    really_open, swapped = os.open, []

    def open_late(name, flags, mode=0o777, **options):
        if Path(os.fsdecode(name)) == path:
            path.unlink()
            os.mkfifo(path)
            swapped.append(flags)
        return really_open(name, flags, mode, **options)

    monkeypatch.setattr(os, "open", open_late)
    with pytest.raises((PixaceError, IrregularFileError)) as caught:
        READERS[what](path)
    assert swapped, "who opens it otherwise would be waiting now"
    assert (
        "not a regular file" in str(caught.value)
        or "ordinary" in str(caught.value)
        or ("not a picture's file" in str(caught.value))
    )
