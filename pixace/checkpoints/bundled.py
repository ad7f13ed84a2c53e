"""The models that come with the package, ready to draw: `pixace/weights/NAME/`.

Each folder is laid out as a trained model's is: `config.json`, and `model.pkl.gz` with float16
weights and no optimiser. They are read like anybody else's, through the safe reader.
"""

from __future__ import annotations

from pathlib import Path

READY_MODELS = Path(__file__).parent.parent / "weights"


def ready_models() -> list[str]:
    """Returns the names of the models that come with the package."""
    return sorted(path.parent.name for path in READY_MODELS.glob("*/config.json"))


def ready_folder(name: str) -> Path | None:
    """Returns the folder of a model that comes with the package, or None if none is called so."""
    return READY_MODELS / name if name in ready_models() else None
