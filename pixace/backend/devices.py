"""Whether JAX finds a device to compute on, and what keeps it from that.

For `door` alone to import, once it has imported JAX as it should be.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import jax

from pixace.errors import PixaceError
from pixace.wording import shortage, shown

# What tells JAX which device to take, from the most particular on.
_VARIABLES = (
    *("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "JAX_PJRT_CLIENT_CREATE_OPTIONS"),
    *("JAX_NUM_CPU_DEVICES", "JAX_CUDA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
)
_JAX_ADVICE = re.compile(r" \((set JAX_PLATFORMS=|you may need to uninstall).*", re.DOTALL)


def require_devices(environment: Mapping[str, str] = os.environ) -> None:
    """Checks that JAX finds a device to compute on.

    Args:
      environment: whose variables JAX has read.

    Raises:
      PixaceError: it finds none.
    """
    try:
        jax.local_devices()
    except (RuntimeError, AssertionError, ValueError) as error:
        if shortage(error):
            raise
        words = _JAX_ADVICE.sub("", " ".join(str(error).split())).rstrip(".")
        words = words or "no such platform here"  # an assertion says nothing (JAX 0.10)
        raise PixaceError(f"JAX finds no device: {words}; {_advice(environment)}") from None


def _advice(environment: Mapping[str, str]) -> str:
    """Returns which variable to look at."""
    for name in _VARIABLES:
        if environment.get(name):
            value = shown(environment[name])
            return f"{name} is {value}: correct or unset it, or set JAX_PLATFORMS=cpu"
    if platforms := jax.config.values["jax_platforms"]:
        return f"jax_platforms of jax.config is {platforms}"
    return "with JAX_PLATFORMS=cpu it computes on the CPU"
