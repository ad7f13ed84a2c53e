"""What trax 1.4.1 (2021) needs to work with the JAX of today, mended from outside.

Each mend says why, and with which version it was seen to be needed, so that it can go when it is
needed no more. For `door` alone to import, once it has imported trax as it should be.
"""

from __future__ import annotations

import functools
import importlib
import logging
import sys
from typing import Any

import jax
import jax.numpy as jnp
import trax


def mend_trax() -> None:
    """Does all of the mends below."""
    for mend in (
        _mend_cond,
        _mend_stop_gradient,
        _let_matrices_multiply,
        _mend_pinning,
        _mend_tree_unflatten,
        _mend_signatures,
        _mend_host_count,
        _mend_printing,
    ):
        mend()


def _mend_cond() -> None:
    """`lax.cond` by position: JAX takes trax's keywords no more (JAX 0.10).

    trax's Reformer calls it in mode predict.
    """

    def cond(
        pred: Any, true_operand: Any, true_fun: Any, false_operand: Any, false_fun: Any
    ) -> Any:
        return jax.lax.cond(
            pred,
            lambda operands: true_fun(operands[0]),
            lambda operands: false_fun(operands[1]),
            (true_operand, false_operand),
        )

    trax.fastmath.jax.JAX_BACKEND["cond"] = cond


def _mend_stop_gradient() -> None:
    """`stop_gradient` of a Python int stays one, of which JAX makes a number of its own (JAX 0.10).

    trax's Reformer hands it to `arange` in mode predict.
    """

    def stop_gradient(x: Any) -> Any:
        return x if isinstance(x, int) else jax.lax.stop_gradient(x)

    trax.fastmath.jax.JAX_BACKEND["stop_gradient"] = stop_gradient


def _let_matrices_multiply() -> None:
    """`dot` lets a matrix that knows a faster product do it: see
    `pixace.models.layers.block_matrices`.

    trax 1.4.1 multiplies arrays only.
    """

    class Numpy:
        def __getattr__(self, name: str) -> Any:
            return getattr(jnp, name)

        @staticmethod
        def dot(x: Any, y: Any) -> Any:
            return y.left_product(x) if hasattr(y, "left_product") else jnp.dot(x, y)

    trax.fastmath.jax.JAX_BACKEND["np"] = Numpy()


def _mend_pinning() -> None:
    """Leaves the optimiser's arrays where the weights are, instead of pinning them to the CPU.

    `optimizers.Trainer` puts them `on_cpu`. Current JAX runs a compiled function where its pinned
    arguments are: beside a GPU, trax's whole training step would run on the CPU (JAX 0.10). Our own
    step does without that trainer; comparisons with plain trax do not.
    """
    trax.layers.on_cpu = lambda x: x


def _mend_tree_unflatten() -> None:
    """Compares by `is` and by type: `array in [None, ()]` fails (JAX 0.10).

    Without it plain trax resumes no checkpoint (google/trax issues 1770 and 1790).
    """
    # By name: the attribute `trax.fastmath.numpy` is the dispatching NumPy, not this module.
    module = importlib.import_module("trax.fastmath.numpy")
    original = module.tree_unflatten

    @functools.wraps(original)
    def tree_unflatten(flat: Any, tree: Any, copy_from_tree: Any = None) -> Any:
        if copy_from_tree is not None and not isinstance(tree, list | tuple | dict | type(None)):
            return flat[0], flat[1:]
        return original(flat, tree, copy_from_tree=copy_from_tree)

    # The recursion inside trax looks the name up in its module, so it passes through here too.
    module.tree_unflatten = tree_unflatten  # type: ignore[attr-defined]
    trax.fastmath.tree_unflatten = tree_unflatten


def _mend_signatures() -> None:
    """Does not import TensorFlow to find that a shape or a dtype is none of TensorFlow's.

    trax 1.4.1 asks each of them; TensorFlow 2.21 takes seconds to import.
    """

    class Types:
        def __getattr__(self, name: str) -> Any:
            return getattr(sys.modules.get("tensorflow"), name, ())  # nothing is an instance of ()

    trax.shapes.tf = trax.layers.core.tf = Types()


def _mend_host_count() -> None:
    """`jax.host_count` under its present name: JAX 0.10 warns of the old one at every start."""
    jax.host_count = jax.process_count  # type: ignore[attr-defined]


def _mend_printing() -> None:
    """Sends trax's progress to its log: trax 1.4.1 prints to stdout, where our results go."""

    def log(message: str, stdout: bool = True) -> None:
        del stdout
        logging.getLogger("trax").debug(message)

    trax.supervised.training._log = log
