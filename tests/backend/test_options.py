"""JAX computes as pixace needs it to, and as the user wants it to before, between and after."""

import os
import subprocess
import sys

import numpy as np
import pytest

import pixace
from pixace.backend.door import computing, each_computing, jax, jnp
from pixace.settings.drawing import DrawingSettings
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

# What scientists and debuggers set. A guard of transfers is heeded by JAX's native code.
USERS = {
    "jax_enable_x64": True,
    "jax_default_prng_impl": "rbg",
    "jax_threefry_partitionable": False,
    "jax_random_seed_offset": 5,
    "jax_default_matmul_precision": "bfloat16",
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_legacy_prng_key": "error",
    "jax_enable_custom_prng": True,
    "jax_debug_nans": True,
    "jax_debug_infs": True,
    "jax_debug_key_reuse": True,
    "jax_check_tracer_leaks": True,
    "jax_transfer_guard_host_to_device": "disallow_explicit",
    "jax_disable_jit": True,
}


@pytest.fixture
def users_options():
    """Sets the options as a notebook does."""
    before = {name: jax.config.values[name] for name in USERS}
    for name, value in USERS.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def numbers() -> np.ndarray:
    """What depends on the generator, its seed, the width of numbers, and on what is allowed."""
    noise = jax.random.uniform(jax.random.PRNGKey(1), (2, 3))
    sums = jnp.log(jnp.zeros(3)) + noise @ jnp.ones((3, 3), jnp.bfloat16) + np.ones(2)[:, None]
    return np.asarray(sums + noise)


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return numbers()


def test_inside_they_are_what_results_depend_on(expected, users_options):
    with computing():
        inside = numbers()
    assert inside.dtype == expected.dtype
    assert inside.tobytes() == expected.tobytes()


def test_outside_they_stay_the_users(users_options):
    def values() -> list:
        return [jax.config._read(name) for name in USERS]

    def steps():
        yield values()
        yield values()

    before = values()
    for inside in each_computing(steps()):
        assert all(one != other for one, other in zip(inside, before, strict=True))
        assert values() == before, "between two steps"
    with pytest.raises(KeyError), computing():
        raise KeyError
    assert values() == before


def test_nothing_is_touched_where_nothing_differs():
    """JAX's own defaults, in any version, are what results depend on."""
    states = jax._src.config.config_states.values()
    before = [state.get_local() for state in states]
    with computing():
        assert all(state.get_local() is one for state, one in zip(states, before, strict=True))


def drawn(weights_dir) -> tuple[bytes, object]:
    predictor = pixace.get_predictor("transformer", weights_dir=weights_dir)
    settings = DrawingSettings.of(batch_size=2, seed=3)
    last = [*predictor.stream(settings)][-1]
    return last.drawing.columns[0].tobytes(), last.drawing.log_likelihood.tolist()


def test_a_notebook_draws_and_measures_the_same(weights_dir, painted, request):
    def measured() -> object:
        return pixace.get_evaluator("transformer", weights_dir=weights_dir).evaluate(
            painted / "val"
        )

    plain = drawn(weights_dir), measured()
    request.getfixturevalue("users_options")
    assert (drawn(weights_dir), measured()) == plain


TRAINING = """
import sys
from tests.conftest import train_tiny
from pathlib import Path
painted, weights_dir = map(Path, sys.argv[1:])
train_tiny(painted, weights_dir, "transformer", "transformer")
"""


@pytest.mark.slow
def test_a_training_comes_to_the_same_weights(painted, weights_dir, tmp_path):
    """Under an environment in which all is otherwise from the first import on."""
    from tests.conftest import assert_same_state

    environment = {name.upper(): str(value) for name, value in USERS.items()}
    subprocess.run(
        [sys.executable, "-c", TRAINING, painted, tmp_path],
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=PATIENCE,
    )
    assert_same_state(tmp_path / "transformer", weights_dir / "transformer")
