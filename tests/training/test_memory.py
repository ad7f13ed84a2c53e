"""What fits into memory, by the plans of XLA."""

import dataclasses
import math
import re

import numpy as np
import pytest

from pixace.errors import PixaceError, UsageError
from pixace.models.build import weight_shapes
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES
from pixace.settings.training import TrainingSettings
from pixace.training.memory import (
    MemoryNeeds,
    advice_to_halve,
    divisible_batch,
    fitting_step,
)
from tests.tools.tiny import TINY

# Large enough for activations to outweigh all else.
SIZES = {"image_size": 12, "n_layers": 1, "d_ff": 128, "model_type": "transformer"}
CONFIG = ModelConfig(**{**TINY, **SIZES})
SETTINGS = TrainingSettings(batch_size=8)


@pytest.fixture(scope="module")
def needs():
    return MemoryNeeds(CONFIG, SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize("recompute", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_estimate_is_near_what_xla_plans(needs, recompute):
    """Near only, for so small a model: some positions are computed in chunks of a fixed size."""
    estimated = needs.estimate(recompute)(48)
    assert estimated == pytest.approx(needs.peak_bytes(48, recompute), rel=0.2)


@pytest.mark.slow
def test_the_largest_batch_fits_and_a_larger_one_does_not(needs):
    memory = needs.peak_bytes(16, recompute=True)
    largest = needs.largest(memory, recompute=True)
    assert needs.peak_bytes(largest, recompute=True) <= memory
    assert needs.peak_bytes(largest + 5, recompute=True) > memory
    assert needs.largest(1000, recompute=True) == 0


@pytest.mark.slow
def test_activations_are_kept_where_they_fit_and_else_recomputed(needs):
    kept, recomputed = (needs.peak_bytes(16, recompute) for recompute in (False, True))
    assert recomputed < kept
    assert needs.fitting(16, None, kept, n_images=100) == (16, False)
    assert needs.fitting(16, None, kept - 1, n_images=100) == (16, True)
    assert needs.fitting(16, True, kept, n_images=100) == (16, True)


@pytest.mark.slow
def test_a_batch_that_does_not_fit_is_refused_with_one_that_does(needs):
    memory = needs.peak_bytes(16, recompute=True) - 1
    wanted = r"a step with 16 pictures needs .*; try --batch_size=(\d+), or --accumulate"
    with pytest.raises(PixaceError, match=wanted) as caught:
        needs.fitting(16, None, memory, n_images=100)
    advised = int(re.search(wanted, str(caught.value))[1])
    assert needs.fitting(advised, None, memory, n_images=100)[0] == advised
    with pytest.raises(PixaceError, match="try a smaller model"):
        needs.fitting(16, None, 1000, n_images=100)
    with pytest.raises(PixaceError, match="try a smaller model"):
        needs.fitting("auto", None, 1000, n_images=100)


@pytest.mark.slow
def test_auto_takes_the_largest_but_no_picture_twice(needs):
    memory = needs.peak_bytes(16, recompute=True)
    size, recompute = needs.fitting("auto", None, memory, n_images=1000)
    assert size == needs.largest(memory, recompute=True) >= 12
    assert recompute
    assert needs.fitting("auto", None, memory, n_images=4) == (4, False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model_type", ["pixelcnn", pytest.param("pixelcnn_residual", marks=pytest.mark.long)]
)
def test_convolutions_need_less_where_they_are_computed_twice(model_type):
    sizes = {"image_size": 12, "bitdepth": (2, 1, 2), "d_model": 16, "d_ff": 16, "n_layers": 3}
    needs = MemoryNeeds(ModelConfig(model_type, **sizes), SETTINGS)
    assert needs.peak_bytes(16, recompute=True) < 0.8 * needs.peak_bytes(16, recompute=False)


def test_passes_divide_what_a_step_needs():
    whole, divided = (
        MemoryNeeds(CONFIG, TrainingSettings(batch_size=16, accumulate=n)).peak_bytes(16, False)
        for n in (1, 4)
    )
    assert divided < whole / 2


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_giant_is_refused_before_it_is_compiled(model_type):
    giant = ModelConfig.from_dict({"model_type": model_type, "n_layers": 3, "image_size": 1})
    n_bytes = 12 * sum(math.prod(array.shape) for array in weight_shapes(giant))
    with pytest.raises(PixaceError, match="weights and optimiser of .* try a smaller model"):
        fitting_step(giant, SETTINGS, n_bytes - 1, 10)
    largest = {"d_model": 8192, "d_ff": 65536, "n_layers": 128, "image_size": 256}
    with pytest.raises(PixaceError, match="weights and optimiser"):
        fitting_step(dataclasses.replace(giant, **largest), SETTINGS, 2**36, 10)


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"batch_size": 16}, "--batch_size=8 needs about half (see: pixace plan)"),
        ({"batch_size": 6}, "--batch_size=3 needs about half (see: pixace plan)"),
        ({"batch_size": 12, "accumulate": 4}, "--batch_size=4 needs about half (see: pixace plan)"),
        ({"batch_size": 4, "accumulate": 4}, "try a smaller model"),
        ({"batch_size": 1}, "try a smaller model"),
    ],
)
def test_half_of_a_batch_is_still_a_multiple_of_the_smallest(settings, advice):
    said = advice_to_halve(TrainingSettings(**settings))
    assert said == f"all up to the last checkpoint is kept; {advice}"


@pytest.fixture
def three_devices(monkeypatch):
    """As many as the batch is divided among; nothing is computed on them."""
    monkeypatch.setattr("pixace.training.memory.batch_mesh", lambda: np.empty(3))


@pytest.mark.parametrize(
    ("changes", "size"),
    [({}, 15), ({"accumulate": 2}, 12), ({"batch_size": 2}, 3), ({"batch_size": "auto"}, "auto")],
)
def test_a_default_batch_suits_the_devices(three_devices, changes, size):
    settings = TrainingSettings(**changes)
    expected = dataclasses.replace(settings, batch_size=size)
    assert divisible_batch(settings, is_named=False) == expected
    assert divisible_batch(expected, is_named=True) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "batch_size=16 cannot be divided among 3 devices; name 15 or 18"),
        ({"batch_size": 2}, "batch_size=2 cannot be divided among 3 devices; name 3"),
        ({"accumulate": 2}, "=16 cannot be divided among 3 devices and 2 passes; name 12 or 18"),
    ],
)
def test_a_named_batch_that_does_not_is_refused(three_devices, changes, message):
    with pytest.raises(UsageError, match=f"{message}$"):
        divisible_batch(TrainingSettings(**changes), is_named=True)
