import numpy as np
import pytest

from pixace.backend.types import ArrayTree
from pixace.insight.receptive_field import receptive_field
from pixace.models.build import model_with_weights
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES, has_setting
from tests.conftest import TRANSFORMER_AND_SLOWLY_REFORMER
from tests.tools.random_arrays import random_arrays

EDGE = 7


def random_weights(config: ModelConfig) -> ArrayTree:
    return model_with_weights(config, "eval", random_arrays(config), 1).weights


def seen_from(pixel: int, model_type: str, **sizes) -> np.ndarray:
    """Returns which pixels (E, E) a model with random weights looks at for one pixel."""
    settings = {"image_size": EDGE, "bitdepth": [2, 1, 2], "d_model": 16, "d_ff": 16}
    if has_setting(model_type, "n_heads"):
        settings["n_heads"] = 2
    config = ModelConfig.from_dict({**settings, "model_type": model_type, "n_layers": 2, **sizes})
    tokens = np.random.default_rng(0).integers(2, 34, config.n_pixels).astype(np.int32)
    lengths = receptive_field(config, random_weights(config), tokens, pixel)
    return lengths.reshape(EDGE, EDGE) > 0


EDGES = 0, 1, EDGE * EDGE - 1


@pytest.mark.parametrize(
    ("model_type", "pixel"),
    [
        *((model_type, 24) for model_type in MODEL_TYPES),
        *(
            # Each edge with one type or two; `make test-long` tries them all.
            pytest.param(
                model_type, edge, marks=pytest.mark.long if (i - j) % 3 else pytest.mark.slow
            )
            for i, model_type in enumerate(MODEL_TYPES)
            for j, edge in enumerate(EDGES)
        ),
    ],
)
def test_a_pixel_is_told_by_earlier_ones_alone(model_type, pixel):
    seen = seen_from(pixel, model_type).ravel()
    assert not seen[pixel:].any(), "exactly zero at the pixel and after it"
    assert seen[pixel - 1] or pixel == 0


def test_so_it_is_where_colours_are_told_by_their_factors():
    seen = seen_from(24, "pointer", bitdepth=[5, 4, 4]).ravel()
    assert seen[:24].all()
    assert not seen[24:].any()


@pytest.mark.parametrize("model_type", TRANSFORMER_AND_SLOWLY_REFORMER)
def test_attention_sees_every_earlier_pixel(model_type):
    assert seen_from(24, model_type).ravel()[:24].all()


def test_the_gated_pixelcnn_sees_every_earlier_pixel_within_reach():
    """No blind spot: with one layer that reaches one pixel, or two that reach two."""
    for n_layers in (1, 2):
        seen = seen_from(24, "pixelcnn", kernel_size=3, n_layers=n_layers)
        expected = np.zeros((EDGE, EDGE), bool)
        reach = slice(3 - n_layers, 3 + n_layers + 1)
        expected[3 - n_layers : 3, reach] = True
        expected[3, 3 - n_layers : 3] = True
        np.testing.assert_array_equal(seen, expected)


def test_the_residual_pixelcnn_has_a_blind_spot():
    """Which is what the gated one is for: nothing to the right, below the first kernel's wedge."""
    seen = seen_from(6 * EDGE, "pixelcnn_residual", kernel_size=3, n_layers=2)
    assert seen[3:6, :4].all(), "the kernel of 7 x 7 around it"
    assert not seen[5, 4:].any(), "beyond its reach in the row above"
    assert seen[1:3].any(), "further layers reach further up"


def test_the_gradient_is_a_length():
    sizes = {"image_size": 3, "bitdepth": [1, 1, 1], "d_model": 8, "d_ff": 8, "n_layers": 1}
    config = ModelConfig.from_dict({"model_type": "pixelcnn", **sizes})
    lengths = receptive_field(config, random_weights(config), np.full(9, 2, np.int32), 8)
    assert lengths.shape == (9,)
    assert np.isfinite(lengths).all()
    assert (lengths >= 0).all()


@pytest.mark.parametrize("bitdepth", [[1, 1, 1], [5, 4, 4]])
def test_it_is_measured_around_the_picture(bitdepth):
    """What a model looks at depends on what is there, however its colours are told."""
    sizes = {"image_size": 3, "d_model": 8, "d_ff": 8, "n_layers": 1, "n_heads": 2}
    config = ModelConfig.from_dict({"model_type": "pointer", "bitdepth": bitdepth, **sizes})
    weights = random_weights(config)
    one, other = (
        receptive_field(config, weights, np.full(9, token, np.int32), 8) for token in (2, 5)
    )
    assert np.abs(one - other).max() > 1e-3 * one.max()
