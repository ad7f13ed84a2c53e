"""pixace: image models that learn from a folder of pictures and finish the picture you give them.

The public names are imported on first use, so that `import pixace` costs nothing:

    import pixace

    trainer = pixace.get_trainer(model_name="faces", image_size=16, bitdepth=(4, 3, 3))
    trainer.train(images="faces/train", val_images="faces/val", n_epochs=20)
    collage = pixace.get_predictor(model_name="faces").predict(batch_size=4)
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it.
_PUBLIC = {
    "download_model": "pixace.zoo.download",
    "get_trainer": "pixace.training.trainer",
    "get_predictor": "pixace.drawing.predictor",
    "get_evaluator": "pixace.insight.evaluator",
    "export_model": "pixace.models.export",
    "max_checkpoint_mb": "pixace.checkpoints.allowance",
}
_MODULES = ("tokens",)

__all__ = ["__version__", *_PUBLIC, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"pixace.{name}")
    raise AttributeError(f"module 'pixace' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
