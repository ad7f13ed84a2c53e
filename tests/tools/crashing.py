"""Children that save checkpoints and are killed: at a chosen system call, or at any instant.

The saving happens below a server, a small process that has imported what a save needs and
forks for every case, so that one case takes milliseconds. It reads one JSON request per line and
answers each with one line; `Crasher` is its client.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pixace.checkpoints import keeping
from pixace.checkpoints.file import Checkpoint
from pixace.checkpoints.folder import read_newest
from pixace.checkpoints.history import History
from pixace.checkpoints.keeping import save_epoch
from pixace.checkpoints.lock import training_lock
from pixace.checkpoints.resume import ResumeState
from tests.conftest import TINY
from tests.tools.places import ROOT

INTERVAL = 100  # steps from one save to the next
SHAPES = ((30, 40), (40,), (7, 5, 3))
TRAX_FIELDS: dict[str, Any] = {"flat_state": [], "flat_eval_state": [], "input_signature": None}


def loss_after(step: int) -> float:
    """Returns a validation loss that goes up and down, without a tie."""
    return step * 7919 % 10007 / 10007


def stamped(step: int, shapes: Any = SHAPES) -> Checkpoint:
    """Returns a checkpoint whose every array carries its step, as does its position."""
    arrays = [np.full(shape, step, np.float32) for shape in shapes]
    curve = [(past, loss_after(past)) for past in range(INTERVAL, step + 1, INTERVAL)]
    return Checkpoint(
        step,
        arrays,
        [array.copy() for array in arrays for _ in range(2)],
        History({"val": {"nats_per_pixel": curve}}),
        ResumeState(position=step, rng=np.full(2, step, np.uint32)),
    )


def assert_whole(checkpoint: Checkpoint) -> None:
    """Checks that every part of a checkpoint is of one and the same save."""
    assert checkpoint.slots is not None
    arrays = [*checkpoint.weights, *checkpoint.slots, checkpoint.resume.rng]
    stamps = {int(stamp) for array in arrays for stamp in np.unique(array)}
    stamps |= {checkpoint.resume.position, checkpoint.history.validations()[-1][0]}
    assert stamps == {checkpoint.step}, "a mix of two saves"


def train_words(weights_dir: Path, images: Path, **flags: Any) -> list[str]:
    """Returns the words after `pixace` of a tiny training of the model `m`, with dropout."""
    values = {
        "model_name": "m",
        "weights_dir": weights_dir,
        "images": images,
        "val_images": images,
        **TINY,
        "bitdepth": "2,1,2",
        "model_type": "transformer",
        "dropout": 0.1,
        "batch_size": 4,
        "steps_per_epoch": 4,
        "keep_checkpoints": 2,
        "seed": 1,
        **flags,
    }
    return ["train", *(f"--{name}={value}" for name, value in values.items())]


class Crasher:
    """A running server."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.tools.crashing"],
            cwd=ROOT,
            # BLAS would start threads, which do not live on in a forked child.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """Ends the server."""
        self._process.communicate()

    def save_until_call(self, folder: Path, number: int | None, **save: Any) -> dict[str, Any]:
        """Saves once, and kills the saving process where it enters its system call `number`.

        Args:
          folder: where to save.
          number: counted from 1; None lets the save end.
          **save: `step`, `keep`, and `links` (False: the file system has no hard links).

        Returns:
          "ended": True where the save was over before; "calls": what it has called, each as its
          name (None: not of interest) and the names of the files concerned; "refused": why this
          system cannot trace, or None.
        """
        return self._ask(do="trace", folder=str(folder), number=number, **save)

    def save_until(self, folder: Path, seconds: float, **save: Any) -> list[int]:
        """Starts a training that does nothing but save, kills it, returns what it called saved.

        Args:
          folder: where to save; it goes on from what is there.
          seconds: when to kill it, counted from its start or from one of its saves.
          **save: `keep`; `shapes` of the arrays; `n_saves`, after which the clock starts.
        """
        return self._ask(do="run", folder=str(folder), seconds=seconds, **save)["reported"]

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def _serve() -> None:
    """Answers requests until there are no more."""
    answers: dict[str, Callable[..., dict[str, Any]]] = {"trace": _trace, "run": _run}
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(answers[request.pop("do")](**request)), flush=True)


def _fork(work: Callable[[], None]) -> int:
    """Starts `work` in a child; returns its process id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:
        print(f"the child failed: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)


def _run(
    folder: str, seconds: float, keep: int, shapes: Any = SHAPES, n_saves: int = 0
) -> dict[str, Any]:
    """Answers the request of `Crasher.save_until`."""
    reading, writing = os.pipe()

    def work() -> None:
        os.close(reading)
        for step in _save_for_ever(Path(folder), keep, shapes):
            os.write(writing, f"{step}\n".encode())

    child = _fork(work)
    os.close(writing)
    with open(reading) as reports:
        reported = [int(reports.readline()) for _ in range(n_saves)]
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        reported += [int(line) for line in reports]
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "it ended by itself"
    return {"reported": reported}


def _save_for_ever(folder: Path, keep: int, shapes: Any) -> Iterator[int]:
    """Trains, so to speak; yields each step once its save has returned."""
    with training_lock(folder):
        newest = read_newest(folder)
        start = newest[1].step if newest else 0
        for step in itertools.count(start + INTERVAL, INTERVAL):
            save_epoch(folder, stamped(step, shapes), TRAX_FIELDS, keep)
            yield step


# ------------------------------------------------------------------------------------- ptrace

_TRACEME, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_TRACESYSGOOD, _EXITKILL = 1, 0x100000
_AT_ENTRY = 1
_REFUSED = 77  # exit code of a child that may not be traced

# Architecture -> number -> name and the arguments that are paths or, where there is none of these,
# a descriptor. x86-64 has two generations of most calls, arm64 the newer one.
_CALLS = {
    0xC000003E: {
        1: ("write", ()),
        20: ("write", ()),
        74: ("fsync", ()),
        75: ("fsync", ()),
        82: ("rename", (0, 1)),
        86: ("link", (0, 1)),
        87: ("unlink", (0,)),
        263: ("unlink", (1,)),
        264: ("rename", (1, 3)),
        265: ("link", (1, 3)),
        316: ("rename", (1, 3)),
    },
    0xC00000B7: {
        35: ("unlink", (1,)),
        37: ("link", (1, 3)),
        38: ("rename", (1, 3)),
        64: ("write", ()),
        66: ("write", ()),
        82: ("fsync", ()),
        83: ("fsync", ()),
        276: ("rename", (1, 3)),
    },
}


class _SyscallInfo(ctypes.Structure):
    """The start of `struct ptrace_syscall_info`, which is the same on every architecture."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("padding", ctypes.c_uint8 * 3),
        ("architecture", ctypes.c_uint32),
        ("pointers", ctypes.c_uint64 * 2),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("more", ctypes.c_uint64 * 2),
    )


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    return libc


def _ptrace(request: int, child: int, address: int = 0, data: Any = None) -> None:
    if _libc().ptrace(request, child, address, data) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _trace(
    folder: str, number: int | None, step: int, keep: int, links: bool = True
) -> dict[str, Any]:
    """Answers the request of `Crasher.save_until_call`."""
    if not links:
        return _without_links(lambda: _trace(folder, number, step, keep))

    def work() -> None:
        try:
            _ptrace(_TRACEME, 0)
        except OSError:
            os._exit(_REFUSED)
        os.kill(os.getpid(), signal.SIGSTOP)  # the counting starts here
        save_epoch(Path(folder), stamped(step), TRAX_FIELDS, keep)

    child = _fork(work)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        return {"refused": f"this system does not allow ptrace ({os.WEXITSTATUS(status)})"}
    _ptrace(_SETOPTIONS, child, 0, _TRACESYSGOOD | _EXITKILL)
    try:
        calls, status = _follow(child, number)
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EINVAL):
            raise
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return {"refused": "ptrace does not name system calls here, as it does from Linux 5.3 on"}
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"the save failed: {code}"
    return {"refused": None, "ended": code == 0, "calls": calls}


def _without_links(trace: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Calls `trace` as on a file system without hard links."""
    link = os.link

    def refuse(*_: Any) -> None:
        raise PermissionError(1, os.strerror(1))

    keeping.os.link = refuse
    try:
        return trace()
    finally:
        keeping.os.link = link


def _follow(child: int, number: int | None) -> tuple[list[tuple[str | None, list[str]]], int]:
    """Runs a stopped child on, up to its system call `number` or to its end.

    Returns:
      Its system calls, and the status with which it ended.
    """
    calls: list[tuple[str | None, list[str]]] = []
    info = _SyscallInfo()
    while True:
        _ptrace(_SYSCALL, child)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            return calls, status
        _ptrace(_GET_SYSCALL_INFO, child, ctypes.sizeof(info), ctypes.addressof(info))
        if info.op != _AT_ENTRY:
            continue
        calls.append(_described(child, info))
        if len(calls) == number:
            os.kill(child, signal.SIGKILL)  # the call it stands before is not carried out
            return calls, os.waitpid(child, 0)[1]


def _described(child: int, info: _SyscallInfo) -> tuple[str | None, list[str]]:
    """Returns the name of a system call, and the names of the files it is about."""
    name, paths = _CALLS.get(info.architecture, {}).get(info.number, (None, ()))
    if name is None:
        return None, []
    if not paths:
        return name, [Path(os.readlink(f"/proc/{child}/fd/{info.arguments[0]}")).name]
    with open(f"/proc/{child}/mem", "rb", buffering=0) as memory:
        return name, [_name_at(memory, info.arguments[index]) for index in paths]


def _name_at(memory: Any, address: int) -> str:
    """Returns the last part of the path that a process holds at an address."""
    memory.seek(address)
    path = memory.read(4096).split(b"\0", 1)[0]
    return Path(os.fsdecode(path)).name


if __name__ == "__main__":
    _serve()
