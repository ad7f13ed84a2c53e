"""Signals: the first is noted, the second ends the process at once. Real signals, real children."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from pixace.system.signals import SavedAndStopped, StopRequest, signals_held_back, stopping
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WARNINGS = (signal.SIGUSR1, signal.SIGUSR2)  # of schedulers

# Works in small steps until a signal is noted; then goes on saving, for longer than anyone waits.
WORKER = """
import signal, sys, threading, time
from pixace.system.signals import StopRequest
def say(*words): print(*words, flush=True)
{before}
with StopRequest() as interruption:
    say("ready")
    while not interruption.requested:
        time.sleep(0.01)
    say("noted", interruption.signal.name)
    {saving}
say("saved")
{after}
"""


def start(before="", saving="", after=""):
    """Starts a worker; returns it as soon as it is at work."""
    return start_program(WORKER.format(before=before, saving=saving, after=after), "ready")


def start_program(code, first):
    """Starts a program; returns it as soon as it has said its first line."""
    worker = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # pytest may itself run where these are ignored, which children inherit.
        preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in SIGNALS],
    )
    assert worker.stdout.readline() == f"{first}\n"
    return worker


def finish(worker):
    """Returns what the worker still says on stdout and stderr."""
    try:
        return worker.communicate(timeout=PATIENCE)
    finally:
        worker.kill()


@pytest.mark.parametrize("number", [*SIGNALS, *WARNINGS])
def test_the_first_signal_is_noted_and_the_work_ends_well(number):
    worker = start()
    worker.send_signal(number)
    assert finish(worker) == (f"noted {number.name}\nsaved\n", "")
    assert worker.returncode == 0


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_the_second_signal_ends_at_once(first, second):
    worker = start(saving=f"time.sleep({2 * PATIENCE})")
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
    with StopRequest() as interruption:
        assert all(mine != other for mine, other in zip(handlers(), before, strict=True))
        assert interruption.signal is None
        assert not interruption.requested
    assert handlers() == before


def test_handlers_are_gone_after_an_error_too():
    before = handlers()
    with pytest.raises(ValueError, match="broken"), StopRequest():
        raise ValueError("broken")
    assert handlers() == before


def test_a_signal_in_this_process_is_noted_once():
    before = handlers()
    with StopRequest() as interruption:
        signal.raise_signal(signal.SIGTERM)
        assert interruption.signal is signal.SIGTERM
        assert interruption.requested
        assert handlers() == before, "the next one ends at once"
    assert handlers() == before


def test_outside_the_main_thread_nothing_changes():
    before, seen = handlers(), []

    def work():
        with StopRequest() as interruption:
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
from pixace.system.signals import StopRequest
for number in (2, 15, 1): signal.signal(number, lambda *_: None)
stop = threading.Event()
def rain():
    while not stop.is_set():
        for number in (2, 15, 1): os.kill(os.getpid(), number)
threading.Thread(target=rain, daemon=True).start()
end = time.monotonic() + 1.0
n_noted = 0
while time.monotonic() < end:
    with StopRequest() as interruption:
        pass
    n_noted += interruption.requested
stop.set()
print("noted" if n_noted else "missed")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "noted\n", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_exit_code_is_what_a_shell_expects(number, code):
    stop = SavedAndStopped("stopped at step 7, saved", number)
    assert stop.exit_code == code
    assert str(stop) == "stopped at step 7, saved"


def test_ctrl_c_waits_until_the_block_has_ended():
    handler = signal.getsignal(signal.SIGINT)
    reached = []

    def interrupted_within():
        with signals_held_back():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        interrupted_within()
    assert reached == ["the end"]
    assert signal.getsignal(signal.SIGINT) == handler
    with signals_held_back():
        pass


def test_ctrl_c_while_python_still_imports_is_quiet(tmp_path):
    """A library that takes its time to be imported stands for any of them."""
    (tmp_path / "absl").mkdir()
    code = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    (tmp_path / "absl" / "__init__.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, "-m", "pixace", "--help"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE) == ("", "pixace: stopped\n")
    assert process.returncode == 130


FORGETFUL = """
import signal, time
from pixace.system.signals import StopSignal, stopping
def say(*words): print(*words, flush=True)
class Trap:
    def __del__(self):
        say("inside")
        time.sleep(30)  # the signal comes now, and Python drops whatever is raised here
try:
    with stopping():
        trap = Trap()
        del trap
        say("forgotten")
        try:
            time.sleep(30)
        except StopSignal:
            time.sleep(2)  # were the repetition counted as a second signal, this would be the end
            say("undone")
            raise
except StopSignal as stop:
    say("stopped", stop.exit_code)
"""


TOO_LATE = """
import time
from pixace.system.signals import stopping
class Trap:
    def __del__(self):
        print("inside", flush=True)
        time.sleep(30)
with stopping():
    trap = Trap()
    del trap
time.sleep(1)
print("done")
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_python_forgets_is_sent_again(number):
    worker = start_program(FORGETFUL, "inside")
    worker.send_signal(number)
    assert finish(worker) == (f"forgotten\nundone\nstopped {128 + number}\n", "")


def test_a_forgotten_signal_does_not_outlive_the_work():
    """It came too late to stop anything, and what follows is not what it was meant for."""
    worker = start_program(TOO_LATE, "inside")
    worker.send_signal(signal.SIGTERM)
    assert finish(worker) == ("done\n", "")
    assert worker.returncode == 0


def test_other_reports_are_made_as_before(monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", reports.append)

    class Broken:
        def __del__(self):
            raise OSError("not a signal")

    with stopping():
        broken = Broken()
        del broken
    assert [str(report.exc_value) for report in reports] == ["not a signal"]
    assert sys.unraisablehook == reports.append
