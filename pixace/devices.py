"""The devices that a training uses, and their memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pixace.errors import PixaceError
from pixace.trax_compat import jax

_SHARE = 0.8  # of a machine's memory; the rest is for the program itself, images and others
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container, where there is one


def batch_mesh() -> Any:
    """Returns all devices of all processes side by side, each for a share of the batch."""
    return jax.sharding.Mesh(np.asarray(jax.devices()), ("batch",))


@contextlib.contextmanager
def memory_errors(advice: str) -> Iterator[None]:
    """Says in one line that a device's memory did not suffice.

    Raises:
      PixaceError: it did not; the message ends with the advice.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise PixaceError(f"out of memory; {advice}") from None


def memory_bytes() -> int:
    """Returns the memory that a step may use on each device."""
    device = jax.local_devices()[0]
    limit = (device.memory_stats() or {}).get("bytes_limit")
    if limit:
        return int(limit)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no container, or "max"
        total = min(total, int(_CGROUP_LIMIT.read_text()))
    return int(_SHARE * total / jax.local_device_count())
