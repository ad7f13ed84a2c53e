"""How many pictures are drawn at a time, and what one of them needs."""

import numpy as np
import pytest

from pixace.backend.door import jax
from pixace.drawing.batching import batch_size_for, bytes_per_row, pictures_per_batch
from pixace.models.build import build_model, init_model
from pixace.settings.model import ModelConfig
from tests.tools.tiny import TINY


@pytest.mark.parametrize(
    ("n_pictures", "row_bytes", "expected"),
    [
        (1, 1, 1),
        (16, 1, 16),
        (17, 1, 9),  # two batches of 9, not 16 and 1
        (32, 1, 16),
        (100, 1, 15),
        (16, 2**28, 4),  # memory holds four
        (5, 2**28, 3),
        (10, 2**40, 1),  # one must do
    ],
)
def test_pictures_of_a_batch(n_pictures, row_bytes, expected):
    assert pictures_per_batch(n_pictures, row_bytes) == expected


@pytest.mark.parametrize(
    ("n_pictures", "row_bytes", "n_rows", "expected"),
    [(16, 1, 2, 8), (9, 1, 2, 5), (4, 1, 3, 4), (16, 2**28, 2, 2), (5, 1, 20, 1)],
)
def test_memory_counts_rows_of_the_model(n_pictures, row_bytes, n_rows, expected):
    assert pictures_per_batch(n_pictures, row_bytes, n_rows) == expected


def test_few_small_pictures_are_drawn_at_once():
    config = ModelConfig("pixelcnn", **{**TINY, "n_heads": None})
    assert [batch_size_for(n, config, 0) for n in (1, 2, 16, 17)] == [1, 2, 16, 9]


@pytest.mark.slow
def test_a_row_s_bytes_are_mostly_keys_and_values():
    for model_type in ("transformer", "reformer"):
        config = ModelConfig(model_type=model_type, **TINY)
        keys_and_values = 2 * config.n_layers * config.d_model * config.n_pixels * 4
        assert keys_and_values < bytes_per_row(config, 0) < 1.2 * keys_and_values
        assert bytes_per_row(config, 36) > bytes_per_row(config, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model_type", ["pixelcnn", pytest.param("pixelcnn_residual", marks=pytest.mark.long)]
)
def test_a_row_s_bytes_are_what_xla_plans_where_there_is_no_attention(model_type):
    """The same with a prompt, which goes through the same few rows of memory."""
    sizes = {"bitdepth": (2, 1, 2), "d_model": 64, "d_ff": 64, "n_layers": 2}
    config = ModelConfig(model_type, image_size=32, **sizes)
    planned = []
    for batch_size in (4, 12):
        model = build_model(config, "predict")
        init_model(model, batch_size, 1)
        arguments = np.zeros((batch_size, 1), np.int32), model.weights, model.state, model.rng
        step = jax.jit(model.pure_fn).lower(*arguments).compile().memory_analysis()
        planned.append(step.temp_size_in_bytes + step.output_size_in_bytes)
    per_row = (planned[1] - planned[0]) / 8
    assert bytes_per_row(config, 0) == bytes_per_row(config, 500)
    assert bytes_per_row(config, 0) < per_row < 2 * bytes_per_row(config, 0)  # XLA copies some
