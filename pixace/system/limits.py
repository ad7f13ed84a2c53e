"""What the system lets this process have: where it is too little, native code would just abort."""

from __future__ import annotations

import os
import resource
import threading

from pixace.errors import PixaceError

# Of libraries, in this process, for each core: measured with JAX 0.12 and TensorFlow 2.21.
THREADS_OF_PYTHON = 2  # NumPy's and our own
THREADS_OF_XLA = 16


def require_threads(per_core: int) -> None:
    """Checks that so many threads can be started now, by starting and ending them.

    Raises:
      PixaceError: the system lets this process have fewer.
    """
    wanted = per_core * len(os.sched_getaffinity(0))
    end = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(wanted):
            thread = threading.Thread(target=end.wait, daemon=True)
            thread.start()
            started.append(thread)
    except (RuntimeError, MemoryError):
        raise PixaceError(
            f"only {len(started)} of {wanted} threads can be started; raise the limit (ulimit -u, "
            "docker's --pids-limit), or end other processes"
        ) from None
    finally:
        end.set()
        for thread in started:
            thread.join()


def require_addresses(n_bytes: float) -> None:
    """Checks the limit of this process's address space, where it has one.

    Raises:
      PixaceError: it is lower.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < n_bytes:
        raise PixaceError(
            f"this process may have {limit / 1e9:.1f} GB of addresses, and needs at least "
            f"{n_bytes / 1e9:.1f}; raise the limit (see: ulimit -v)"
        )
