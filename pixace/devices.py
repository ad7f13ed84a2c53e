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

# Of the memory, what a step may have; the rest is for pictures under way, images and others.
_SHARE_OF_CARD = 0.9
_SHARE_OF_MACHINE = 0.8
_CGROUPS = Path("/sys/fs/cgroup")


def batch_mesh() -> Any:
    """Returns all devices of all processes side by side, each for a share of the batch."""
    return jax.sharding.Mesh(np.asarray(jax.devices()), ("batch",))


def on_one_device(arrays: Any) -> Any:
    """Returns a tree of arrays that are whole on each device as arrays on one; copies nothing."""
    return jax.tree.map(lambda array: array.addressable_data(0), arrays)


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
        return int(_SHARE_OF_CARD * limit)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    total = min([total, *_container_limits()])
    return int(_SHARE_OF_MACHINE * total / jax.local_device_count())


def _container_limits() -> Iterator[int]:
    """Yields the limits of the groups that this process is in, where Linux sets any."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return
    for group in groups:
        _, controllers, name = group.split(":", 2)
        if not controllers:  # version 2
            top, file = _CGROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            top, file = _CGROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        folder = top / name.lstrip("/")
        for place in (folder, *folder.parents):
            with contextlib.suppress(OSError, ValueError):  # none here, or "max"
                yield int((place / file).read_text())
