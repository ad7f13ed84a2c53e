"""The one door to trax: imports trax 1.4.1 quietly and mends it for current JAX.

trax 1.4.1 (2021) is used unmodified from the package index. Whatever no longer fits the JAX of
today is mended here, from outside, and nowhere else; each mend says why and which version needs
it. Other modules write `from pixace.backend.door import trax`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import io
import logging
import os
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

from pixace.backend.compilation_cache import open_cache
from pixace.backend.lazy_imports import deferred_imports, resolve
from pixace.errors import PixaceError
from pixace.system.limits import THREADS_OF_XLA, require_addresses, require_threads
from pixace.system.signals import signals_held_back

# Read by TensorFlow's and XLA's native code once they are loaded: 3 lets only fatal messages
# through. A user who set the variable keeps their choice.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keeps the import's chatter off the terminal.

    gym and Python's warnings write to `sys.stderr`, TensorFlow's native code writes its first
    lines straight to file descriptor 2 whatever the log level (TensorFlow 2.21).
    """
    if sys.stderr is None:  # closed by the caller
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        with (
            signals_held_back(),
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(devnull)


@contextlib.contextmanager
def _cheap_stack() -> Iterator[None]:
    """Makes `inspect.stack` return bare frames while trax is imported.

    `trax.layers.assert_shape` calls `inspect.stack()[1][0]` in each of its decorators, and the
    real function reads the source of every module on the stack: 28 of the 36 s that a plain
    `import trax` takes (trax 1.4.1, any JAX).
    """

    def stack(context: int = 1) -> list[tuple[types.FrameType]]:
        frames, frame = [], inspect.currentframe()
        while frame is not None:
            frames.append((frame,))
            frame = frame.f_back
        return frames[1:]

    original = inspect.stack
    inspect.stack = stack  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.stack = original


# What trax imports at its top and uses in places that drawing and measuring never reach: with it,
# `import trax` takes three times as long and twice the memory (trax 1.4.1, TensorFlow 2.21).
_DEFERRED = (
    "tensorflow",
    "tensorflow_datasets",
    "tensorflow_text",
    "trax.data.tokenizer",  # classifies all of Unicode: 0.5 s
    "trax.jaxboard",  # matplotlib
    "trax.rl",  # gym
    "trax.tf_numpy",  # defines its functions and classes by means of TensorFlow's
    "trax.trax2keras",
)


@functools.cache
def _load(name: str) -> Any:
    """Imports what was put off, once.

    Raises:
      PixaceError: it is not installed, or does not work.
    """
    if name.partition(".")[0] == "tensorflow":
        require_addresses(_ADDRESSES_WITH_TENSORFLOW)
    try:
        with _quietly():
            found = resolve(name)
            _hide_gpu_from_tensorflow()
    except ImportError as error:
        library = (error.name or name).partition(".")[0]
        raise PixaceError(
            f"this needs {library}, which cannot be imported: {error}; try pip install {library}"
        ) from error
    return found


def _hide_gpu_from_tensorflow() -> None:
    """Leaves the card to JAX: TensorFlow, used for input only, would take its whole memory."""
    if tensorflow := sys.modules.get("tensorflow"):
        with contextlib.suppress(RuntimeError):  # already initialised by the caller's own program
            tensorflow.config.set_visible_devices([], "GPU")


# Bytes that a process has reserved, on two cores, once these libraries are at work (JAX 0.12,
# TensorFlow 2.21). Where they get less, they abort.
_ADDRESSES = 1.8e9
_ADDRESSES_WITH_TENSORFLOW = 3.3e9

require_addresses(_ADDRESSES)
require_threads(THREADS_OF_XLA)

with _quietly():
    import jax
    import jax._src.compilation_cache
    import jax.extend.core
    import jax.numpy as jnp
    from jax.experimental import multihost_utils
with _quietly(), _cheap_stack(), deferred_imports(_DEFERRED, _load):
    import tensorflow as tf
    import trax
    import trax.fastmath.jax
    import trax.layers.acceleration
    import trax.supervised.decoding
    import trax.supervised.training


def _mend_cond() -> None:
    """`lax.cond` by position: JAX no longer takes trax's keywords (Reformer in predict mode)."""

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
    """`stop_gradient` of a Python int stays one: Reformer's predict mode hands it to `arange`."""

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
    """Compares by `is` and by type: `array in [None, ()]` fails on current JAX.

    Without it no checkpoint can be resumed (google/trax issues 1770 and 1790).
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


def compiler_options() -> dict[str, Any]:
    """Returns what makes XLA compute activations twice where `jax.checkpoint` asks for it.

    On a CPU, JAX 0.10's XLA finds that the second computation equals the first, and keeps that.
    """
    if jax.default_backend() == "cpu" and jax.__version_info__ < (0, 12):
        return {"xla_disable_hlo_passes": "cse_barrier_expander"}
    return {}


def _mend_signatures() -> None:
    """Does not import TensorFlow to find that a shape or a dtype is none of TensorFlow's."""

    class Types:
        def __getattr__(self, name: str) -> Any:
            return getattr(sys.modules.get("tensorflow"), name, ())  # nothing is an instance of ()

    trax.shapes.tf = trax.layers.core.tf = Types()


def _mend_host_count() -> None:
    """`jax.host_count` under its present name: JAX 0.10 warns of the old one at every start."""
    jax.host_count = jax.process_count  # type: ignore[attr-defined]


def _mend_printing() -> None:
    """Sends trax's progress to its log: it prints to stdout, which belongs to our results."""

    def log(message: str, stdout: bool = True) -> None:
        del stdout
        logging.getLogger("trax").debug(message)

    trax.supervised.training._log = log


def _keep_compiled_programs() -> None:
    """Lets programs that were compiled once be loaded by the next process.

    A user who told JAX where to keep them keeps that; JAX reads every folder but ours by itself.
    """
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    cache = open_cache()
    if cache is None:
        return
    folder = os.fspath(cache.folder)
    original = jax._src.compilation_cache.get_file_cache

    def get_file_cache(path: str) -> Any:
        return (cache, path) if path == folder else original(path)

    jax._src.compilation_cache.get_file_cache = get_file_cache
    jax.config.update("jax_compilation_cache_dir", folder)
    # Small programs, too: trax runs dozens of them to set up a model, each compiled by itself.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # Files of XLA's own would grow without bounds, and stop a command that cannot write them.
    jax.config.update("jax_persistent_cache_enable_xla_caches", "")


for _mend in (
    _mend_cond,
    _mend_stop_gradient,
    _let_matrices_multiply,
    _mend_pinning,
    _mend_tree_unflatten,
    _mend_signatures,
    _mend_host_count,
    _mend_printing,
    _hide_gpu_from_tensorflow,
    _keep_compiled_programs,
):
    _mend()

__all__ = ["compiler_options", "jax", "jnp", "multihost_utils", "tf", "trax"]
