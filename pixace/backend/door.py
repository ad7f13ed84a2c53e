"""The one door to trax, JAX and TensorFlow: imports them quietly, and mends trax for current JAX.

trax 1.4.1 is used unmodified from the package index. Other modules write
`from pixace.backend.door import trax`; what they import here, and nothing else in this package,
starts the libraries, whose native code aborts where it gets too little: hence the checks first.
"""

from __future__ import annotations

import logging
import os

from pixace.backend.importing import (
    ADDRESSES,
    DEFERRED,
    cheap_stack,
    hide_gpu_from_tensorflow,
    load,
    quietly,
    values_understood,
)
from pixace.backend.lazy_imports import deferred_imports
from pixace.system.limits import THREADS_OF_XLA, require_addresses, require_threads

# Read by TensorFlow's and XLA's native code once they are loaded: 3 lets only fatal messages
# through. A user who set the variable keeps their choice.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

require_addresses(ADDRESSES)
require_threads(THREADS_OF_XLA)

with values_understood(), quietly():
    import jax
    import jax.extend.core
    import jax.numpy as jnp
    from jax.experimental import multihost_utils
with quietly(), cheap_stack(), deferred_imports(DEFERRED, load):
    import tensorflow as tf
    import trax
    import trax.fastmath.jax
    import trax.layers.acceleration
    import trax.supervised.decoding
    import trax.supervised.training

# These import trax and JAX as a matter of course, so not before they are there.
from pixace.backend.devices import require_devices  # noqa: E402
from pixace.backend.mends import mend_trax  # noqa: E402
from pixace.backend.options import computing, each_computing  # noqa: E402
from pixace.backend.programs import compiler_options, keep_compiled_programs  # noqa: E402

mend_trax()
hide_gpu_from_tensorflow()
keep_compiled_programs()
logging.getLogger(__name__).debug("JAX %s and trax are imported", jax.__version__)

__all__ = [
    "compiler_options",
    "computing",
    "each_computing",
    "jax",
    "jnp",
    "multihost_utils",
    "require_devices",
    "tf",
    "trax",
]
