"""One step of training: the gradient of plain trax, in whichever way it is computed."""

import functools
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from pixace.backend.door import jax, jnp, trax
from pixace.dataset.batches import Batch
from pixace.models.weights import flat_weights
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import ATTENTION_TYPES
from pixace.settings.training import TrainingSettings
from pixace.tokens.text import N_TEXT_TOKENS
from pixace.tokens.vocabulary import token_count
from pixace.training.devices import batch_mesh
from pixace.training.step import TrainingState, TrainingStep
from tests.conftest import FAST_TO_COMPILE, POINTER_TOO
from tests.tools.plain_trax import plain_model
from tests.tools.tiny import TINY

N_STEPS = 3
BATCH_SIZE = 4
TOLD = "pointer told"  # a model that knows words
B1 = 0.9  # of Adam: its first moment after one step is a tenth of the gradient

RECOMPUTING_IN_PASSES = {"recompute": True, "accumulate": 2}


def config_of(kind: str) -> ModelConfig:
    model_type, *told = kind.split()
    return ModelConfig(model_type, **TINY, caption_length=5 if told else None)


def settings_of(**changes) -> TrainingSettings:
    defaults = {"batch_size": BATCH_SIZE, "dropout": 0.0, "recompute": False}
    return TrainingSettings(**{**defaults, **changes})


def batch_of(step: int, kind: str = "transformer") -> Batch:
    config, rng = config_of(kind), np.random.default_rng(step)
    high = token_count(config.bitdepth)
    shape = (BATCH_SIZE, config.n_pixels)
    batch = Batch(rng.integers(2, high, shape).astype(np.int32))
    if config.caption_length is None:
        return batch
    captions = rng.integers(0, N_TEXT_TOKENS, (BATCH_SIZE, config.caption_length))
    return batch._replace(captions=captions.astype(np.int32))


@functools.cache
def initial_state(model_type: str) -> TrainingState:
    """Returns NumPy arrays, as a step uses up those that it is given."""
    step = TrainingStep(config_of(model_type), settings_of(), batch_mesh())
    return jax.tree.map(np.array, step.initial_state(0))


@functools.cache
def trained(model_type: str, **changes):
    """Trains for some steps; returns the loss of each, and the states before and after each."""
    step = TrainingStep(config_of(model_type), settings_of(**changes), batch_mesh())
    losses, states = [], [initial_state(model_type)]
    for number in range(1, N_STEPS + 1):
        batch = batch_of(number, model_type)
        state, loss = step(step.placed(states[-1]), number, 0.003, batch)
        losses.append(float(loss))
        states.append(jax.tree.map(np.array, state))
    return losses, states


def plain_gradients(model_type: str, loss_weights: np.ndarray):
    """Returns trax's loss of the first batch, and its gradients in the order of the weights."""
    model = plain_model(config_of(model_type), "train")
    with_loss = trax.layers.Serial(model, trax.layers.WeightedCategoryCrossEntropy())
    tokens = batch_of(1).tokens
    batch = tokens, tokens, loss_weights.astype(np.float32)
    with_loss.init(trax.shapes.signature(batch))
    state, key = with_loss.state, jax.random.PRNGKey(0)

    def loss(weights):
        return with_loss.pure_fn(batch, (weights, ()), state, key)[0]

    weights = initial_state(model_type).weights
    value, gradients = jax.jit(jax.value_and_grad(loss))(weights)
    return float(value), flat_weights(gradients)


@functools.cache
def unweighted_gradients(model_type: str):
    return plain_gradients(model_type, np.ones(batch_of(1).tokens.shape))


@pytest.mark.parametrize("way", [{}, pytest.param(RECOMPUTING_IN_PASSES, marks=pytest.mark.slow)])
@pytest.mark.parametrize("model_type", ATTENTION_TYPES)
def test_loss_and_gradients_are_those_of_plain_trax(model_type, way):
    losses, states = trained(model_type, **way)
    loss, gradients = unweighted_gradients(model_type)
    assert losses[0] == pytest.approx(loss, rel=1e-5)
    moments = jax.tree.leaves(states[1].slots)[::2]
    for moment, gradient in zip(moments, gradients, strict=True):
        np.testing.assert_allclose(moment / (1 - B1), gradient, rtol=1e-4, atol=1e-6)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def assert_same_weights(states, other_states) -> None:
    weights, others = (flat_weights(after[-1].weights) for after in (states, other_states))
    for array, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(other, array, atol=1e-5)


@pytest.mark.parametrize("model_type", [*ATTENTION_TYPES, "pointer", TOLD])
def test_recomputing_in_passes_leads_to_the_same_weights(model_type):
    losses, states = trained(model_type)
    other_losses, other_states = trained(model_type, **RECOMPUTING_IN_PASSES)
    np.testing.assert_allclose(other_losses, losses, rtol=1e-5)
    before, after = (flat_weights(states[number].weights)[0] for number in (0, -1))
    assert np.abs(after - before).max() > 0.005, "they have moved"
    assert_same_weights(states, other_states)


def weighted(weights: np.ndarray, **changes):
    """Does the first step of the transformer with loss weights (B, L); returns loss and state."""
    step = TrainingStep(config_of("transformer"), settings_of(**changes), batch_mesh())
    state, loss = step(
        step.placed(initial_state("transformer")),
        1,
        0.003,
        batch_of(1)._replace(weights=weights.astype(np.float32)),
    )
    return float(loss), jax.tree.map(np.array, state)


def gradients_of(state: TrainingState) -> list[np.ndarray]:
    """Returns the gradients of the first step, from Adam's first moments after it."""
    return [moment / (1 - B1) for moment in jax.tree.leaves(state.slots)[::2]]


def test_a_batch_without_captions_is_of_pictures_without_words():
    step = TrainingStep(config_of(TOLD), settings_of(), batch_mesh())
    plain = batch_of(1)
    pads = np.zeros_like(batch_of(1, TOLD).captions)
    losses = [
        float(step(step.placed(initial_state(TOLD)), 1, 0.003, batch)[1])
        for batch in (plain, plain._replace(captions=pads), batch_of(1, TOLD))
    ]
    assert losses[0] == losses[1] != losses[2]


def test_weights_of_one_are_as_good_as_none():
    """But for rounding: it is another program."""
    losses, states = trained("transformer")
    loss, state = weighted(np.ones(batch_of(1).tokens.shape))
    assert loss == pytest.approx(losses[0], rel=1e-6)
    for one, two in zip(gradients_of(state), gradients_of(states[1]), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("way", [{}, {"accumulate": 2}])
def test_tokens_that_weigh_nothing_drop_out_of_loss_and_gradient(way):
    """Those of the last picture, and of one half of another: the passes have unequal weights."""
    weights = np.ones(batch_of(1).tokens.shape)
    weights[2, 18:] = weights[3] = 0
    loss, state = weighted(weights, **way)
    expected, gradients = plain_gradients("transformer", weights)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert loss != pytest.approx(trained("transformer")[0][0], rel=1e-3), "it is another mean"
    for one, two in zip(gradients_of(state), gradients, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_the_measure_of_the_weights_does_not_count():
    weights = np.random.default_rng(0).uniform(0, 1, batch_of(1).tokens.shape)
    loss, state = weighted(weights)
    other_loss, other_state = weighted(1000 * weights)
    assert other_loss == pytest.approx(loss, rel=1e-5)
    for one, two in zip(gradients_of(state), gradients_of(other_state), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_a_batch_in_which_nothing_counts_has_no_gradient():
    """Rather than one of 0 / 0."""
    loss, state = weighted(np.zeros(batch_of(1).tokens.shape))
    assert loss == 0
    assert not any(gradient.any() for gradient in gradients_of(state))


@pytest.mark.parametrize("model_type", [*POINTER_TOO, TOLD])
def test_half_precision_is_close_and_weights_stay_whole(model_type):
    """bfloat16 rounds each activation by 1/256 at the most; sums of many stray less than that."""
    losses, states = trained(model_type)
    half_losses, half_states = trained(model_type, precision="bfloat16", recompute=True)
    np.testing.assert_allclose(half_losses, losses, rtol=0.01)
    assert half_losses != losses
    for leaf in jax.tree.leaves((half_states[-1].weights, half_states[-1].slots)):
        assert leaf.dtype == np.float32
    weights = flat_weights(half_states[-1].weights)[0]
    assert (weights != weights.astype(jnp.bfloat16)).any(), "no mere copy of rounded weights"
    ours, others = (
        np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(states[1].slots)[::2]])
        for states in (states, half_states)
    )
    assert np.linalg.norm(ours - others) < 0.05 * np.linalg.norm(ours)


@pytest.mark.parametrize("model_type", POINTER_TOO)
def test_what_is_recomputed_was_dropped_before(model_type):
    """The way back meets the noise of the way forward."""
    losses, states = trained(model_type, dropout=0.3)
    other_losses, other_states = trained(model_type, dropout=0.3, recompute=True)
    without, _ = trained(model_type)
    assert np.abs(np.subtract(losses, without)).min() > 1e-3
    np.testing.assert_allclose(other_losses, losses, rtol=1e-5)
    assert_same_weights(states, other_states)


SEVERAL_DEVICES = """
import itertools, json, pickle, sys
import numpy as np
from pixace.training.devices import batch_mesh
from pixace.errors import UsageError
from pixace.training.learner import Learner
from pixace.training.memory import fitting_step
from pixace.training.step import TrainingStep
from pixace.backend.door import jax
from tests.training.test_step import N_STEPS, batch_of, config_of, settings_of
assert batch_mesh().size == len(jax.devices()) == 4
changes, initial_states = pickle.load(sys.stdin.buffer)
mesh = jax.sharding.Mesh(np.array(jax.devices()[:2]), ("batch",))
for model_type, initial_state in initial_states.items():
    step = TrainingStep(config_of(model_type), settings_of(**changes), mesh)
    state, losses = step.placed(initial_state), []
    for number in range(1, N_STEPS + 1):
        state, loss = step(state, number, 0.003, batch_of(number, model_type))
        losses.append(float(loss))
    print(json.dumps(losses))
weights = np.linspace(0, 1, batch_of(1).tokens.size).reshape(batch_of(1).tokens.shape)
weighted = batch_of(1)._replace(weights=weights.astype(np.float32))
print(float(step(step.placed(initial_state), 1, 0.003, weighted)[1]))

config, batch = config_of("reformer"), batch_of(1)
settings = settings_of(dropout=0.1, learning_rate=0.03, warmup_steps=1)
loop = Learner(config, settings, 0, itertools.repeat(batch))
loop.advance()
first = float(loop.loss)
for _ in range(8):
    loop.advance()
print(json.dumps([first, float(loop.loss)]))

for changes in {"batch_size": 6}, {"batch_size": 4, "accumulate": 2}:
    try:
        fitting_step(config, settings_of(**changes), 10**9, n_images=20)
    except UsageError as error:
        print(error)
"""


def test_several_devices_do_what_one_does():
    """Four virtual ones, in a process of their own; the first test takes two of them."""
    kinds = ("pointer", TOLD, "transformer")
    result = subprocess.run(
        [sys.executable, "-c", SEVERAL_DEVICES],
        input=pickle.dumps(({"accumulate": 2}, {kind: initial_state(kind) for kind in kinds})),
        env={
            **os.environ,
            "XLA_FLAGS": f"{FAST_TO_COMPILE} --xla_force_host_platform_device_count=4",
        },
        capture_output=True,
    )
    assert result.returncode == 0, result.stderr.decode()
    lines = result.stdout.decode().splitlines()
    for losses, kind in zip(lines, kinds, strict=False):
        np.testing.assert_allclose(json.loads(losses), trained(kind)[0], rtol=1e-5)
    loss, with_dropout, *messages = lines[len(kinds) :]
    shape = batch_of(1).tokens.shape
    expected, _ = weighted(np.linspace(0, 1, np.prod(shape)).reshape(shape))
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    first, last = json.loads(with_dropout)
    assert last < 0.9 * first
    assert messages == [
        "batch_size must be a multiple of 4 (devices times passes), not 6",
        "batch_size must be a multiple of 8 (devices times passes), not 4",
    ]
