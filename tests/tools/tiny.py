"""The sizes of the models that the tests train; apart, as not every interpreter has pytest."""

TINY = {
    "image_size": 6,
    "bitdepth": (2, 1, 2),
    "d_model": 16,
    "d_ff": 32,
    "n_layers": 1,
    "n_heads": 2,
}
