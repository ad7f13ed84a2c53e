"""The devices that a training uses, and their memory."""

from __future__ import annotations

import contextlib
import os
import resource
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixace.backend.door import jax
from pixace.errors import PixaceError
from pixace.system.limits import control_groups
from pixace.wording import shown

# Of the memory, what a step may have; the rest is for pictures under way, images and others.
_SHARE_OF_CARD = 0.9
_SHARE_OF_MACHINE = 0.8

# One of these is there where NVIDIA's driver is: on Linux, in containers, in Linux below Windows.
_NVIDIA_DRIVER = ("/proc/driver/nvidia/version", "/dev/nvidia0", "/usr/lib/wsl/lib/nvidia-smi")

# Of CUDA_VISIBLE_DEVICES; the last is SLURM's, for jobs that asked for no GPU.
_HIDDEN = ("", "-1", "NoDevFiles")


def batch_mesh() -> Any:
    """Returns all devices of all processes side by side, each for a share of the batch."""
    return jax.sharding.Mesh(np.asarray(jax.devices()), ("batch",))


def on_one_device(arrays: Any) -> Any:
    """Returns a tree of arrays that are whole on each device as arrays on one; copies nothing."""
    return jax.tree.map(lambda array: array.addressable_data(0), arrays)


def device_names() -> str:
    """Spells the devices of all processes, such as "CPU" or "2 x NVIDIA H200"."""
    kinds = Counter(device.device_kind.replace("cpu", "CPU") for device in jax.devices())
    return ", ".join(kind if n == 1 else f"{n} x {kind}" for kind, n in kinds.items())


def idle_gpu_warning(driver_files: Sequence[Path | str] = _NVIDIA_DRIVER) -> str | None:
    """Says what to do where JAX runs on the CPU beside an NVIDIA driver, and nobody told it to."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    is_chosen = jax.config.values["jax_platforms"] or seen in _HIDDEN
    if jax.default_backend() != "cpu" or is_chosen or not any(map(os.path.exists, driver_files)):
        return None
    misnamed = f"; or none is called {shown(seen)}, as CUDA_VISIBLE_DEVICES says" if seen else ""
    return (
        "this machine has an NVIDIA driver, but JAX runs on the CPU; for the GPU: pip install "
        f'"pixace[cuda12]", or with a driver from 580 on "pixace[cuda13]"{misnamed}'
    )


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
    total = min([total, *_container_limits(), *_process_limit()])
    return int(_SHARE_OF_MACHINE * total / jax.local_device_count())


def _process_limit() -> Iterator[int]:
    """Yields the limit of this process's addresses, where it has one."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        yield limit


def _container_limits() -> Iterator[int]:
    """Yields the limits of the groups that this process is in, where Linux sets any."""
    for folder in control_groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):  # of version 2 and 1
            with contextlib.suppress(OSError, ValueError):  # none here, or "max"
                yield int((folder / name).read_text())
