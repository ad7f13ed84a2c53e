"""How libraries are imported: quietly, fast, and no more of them than is needed.

Imports none of them by itself; `door` does.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import os
import sys
import types
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from pixace.backend.lazy_imports import resolve
from pixace.errors import PixaceError
from pixace.system.limits import require_addresses
from pixace.system.signals import signals_held_back
from pixace.wording import one_line

# Bytes that a process has reserved, on two cores, once these libraries are at work (JAX 0.12,
# TensorFlow 2.21). Where they get less, they abort.
ADDRESSES = 1.8e9
_ADDRESSES_WITH_TENSORFLOW = 3.3e9

# What trax imports at its top and uses in places that drawing and measuring never reach: with it,
# `import trax` takes three times as long and twice the memory (trax 1.4.1, TensorFlow 2.21).
DEFERRED = (
    "tensorflow",
    "tensorflow_datasets",
    "tensorflow_text",
    "trax.data.tokenizer",  # classifies all of Unicode: 0.5 s
    "trax.jaxboard",  # matplotlib
    "trax.rl",  # gym
    "trax.tf_numpy",  # defines its functions and classes by means of TensorFlow's
    "trax.trax2keras",
)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
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
def values_understood(environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Says in one line that JAX, while it is imported, cannot take a value of the environment.

    Args:
      environment: whose variables JAX reads.

    Raises:
      PixaceError: it cannot.
    """
    try:
        yield
    except ValueError as error:
        names = [name for name in sorted(environment) if name.startswith("JAX_")]
        if not names:
            raise
        raise PixaceError(
            f"JAX cannot be imported: {one_line(str(error))}; correct or unset {', '.join(names)}"
        ) from None


@contextlib.contextmanager
def cheap_stack() -> Iterator[None]:
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


@functools.cache
def load(name: str) -> Any:
    """Imports what was put off, once.

    Raises:
      PixaceError: it is not installed, or does not work.
    """
    if name.partition(".")[0] == "tensorflow":
        require_addresses(_ADDRESSES_WITH_TENSORFLOW)
    # Where TensorFlow cannot read this variable, native code says so and ends the process.
    chatty = contextlib.nullcontext() if "TF_XLA_FLAGS" in os.environ else quietly()
    try:
        with chatty:
            found = resolve(name)
            hide_gpu_from_tensorflow()
    except ImportError as error:
        library = (error.name or name).partition(".")[0]
        raise PixaceError(
            f"this needs {library}, which cannot be imported: {error}; try pip install {library}"
        ) from error
    return found


def hide_gpu_from_tensorflow() -> None:
    """Leaves the card to JAX: TensorFlow, which computes nothing here, would take its memory."""
    if tensorflow := sys.modules.get("tensorflow"):
        with contextlib.suppress(RuntimeError):  # already initialised by the caller's own program
            tensorflow.config.set_visible_devices([], "GPU")
