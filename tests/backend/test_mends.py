"""Each mend is shown to be needed by what it makes possible."""

import numpy as np
import pytest

from pixace.backend.door import jax, jnp, trax
from tests.whole.test_import_direction import SOURCES, own_imports


@pytest.mark.parametrize("name", ["backend.mends", "backend.programs"])
def test_who_would_import_trax_in_any_other_way_goes_through_the_door(name):
    assert {other for other in SOURCES if name in own_imports(other)} == {"backend.door"}


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
