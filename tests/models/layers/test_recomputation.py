"""What recomputing saves. That it changes no result, `test_step` and `test_build` say."""

import functools

import pytest

from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.training.devices import batch_mesh
from pixace.training.step import TrainingStep
from tests.tools.tiny import TINY


@functools.cache
def peak_bytes(model_type: str, recompute: bool, batch_size: int) -> int:
    config = ModelConfig(model_type, **{**TINY, "image_size": 12, "n_layers": 3})
    settings = TrainingSettings(batch_size=batch_size, dropout=0.0, recompute=recompute)
    return TrainingStep(config, settings, batch_mesh()).peak_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "model_type", ["transformer", "pointer", pytest.param("reformer", marks=pytest.mark.long)]
)
def test_recomputing_needs_less_memory(model_type):
    assert peak_bytes(model_type, True, 4) < 0.93 * peak_bytes(model_type, False, 4)


def test_memory_grows_with_the_batch():
    small, large = (peak_bytes("transformer", True, batch_size) for batch_size in (4, 8))
    assert 1.5 * small < large < 2 * small, "activations do, weights do not"
