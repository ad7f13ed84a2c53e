"""A child process for work that native code may end at any time, and a parent that tells of it.

XLA aborts a process that loses the others of its training: no exception, a page of addresses.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import IO, Any, NoReturn, TextIO

from pixace.errors import PixaceError, UsageError
from pixace.interruption import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_in_child(work: Callable[[Callable[[str], None]], None], last_words: str) -> None:
    """Does some work in a child process; to be called before any thread is started.

    What native code writes to the standard streams is shown only if it crashes the child. Signals
    to this process reach the child, and the second one ends it. A child does not outlive its
    parent.

    Args:
      work: is given a function that sets other last words.
      last_words: what to say if native code aborts the child.

    Raises:
      UsageError, PixaceError, Interrupted: the work has raised it.
      PixaceError: native code has ended the child.
    """
    native_output = tempfile.TemporaryFile()  # noqa: SIM115 (there as long as both processes)
    words, child_end = os.pipe()
    lifeline, parent_end = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # what is still in a buffer would be written by both
    child = os.fork()
    if child:
        os.close(child_end)
        os.close(lifeline)
        _supervise(child, words, native_output)
        return
    os.close(words)
    os.close(parent_end)
    os.setpgid(0, 0)  # Ctrl-C in a terminal reaches the parent alone, which passes it on
    sys.stdout = _without_native_code(sys.stdout, native_output)
    sys.stderr = _without_native_code(sys.stderr, native_output)
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()

    def say(words: str) -> None:
        os.write(child_end, words.encode() + b"\0")

    say(last_words)
    _work_and_end(lambda: work(say), say)


def _work_and_end(work: Callable[[], None], say: Callable[[str], None]) -> NoReturn:
    """Ends this process when the work is done, at once: nothing native is left to go wrong."""
    code = 1
    try:
        work()
        code = 0
    except (PixaceError, Interrupted) as error:
        say(str(error))
        code = error.exit_code
    except KeyboardInterrupt:
        say("pixace: stopped")
        code = 128 + signal.SIGINT
    except BaseException:
        say("")
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _without_native_code(stream: TextIO, native_output: IO[bytes]) -> Any:
    """Returns Python's stream on a descriptor of its own, as native code has only the old one."""
    ours = open(os.dup(stream.fileno()), "w", buffering=1, encoding=stream.encoding)  # noqa: SIM115
    os.dup2(native_output.fileno(), stream.fileno())
    return ours


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written: it returns when the parent is no more
    os.kill(os.getpid(), signal.SIGKILL)


def _supervise(child: int, words: int, native_output: IO[bytes]) -> None:
    """Waits for the child, and raises what it did; see `run_in_child`."""
    passed_on: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        passed_on.append(number)
        # The second one may find the child in native code, which heeds no signal but this.
        os.kill(child, signal.SIGKILL if len(passed_on) > 1 else number)

    for number in _SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, pass_on)
    with open(words, "rb") as file:
        said = file.read().split(b"\0")[:-1]  # all of it: until the child ends
    last_words = said[-1].decode() if said else ""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0 and passed_on:
        raise Interrupted("pixace: stopped", signal.Signals(passed_on[0]))
    if code < 0 and code != -signal.SIGABRT:
        native_output.seek(0)
        shutil.copyfileobj(native_output, sys.stderr.buffer)
        raise PixaceError(f"stopped by {signal.Signals(-code).name}")
    if code > 128:
        raise Interrupted(last_words, signal.Signals(code - 128))
    if code == UsageError.exit_code:
        raise UsageError(last_words)
    if code and not last_words:  # the child has printed a traceback
        raise SystemExit(code)
    if code:
        raise PixaceError(last_words)
