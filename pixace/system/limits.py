"""What the system lets this process have: where it is too little, native code would just abort."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

from pixace.errors import PixaceError

_log = logging.getLogger(__name__)

# Of libraries, in this process, for each core: measured with JAX 0.12 and TensorFlow 2.21.
THREADS_OF_PYTHON = 2  # NumPy's and our own
THREADS_OF_XLA = 16

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def n_cores() -> int:
    """Returns the number of cores that this process may use."""
    if count := getattr(os, "process_cpu_count", None):  # from Python 3.13 on
        return count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_threads(per_core: int) -> None:
    """Checks that so many threads for each core can be started now.

    Where the system's limits do not tell that there is room for all, they are started and ended: a
    thousand threads take half a second.

    Raises:
      PixaceError: the system lets this process have fewer.
    """
    wanted, left = per_core * n_cores(), threads_left()
    _log.debug("%d threads are wanted, and there is room for %s", wanted, left or "nobody knows")
    if wanted > left:
        _start_and_end(wanted)


def threads_left() -> int:
    """Returns how many threads surely can be started; 0 where the system does not tell.

    A limit of the user's threads is compared with all threads of the machine, as counting the
    user's would take looking at each process.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):  # not Linux, or nothing to see
        if _soft_limit(resource.RLIMIT_AS) is not None:  # a thread takes addresses for its stack
            return 0
        kernel = _PROC / "sys" / "kernel"
        most = [int((kernel / name).read_text()) for name in ("threads-max", "pid_max")]
        of_user = _soft_limit(resource.RLIMIT_NPROC)
        if of_user is not None:
            most.append(of_user)
        n_threads = int((_PROC / "loadavg").read_text().split()[3].partition("/")[2])
        return max(0, min([min(most) - n_threads, *_room_in_groups()]))
    return 0


def _room_in_groups() -> Iterator[int]:
    """Yields how many threads each of this process's groups has left, 0 where none is to be seen.

    Raises:
      OSError, ValueError: a group's limit or count cannot be read.
    """
    is_seen = False
    for folder in control_groups("pids"):
        is_seen |= (folder / "cgroup.procs").exists()
        with contextlib.suppress(FileNotFoundError):  # at the top, and where there is no such group
            most = (folder / "pids.max").read_text().strip()
            if most != "max":
                yield int(most) - int((folder / "pids.current").read_text())
    if not is_seen:
        yield 0


def control_groups(controller: str) -> Iterator[Path]:
    """Yields the folders of the groups by which Linux limits this process, from inner to outer.

    Args:
      controller: what is limited: "pids" or "memory".

    Yields:
      Folders that may exist; their files have other names in version 1 than in version 2.
    """
    try:
        groups = (_PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return
    for group in groups:
        _, controllers, name = group.split(":", 2)
        if not controllers:  # version 2
            top = _CGROUPS
        elif controller in controllers.split(","):
            top = _CGROUPS / controller
        else:
            continue
        parts = Path(name).parts[1:]
        for depth in range(len(parts), -1, -1):
            yield top.joinpath(*parts[:depth])


def _soft_limit(kind: int) -> int | None:
    """Returns one of this process's limits, None where it has none."""
    limit, _ = resource.getrlimit(kind)
    return None if limit == resource.RLIM_INFINITY else limit


def _start_and_end(wanted: int) -> None:
    """Starts threads, and ends them.

    Raises:
      PixaceError: the system lets this process have fewer.
    """
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
    limit = _soft_limit(resource.RLIMIT_AS)
    if limit is not None and limit < n_bytes:
        raise PixaceError(
            f"this process may have {limit / 1e9:.1f} GB of addresses, and needs at least "
            f"{n_bytes / 1e9:.1f}; raise the limit (see: ulimit -v)"
        )
