"""Several processes, on one machine or many, that train one model together: `jax.distributed`.

Each has its own devices and its own share of the images. The first one decides what is done next,
and it alone writes files. Alone, a process is the first of one, and none of this costs anything.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pixace.backend.door import jax, multihost_utils, require_devices
from pixace.errors import PixaceError, UsageError
from pixace.settings.checks import check_cluster
from pixace.system.scheduler import scheduled_process

_log = logging.getLogger(__name__)

LOST = (
    "another process of this training has ended or cannot be reached; all up to the last "
    "checkpoint is kept: start all of them again"
)
NOT_JOINED = (
    "not all processes came to the coordinator within five minutes, or this one cannot reach it; "
    "start the same command for each, with a --process_id of its own"
)
_JOIN_SECONDS = 300
_NETWORKS = ("Gloo", "NCCL", "oordination")  # what errors of collectives name


def join(coordinator: str, num_processes: int, process_id: int) -> None:
    """Makes this process one of several; to be called before JAX has computed anything.

    Args:
      coordinator: "host:port" of the first process, which the others can reach.
      num_processes: how many there are.
      process_id: which of them this is, from 0.

    Raises:
      UsageError: an argument is out of range.
      PixaceError: the first process cannot listen there; the processes differ in what they were
        told or in the number of their devices. That others do not come within five minutes, or end
        later, is not raised: XLA ends the process, see `system.child`.
    """
    check_cluster(coordinator, num_processes, process_id)
    if process_id == 0:
        _require_free(coordinator, int(coordinator.rpartition(":")[2]))
    # JAX would take SIGTERM for itself, and let those that are left wait for those that died.
    jax.config.update("jax_enable_preemption_service", False)
    jax.config.update("jax_enable_recoverability", True)
    _log.info("waiting for all %d processes at %s", num_processes, coordinator)
    _connect(coordinator, num_processes, process_id)
    require_devices()
    if size() != num_processes:
        raise PixaceError(
            f"num_processes is {num_processes} here, and {size()} at {coordinator}; give all "
            "processes the same"
        )
    if jax.device_count() != jax.local_device_count() * size():
        raise PixaceError("the processes must have as many devices each, and they have not")


def _connect(coordinator: str, num_processes: int, process_id: int) -> None:
    """Waits for all processes; heeds Ctrl-C meanwhile.

    Raises:
      PixaceError: JAX says why that failed.
    """
    failures: list[Exception] = []
    gpus = _own_gpus(num_processes, process_id)

    def connect() -> None:
        try:
            jax.distributed.initialize(
                coordinator,
                num_processes,
                process_id,
                local_device_ids=gpus,
                cluster_detection_method="deactivate",
                initialization_timeout=_JOIN_SECONDS,
            )
        except Exception as error:
            failures.append(error)

    # Waiting is native code's, during which this thread could not heed Ctrl-C.
    waiting = threading.Thread(target=connect, daemon=True)
    waiting.start()
    while waiting.is_alive():
        waiting.join(0.1)
    if failures:
        raise PixaceError(f"cannot connect to {coordinator}: {' '.join(str(failures[0]).split())}")


def _own_gpus(num_processes: int, process_id: int) -> list[int] | None:
    """Returns which of the GPUs of this machine are this process's; None for all that it sees.

    Left alone, JAX 0.10 takes one for each process below SLURM and Open MPI, also where a machine
    has one process and many GPUs. Where the variables are those of other processes than the flags'
    (an interactive shell, say), they say nothing.
    """
    try:
        process = scheduled_process()
    except UsageError:
        return None
    named = num_processes, process_id
    return process.gpus if process is not None and process[1:3] == named else None


def _require_free(coordinator: str, port: int) -> None:
    """Checks that the first process can listen; where it cannot, JAX 0.12 may crash.

    Raises:
      PixaceError: it cannot.
    """
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        raise PixaceError(
            f"cannot listen at {coordinator}: {os.strerror(error.errno or 0)}"
        ) from None


@contextlib.contextmanager
def losses_told() -> Iterator[None]:
    """Says in one line that another process has been lost, where JAX raises an error.

    Raises:
      PixaceError: it has been.
    """
    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if size() == 1 or not any(name in str(error) for name in _NETWORKS):
            raise
        raise PixaceError(LOST) from None


def size() -> int:
    """Returns the number of processes."""
    return jax.process_count()


def index() -> int:
    """Returns which of them this one is, from 0."""
    return jax.process_index()


def gathered(values: Any) -> np.ndarray:
    """Returns what every process has put in.

    Args:
      values: (N,) of a type with 4 or 8 bytes; type and N are the same in all.

    Returns:
      The same type, (size(), N), in the order of the processes.
    """
    values = np.asarray(values)
    if size() == 1:
        return values[None]
    # As bits, since JAX makes 64-bit numbers narrower.
    return multihost_utils.process_allgather(values.view(np.uint32)).view(values.dtype)


def values_from_first(values: Any = None) -> Any:
    """Returns what the first process has put in.

    Args:
      values: JSON values and NumPy's numbers; only the first's count.
    """
    if size() == 1:
        return values
    text = json.dumps(values, default=lambda number: number.item()).encode()  # NumPy's
    (length,) = arrays_from_first([np.array([len(text)], np.int32)])
    buffer = np.frombuffer(text[: length[0]].ljust(length[0]), np.uint8)
    (buffer,) = arrays_from_first([buffer])
    return json.loads(buffer.tobytes())


def arrays_from_first(arrays: Sequence[Any]) -> list[Any]:
    """Returns the arrays of the first process, bit by bit.

    Args:
      arrays: of types with 4 bytes, or uint8; as many, with the same types and shapes, in all.
    """
    if size() == 1:
        return list(arrays)
    # As integers, since JAX sends the sum of what it is given and zeros: -0.0 would lose its sign.
    plain = [np.asarray(array) for array in arrays]
    bits = [array.view(np.uint8 if array.itemsize == 1 else np.uint32) for array in plain]
    sent = multihost_utils.broadcast_one_to_all(bits)
    return [np.asarray(new).view(old.dtype) for new, old in zip(sent, plain, strict=True)]
