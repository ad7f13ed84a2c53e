"""The sizes of the models that the tests train; apart, as not every interpreter has pytest."""

TINY = {
    "image_size": 6,
    "bitdepth": (2, 1, 2),
    "d_model": 16,
    "d_ff": 32,
    "n_layers": 1,
    "n_heads": 2,
}


def tiny_sizes(model_type: str) -> dict[str, int]:
    """Returns the sizes that a type has, without the shape and the colours of pictures."""
    names = ["d_model", "d_ff", "n_layers"]
    names += [] if model_type.startswith("pixelcnn") else ["n_heads"]
    return {name: TINY[name] for name in names}
