"""A child process for work that native code may end at any time, and a parent that tells of it.

XLA aborts a process that loses the others of its training: no exception, a page of addresses.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import select
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
from pixace.system.signals import STOP_SIGNALS, SavedAndStopped, StopSignal
from pixace.system.streams import open_standard_streams
from pixace.wording import reason

_HEED_SECONDS = 0.5  # at most, before a signal is heeded


def run_in_child(work: Callable[[Callable[[str], None]], None], last_words: str) -> None:
    """Does some work in a child process; to be called before any thread is started.

    What native code writes to the standard streams is shown only if it crashes the child. A signal
    to this process reaches the child's handlers, and the second one ends it; the child itself heeds
    none. A child does not outlive its parent.

    Args:
      work: is given a function that sets other last words.
      last_words: what to say if native code aborts the child.

    Raises:
      UsageError, PixaceError, SavedAndStopped: the work has raised it.
      PixaceError: native code has ended the child, or the work has raised an OSError.
    """
    open_standard_streams()
    native_output = tempfile.TemporaryFile()  # noqa: SIM115 (there as long as both processes)
    words, child_end = os.pipe()
    signals, parent_end = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()  # what is still in a buffer would be written by both
    # The child heeds none: Ctrl-C in a terminal, and whoever signals all processes, reaches the
    # parent, which passes it on once. Threads take the mask over. The parent heeds them soon.
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    child = os.fork()
    if child:
        os.close(child_end)
        os.close(signals)
        _supervise(child, words, parent_end, native_output, old_mask)
        return
    os.close(words)
    os.close(parent_end)
    signal.set_wakeup_fd(-1)  # it was the parent's: see `signals.stopping`
    sys.stdout = _without_native_code(sys.stdout, native_output)
    sys.stderr = _without_native_code(sys.stderr, native_output)
    threading.Thread(target=_listen, args=(signals,), daemon=True).start()

    def say(words: str) -> None:
        os.write(child_end, words.encode() + b"\0")

    say(last_words)
    _work_and_end(lambda: work(say), say)


def _work_and_end(work: Callable[[], None], say: Callable[[str], None]) -> NoReturn:
    """Ends this process when the work is done, at once: nothing native is left to go wrong."""
    code = 1
    try:
        work()
        sys.stdout and sys.stdout.flush()
        code = 0
        say("")  # whatever native code does from now on, the work is done
    except (PixaceError, SavedAndStopped) as error:
        say(str(error))
        code = error.exit_code
    except KeyboardInterrupt as stop:
        say("pixace: stopped")
        code = stop.exit_code if isinstance(stop, StopSignal) else 128 + signal.SIGINT
    except BrokenPipeError:
        say("")
    except OSError as error:
        say(reason(error))
    except BaseException:
        say("")
        traceback.print_exc()
    finally:
        os._exit(code)


def _without_native_code(stream: TextIO | None, native_output: IO[bytes]) -> Any:
    """Returns Python's stream on a descriptor of its own, as native code has only the old one."""
    if stream is None:  # closed by the caller
        return None
    ours = open(  # noqa: SIM115
        os.dup(stream.fileno()), "w", buffering=1, encoding=stream.encoding, errors=stream.errors
    )
    os.dup2(native_output.fileno(), stream.fileno())
    return ours


def _read_to_the_end(words: int) -> bytes:
    """Returns all that the child says until it ends; heeds signals meanwhile.

    The `read` of a Python file does not: a signal that comes with data waits for the end of all.
    """
    said = b""
    while True:
        # With a timeout, as a signal just before the system call would wait for its end, too.
        if select.select([words], [], [], _HEED_SECONDS)[0]:
            part = os.read(words, 4096)
            if not part:
                os.close(words)
                return said
            said += part


def _listen(signals: int) -> None:
    """Hands signals from the parent to Python's handlers, and ends this process after it."""
    while number := os.read(signals, 1):
        _thread.interrupt_main(signal.Signals(number[0]))
    os.kill(os.getpid(), signal.SIGKILL)


def _supervise(
    child: int, words: int, signals: int, native_output: IO[bytes], mask: set[Any]
) -> None:
    """Waits for the child, and raises what it did; see `run_in_child`."""
    passed_on: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        passed_on.append(number)
        with contextlib.suppress(OSError):  # the child has just ended
            if len(passed_on) == 1:
                os.write(signals, bytes([number]))
            else:  # it may be in native code, which heeds nothing but this
                os.kill(child, signal.SIGKILL)

    for number in STOP_SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    said = _read_to_the_end(words).split(b"\0")[:-1]
    last_words = said[-1].decode() if said else ""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0 or (code == -signal.SIGABRT and not last_words):
        return
    if code < 0 and passed_on:
        raise SavedAndStopped("pixace: stopped", signal.Signals(passed_on[0]))
    if code < 0 and code != -signal.SIGABRT:
        native_output.seek(0)
        with contextlib.suppress(AttributeError):  # no stderr
            shutil.copyfileobj(native_output, sys.stderr.buffer)
        raise PixaceError(f"stopped by {signal.Signals(-code).name}")
    if code > 128:
        raise SavedAndStopped(last_words, signal.Signals(code - 128))
    if code == UsageError.exit_code:
        raise UsageError(last_words)
    if not last_words:  # the child has printed a traceback, or nobody reads what it prints
        raise SystemExit(code)
    raise PixaceError(last_words)
