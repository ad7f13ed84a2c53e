"""The models that pixace knows of by itself: in the package, and published in 2020."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixace.checkpoints.bundled import READY_MODELS
from pixace.checkpoints.folder import LATEST_NAME
from pixace.web import drive


@dataclasses.dataclass(frozen=True)
class Model:
    """A published model.

    Attributes:
      name: what `--model_name` calls it.
      description: one line for the list of models.
      config: the `ModelConfig` settings that it was made with; None where they are in the weights'
        file, or beside it.
      drive_id: identifier of its weights on Google Drive, or None.
      url: address of its weights where they are not on Drive, or None.
      path: of its weights where they come with the package, or None.
      sha256: of its weights, or None where nobody has published it.
    """

    name: str
    description: str
    config: Mapping[str, Any] | None = None
    drive_id: str | None = None
    url: str | None = None
    path: Path | None = None
    sha256: str | None = None

    def source(self) -> str | Path:
        """Returns the address where its download starts, or its path."""
        if self.path is not None:
            return self.path
        return drive.drive_url(self.drive_id) if self.drive_id else str(self.url)


CATALOGUE = {
    "animalfaces": Model(
        name="animalfaces",
        description="faces of cats, dogs and wild animals, 32x32 pixels (2020, by the reference)",
        config={
            "model_type": "reformer",
            "image_size": 32,
            "bitdepth": (5, 4, 4),
            "d_model": 512,
            "d_ff": 2048,
            "n_layers": 6,
            "n_heads": 8,
            "background": "black",
        },
        drive_id="1Uh7Cd-kjYLhs7SjlFROKuUyT9Vv8h-5i",
    ),
    "emoji": Model(
        name="emoji",
        description="emoji, 16x16 pixels (comes with pixace: predict needs no download)",
        path=READY_MODELS / "emoji" / LATEST_NAME,
    ),
}
