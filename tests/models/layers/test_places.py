"""Places of tokens, the same for all rows or one for each."""

import numpy as np

from pixace.backend.door import jnp
from pixace.models.layers.places import next_places, written


def test_the_next_places():
    assert next_places(3, 2).tolist() == [3, 4]
    assert next_places(jnp.asarray([3, 0]), 2).tolist() == [[3, 4], [0, 1]]


def test_what_is_written_stands_at_its_place():
    """Of two rows of two parts each; only the new tokens change."""
    memory, new = jnp.zeros((4, 6, 1)), jnp.arange(1, 9.0).reshape(4, 2, 1)
    same = np.asarray(written(memory, new, jnp.asarray(3)))[..., 0]
    assert same[1].tolist() == [0, 0, 0, 3, 4, 0]
    own = np.asarray(written(memory, new, jnp.asarray([4, 0])))[..., 0]
    assert own.tolist() == [
        [0, 0, 0, 0, 1, 2],
        [0, 0, 0, 0, 3, 4],
        [5, 6, 0, 0, 0, 0],
        [7, 8, 0, 0, 0, 0],
    ]
