"""Signals: the first is noted, the second ends the process at once. Real signals, real children."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pixace.interruption import Interrupted, Interruption, interrupt_held_back

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Works in small steps until a signal is noted; then goes on saving, for longer than anyone waits.
WORKER = """
import signal, sys, threading, time
from pixace.interruption import Interruption
def say(*words): print(*words, flush=True)
{before}
with Interruption() as interruption:
    say("ready")
    deadline = time.monotonic() + 30
    while not interruption.requested and time.monotonic() < deadline:
        time.sleep(0.01)
    say("noted", interruption.signal.name)
    {saving}
say("saved")
{after}
"""


def start(before="", saving="", after=""):
    """Starts a worker; returns it as soon as it is at work."""
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(before=before, saving=saving, after=after)],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # pytest may itself run where these are ignored, which children inherit.
        preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in SIGNALS],
    )
    assert worker.stdout.readline() == "ready\n"
    return worker


def finish(worker):
    """Returns what the worker still says on stdout and stderr."""
    try:
        return worker.communicate(timeout=20)
    finally:
        worker.kill()


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_noted_and_the_work_ends_well(number):
    worker = start()
    worker.send_signal(number)
    assert finish(worker) == (f"noted {number.name}\nsaved\n", "")
    assert worker.returncode == 0


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_the_second_signal_ends_at_once(first, second):
    worker = start(saving="time.sleep(30)")
    worker.send_signal(first)
    assert worker.stdout.readline() == f"noted {first.name}\n"
    worker.send_signal(second)
    out, err = finish(worker)
    assert out == ""
    assert worker.returncode == -second
    assert ("KeyboardInterrupt" in err) == (second == signal.SIGINT)


def test_afterwards_signals_do_what_they_did_before():
    worker = start(
        before="signal.signal(15, lambda *_: say('mine'))",
        after="signal.raise_signal(15); signal.raise_signal(2)",
    )
    worker.send_signal(signal.SIGTERM)
    out, err = finish(worker)
    assert out == "noted SIGTERM\nsaved\nmine\n"
    assert err.endswith("KeyboardInterrupt\n")
    assert worker.returncode == -signal.SIGINT


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_signals_that_the_caller_ignores_stay_ignored(number):
    """`nohup pixace train &` must outlive its terminal."""
    worker = start(before=f"signal.signal({int(number)}, signal.SIG_IGN)")
    worker.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.3)
    worker.send_signal(signal.SIGTERM)
    assert finish(worker) == ("noted SIGTERM\nsaved\n", "")


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


def test_handlers_are_there_inside_and_gone_outside():
    before = handlers()
    with Interruption() as interruption:
        assert all(mine != other for mine, other in zip(handlers(), before, strict=True))
        assert interruption.signal is None
        assert not interruption.requested
    assert handlers() == before


def test_handlers_are_gone_after_an_error_too():
    before = handlers()
    with pytest.raises(ValueError, match="broken"), Interruption():
        raise ValueError("broken")
    assert handlers() == before


def test_a_signal_in_this_process_is_noted_once():
    before = handlers()
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGTERM)
        assert interruption.signal is signal.SIGTERM
        assert interruption.requested
        assert handlers() == before, "the next one ends at once"
    assert handlers() == before


def test_outside_the_main_thread_nothing_changes():
    before, seen = handlers(), []

    def work():
        with Interruption() as interruption:
            seen.append((handlers(), interruption.requested))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, False)]
    assert handlers() == before


def test_a_signal_between_two_steps_of_leaving_breaks_nothing():
    """Ends the context while signals rain on it."""
    code = """
import os, signal, threading, time
from pixace.interruption import Interruption
for number in (2, 15, 1): signal.signal(number, lambda *_: None)
stop = threading.Event()
def rain():
    while not stop.is_set():
        for number in (2, 15, 1): os.kill(os.getpid(), number)
threading.Thread(target=rain, daemon=True).start()
end = time.monotonic() + 1.0
n_noted = 0
while time.monotonic() < end:
    with Interruption() as interruption:
        pass
    n_noted += interruption.requested
stop.set()
print("noted" if n_noted else "missed")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "noted\n", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_exit_code_is_what_a_shell_expects(number, code):
    stop = Interrupted("stopped at step 7, saved", number)
    assert stop.exit_code == code
    assert str(stop) == "stopped at step 7, saved"


def test_ctrl_c_waits_until_the_block_has_ended():
    handler = signal.getsignal(signal.SIGINT)
    reached = []

    def interrupted_within():
        with interrupt_held_back():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        interrupted_within()
    assert reached == ["the end"]
    assert signal.getsignal(signal.SIGINT) == handler
    with interrupt_held_back():
        pass


@pytest.mark.parametrize("seconds", [0.6, 1.0])
def test_ctrl_c_ends_a_drawing_at_any_time(tmp_path, seconds):
    """Also while trax is imported, when Python loses it easily."""
    command = [sys.executable, "-m", "pixace", "predict", "--model_name=emoji"]
    options = ["--n_images=2000", "--scale=18", f"--out={tmp_path / 'out.png'}"]
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors.splitlines()[-1] == "pixace: stopped"
    # A shell says 130 to both. The latter is Python's choice where the signal came while a library
    # ran Python code from native code of its own.
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
