"""Our loop beside trax's own: the same start, the same steps."""

import itertools
import math

import numpy as np
import pytest

from pixace.backend.door import jax, trax
from pixace.dataset.batches import Batch, training_batches
from pixace.dataset.reading import load_images
from pixace.models.weights import flat_weights
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import ATTENTION_TYPES
from pixace.settings.training import PRECISIONS, TrainingSettings
from pixace.tokens.vocabulary import token_count
from pixace.training.devices import batch_mesh
from pixace.training.learner import Learner
from pixace.training.step import TrainingStep
from tests.conftest import POINTER_TOO, TRANSFORMER_AND_SLOWLY_REFORMER
from tests.tools.plain_trax import plain_model
from tests.tools.tiny import TINY

SETTINGS = {"batch_size": 4, "learning_rate": 0.01, "warmup_steps": 5, "recompute": False}


def batches(config: ModelConfig, n_different: int):
    """Yields as many batches of random tokens, again and again."""
    rng = np.random.default_rng(0)
    shape = (n_different, SETTINGS["batch_size"], config.n_pixels)
    tokens = rng.integers(2, token_count(config.bitdepth), shape).astype(np.int32)
    return itertools.cycle(map(Batch, tokens))


class PlainLoop(trax.supervised.training.Loop):
    """trax's loop over trax's models, which remembers its losses."""

    def __init__(self, config: ModelConfig, settings: TrainingSettings, seed: int, data):
        self.losses = []
        labeled_data = ((tokens, tokens, np.ones(tokens.shape, np.float32)) for tokens, *_ in data)
        schedule = trax.lr.multifactor(
            constant=settings.learning_rate * math.sqrt(settings.warmup_steps),
            warmup_steps=settings.warmup_steps,
        )
        super().__init__(
            plain_model(config, "train", settings.dropout),
            trax.supervised.training.TrainTask(
                labeled_data,
                trax.layers.WeightedCategoryCrossEntropy(),
                trax.optimizers.Adam(),
                lr_schedule=schedule,
                sample_batch=next(labeled_data),
            ),
            eval_model=plain_model(config, "eval"),
            random_seed=seed,
        )

    def _run_one_step(self, task_index, task_changed):
        loss, stats = super()._run_one_step(task_index, task_changed)
        self.losses.append(float(loss))
        return loss, stats


def losses_of(loop: Learner, n_steps: int) -> list[float]:
    losses = []
    for _ in range(n_steps):
        loop.advance()
        losses.append(float(loop.loss))
    return losses


def assert_all_close(arrays, others, tolerance: float) -> None:
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_allclose(array, other, atol=tolerance)


@pytest.mark.parametrize("model_type", TRANSFORMER_AND_SLOWLY_REFORMER)
def test_it_starts_and_trains_as_trax_s_loop_does(model_type):
    """Without dropout every step is the same; rounding alone differs."""
    config = ModelConfig(model_type, **TINY)
    settings = TrainingSettings(**SETTINGS, dropout=0.0)
    plain = PlainLoop(config, settings, 7, batches(config, 11))
    data = batches(config, 11)
    next(data)  # trax's loop has taken one to look at
    ours = Learner(config, settings, 7, data)
    expected = flat_weights(plain.model.weights)
    assert_all_close(flat_weights(ours.weights), expected, 1e-6)

    plain.run(10)
    np.testing.assert_allclose(losses_of(ours, 10), plain.losses, rtol=1e-5)
    state = ours.capture()
    assert state.step == plain.step == 10
    trained = flat_weights(plain.model.weights)
    assert np.abs(expected[0] - trained[0]).max() > 0.01, "it has trained"
    assert_all_close(state.weights, trained, 1e-4)
    slots = trax.fastmath.tree_flatten(plain._trainer_per_task[0].slots)
    assert_all_close(state.slots, slots, 1e-6)
    np.testing.assert_array_equal(state.resume.rng, plain._rng)


def test_no_second_copy_of_the_weights_is_kept():
    """Only shapes: the arrays belong to the steps, which use their memory again."""
    config = ModelConfig("transformer", **TINY)
    loop = Learner(config, TrainingSettings(**SETTINGS), 0, batches(config, 1))
    kept = jax.tree.leaves(loop.eval_model.weights)
    assert len(kept) == len(flat_weights(loop.weights))
    assert not any(isinstance(leaf, jax.Array) for leaf in kept)


@pytest.mark.slow
def test_dropout_hinders_as_much_as_trax_s():
    """Two batches learnt by heart: without dropout the loss would be lower by 0.8 and more.

    The noise is another one. The difference of two trainings' mean losses strays by 0.04 (measured
    with six seeds); of two such pairs the mean by 0.03; a rate of 0.12 would make it 0.1.
    """
    config = ModelConfig("reformer", **TINY)
    settings = TrainingSettings(**{**SETTINGS, "learning_rate": 0.02}, dropout=0.1)
    one_step = TrainingStep(config, settings, batch_mesh())
    differences = []
    for seed in range(2):
        plain = PlainLoop(config, settings, seed, batches(config, 2))
        plain.run(80)
        ours = Learner(config, settings, seed, batches(config, 2), one_step)
        differences.append(np.mean(losses_of(ours, 80)[20:]) - np.mean(plain.losses[20:]))
    assert abs(np.mean(differences)) < 0.1


@pytest.mark.parametrize("model_type", POINTER_TOO)
def test_bfloat16_learns_as_float32_does(painted, model_type):
    """The same steps but for 8 bits of mantissa; weights and optimiser stay float32."""
    config = ModelConfig(model_type, **TINY)
    tokens = load_images(painted / "train", config).tokens
    curves = {}
    for precision in PRECISIONS:
        settings = TrainingSettings(**SETTINGS, dropout=0.0, precision=precision)
        loop = Learner(config, settings, 0, training_batches(tokens, 4, 0))
        curves[precision] = np.array(losses_of(loop, 60))
        assert {array.dtype for array in loop.capture().weights} == {np.dtype(np.float32)}
    full, half = curves["float32"], curves["bfloat16"]
    assert full[-10:].mean() < 0.7 * full[0], "it has learnt"
    assert (full != half).any()
    np.testing.assert_allclose(half, full, rtol=0.1)
    assert half[-10:].mean() == pytest.approx(full[-10:].mean(), rel=0.02)


@pytest.mark.long
@pytest.mark.parametrize("model_type", ATTENTION_TYPES)
def test_200_steps_with_dropout_learn_as_trax_s_do(painted, model_type):
    """Three seeds each on real pictures; the loss curves, in windows, differ as seeds differ."""
    config = ModelConfig(model_type, **{**TINY, "d_model": 32, "n_layers": 2})
    settings = TrainingSettings(**SETTINGS, dropout=0.1)
    one_step = TrainingStep(config, settings, batch_mesh())
    tokens = load_images(painted / "train", config).tokens
    curves = []
    for seed in range(3):
        plain = PlainLoop(config, settings, seed, training_batches(tokens, 4, seed))
        plain.run(200)
        data = training_batches(tokens, 4, seed)
        next(data)  # trax's loop has taken one to look at
        ours = losses_of(Learner(config, settings, seed, data, one_step), 200)
        curves.append([np.reshape(curve, (8, 25)).mean(axis=1) for curve in (ours, plain.losses)])
    ours, plain = np.moveaxis(np.array(curves), 1, 0)
    assert (plain[:, -1] < 0.6 * plain[:, 0]).all(), "it has learnt"
    noise = np.concatenate([ours - ours.mean(axis=0), plain - plain.mean(axis=0)]).std()
    differences = (ours - plain).mean(axis=0)
    assert np.abs(differences).max() < 3 * noise, (differences, noise)
    assert abs(differences.mean()) < noise, (differences, noise)
