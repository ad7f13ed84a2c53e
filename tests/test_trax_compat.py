"""Each mend is shown to be needed by what it makes possible."""

import subprocess
import sys

import numpy as np
import pytest

from pixace.trax_compat import jax, jnp, trax


def test_importing_prints_nothing():
    result = subprocess.run(
        [sys.executable, "-c", "import pixace.trax_compat"], capture_output=True, text=True
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_stderr_works_again_after_the_import():
    code = (
        "import os, pixace.trax_compat; os.write(2, b'native'); import sys; sys.stderr.write('py')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr == "nativepy"


def test_inspect_stack_is_whole_again_after_the_import():
    import inspect

    frame = inspect.stack()[0]
    assert frame.function == "test_inspect_stack_is_whole_again_after_the_import"
    assert frame.code_context is not None


@pytest.mark.parametrize(("pred", "expected"), [(True, 6.0), (False, 3.0)])
def test_cond_takes_the_keywords_of_trax(pred, expected):
    def choose(flag):
        return trax.fastmath.cond(
            pred=flag,
            true_operand=jnp.float32(2),
            true_fun=lambda x: x * 3,
            false_operand=jnp.float32(2),
            false_fun=lambda x: x + 1,
        )

    assert jax.jit(choose)(pred) == expected


def test_stop_gradient_leaves_a_python_int_alone():
    assert isinstance(trax.fastmath.stop_gradient(7), int)
    slope = jax.grad(lambda x: x * trax.fastmath.stop_gradient(x))(3.0)
    assert slope == 3.0


def test_replication_adds_a_leading_axis_for_the_devices():
    copies = trax.layers.for_n_devices((np.ones(3), np.zeros(())), 2)
    assert [copy.shape for copy in copies] == [(2, 3), (2,)]
    assert trax.layers.for_n_devices(5, 1) == 5


def test_tree_unflatten_accepts_trees_of_arrays():
    tree = (np.zeros(2), (), [np.zeros(3), None])
    flat = [np.ones(2), np.ones(3)]
    new, rest = trax.fastmath.tree_unflatten(flat, tree, copy_from_tree=[None, ()])
    assert rest == []
    assert new[1] == () and new[2][1] is None
    np.testing.assert_array_equal(new[0], np.ones(2))
    np.testing.assert_array_equal(new[2][0], np.ones(3))


def test_training_does_not_print_to_stdout(capfd):
    trax.supervised.training._log("progress")
    assert capfd.readouterr().out == ""


def test_a_model_trains_on_several_devices():
    """Two virtual devices, in a process of their own: trax's whole multi-device path runs."""
    code = """
import numpy as np
from pixace.trax_compat import jax, trax
assert jax.local_device_count() == 2
from pixace.config import ModelConfig, TrainingSettings
from pixace.data import Batch
from pixace.loop import build_loop
config = ModelConfig("transformer", 4, (2, 1, 1), 8, 8, 1, 2)
tokens = np.full((4, 16), 3, np.int32)
batch = Batch(tokens, tokens, np.ones(tokens.shape, np.float32))
loop = build_loop(config, TrainingSettings(batch_size=4, learning_rate=0.1), 0, iter([batch] * 9))
loop.run(1)
first = float(loop.loss)
for _ in range(8):
    loop.run(1)
assert loop.loss < first, (first, loop.loss)
"""
    environment = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    import os

    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
