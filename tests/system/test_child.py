"""Work in a child process: its words, its signals and its ends, all of them real."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.tools.patience import PATIENCE

SCRIPT = """
import ctypes, os, signal, sys, time
from pixace.errors import PixaceError, UsageError
from pixace.system.signals import SavedAndStopped
from pixace.system.child import run_in_child

def work(say):
    {work}

try:
    run_in_child(work, "the first words")
except (PixaceError, SavedAndStopped) as error:
    print(type(error).__name__, error, sep=": ")
    sys.exit(error.exit_code)
print("parent goes on")
"""
WORDS = "done\nPixaceError: no disk\n"
NATIVE_NOISE = "os.write(1, b'noise'), os.write(2, b'NOISE')"


def start(work: str, **variables: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(work=work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )


@pytest.mark.parametrize(
    ("work", "code", "out", "err"),
    [
        ("print('done')", 0, "done\nparent goes on\n", ""),
        (f"{NATIVE_NOISE}; print('done', file=sys.stderr)", 0, "parent goes on\n", "done\n"),
        ("raise PixaceError('no disk')", 1, "PixaceError: no disk\n", ""),
        ("raise UsageError('no flag')", 2, "UsageError: no flag\n", ""),
        ("raise KeyboardInterrupt", 130, "SavedAndStopped: pixace: stopped\n", ""),
        (
            "raise SavedAndStopped('saved', signal.SIGTERM)",
            143,
            "SavedAndStopped: saved\n",
            "",
        ),
        ("open('/no-such')", 1, "PixaceError: /no-such: No such file or directory\n", ""),
        ("say(''); os.abort()", 0, "parent goes on\n", ""),
        (f"{NATIVE_NOISE}; os.abort()", 1, "PixaceError: the first words\n", ""),
        ("say('other words'); os.abort()", 1, "PixaceError: other words\n", ""),
        ("say('two\\nlines'); os.abort()", 1, "PixaceError: two\nlines\n", ""),
        (
            f"{NATIVE_NOISE}; os.kill(os.getpid(), signal.SIGSEGV)",
            1,
            "PixaceError: stopped by SIGSEGV\n",
            "noiseNOISE",
        ),
    ],
)
def test_the_parent_ends_as_the_child_did(work, code, out, err):
    process = start(work)
    assert process.communicate(timeout=PATIENCE) == (out, err)
    assert process.returncode == code


def test_a_mistake_in_the_work_shows_its_traceback():
    process = start("1 / 0")
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("Traceback") and err.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_child(number):
    process = start(
        "end = lambda *_: (os.write(sys.stdout.fileno(), b'noted\\n'), os._exit(3));"
        "signal.signal(signal.SIGTERM, end); signal.signal(signal.SIGHUP, end);"
        "print('ready', flush=True); [time.sleep(0.1) for _ in range(600)]"
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "noted\nPixaceError: the first words\n")


@pytest.mark.long
def test_no_signal_is_lost_on_a_busy_machine():
    """It may come together with what the child says, before the parent gets to run."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        for _ in range(12):
            test_a_signal_reaches_the_child(signal.SIGHUP)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_a_signal_to_all_processes_counts_once():
    process = start(
        "noted = []\n"
        "    note = lambda *_: noted.append(os.write(sys.stdout.fileno(), b'noted\\n'))\n"
        "    signal.signal(signal.SIGTERM, note)\n"
        "    print(os.getpid(), flush=True)\n"
        "    while not noted: time.sleep(0.1)\n"
        "    time.sleep(1)"
    )
    child = int(process.stdout.readline())
    os.kill(child, signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    os.kill(child, signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "noted\nparent goes on\n")


@pytest.mark.parametrize(
    ("closed", "out"),
    [("<&-", WORDS), ("2>&-", WORDS), ("<&- 2>&-", WORDS), (">&-", ""), ("<&- >&- 2>&-", "")],
)
def test_closed_streams(closed, out):
    script = SCRIPT.format(work=f"{NATIVE_NOISE}; print('done'); raise PixaceError('no disk')")
    command = ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (1, out, "")


@pytest.mark.parametrize(("target", "words"), [("| true", ""), ("> /dev/full", "No space left")])
def test_output_that_nobody_takes_leaves_no_traceback(target, words):
    script = SCRIPT.format(work="time.sleep(0.3); print('x' * 100_000)")
    script = script.replace("print(type(error).__name__, error", "print(error, file=sys.stderr")
    command = ["bash", "-c", f'set -o pipefail; "$0" -c "$1" {target}', sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert words in done.stderr and "Traceback" not in done.stderr


def test_names_that_stderr_cannot_spell():
    process = start("print('\\xe4', file=sys.stderr)", PYTHONIOENCODING="ascii")
    assert process.communicate(timeout=PATIENCE) == ("parent goes on\n", "\\xe4\n")


def test_the_second_signal_ends_a_child_that_heeds_none():
    process = start(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);print('ready', flush=True); time.sleep(60)"
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (143, "SavedAndStopped: pixace: stopped\n")


def test_the_child_does_not_outlive_its_parent():
    process = start("print('ready', flush=True); time.sleep(60)")
    assert process.stdout.readline()
    process.kill()
    # The child holds the other end of this pipe: it ends with the child.
    assert process.communicate(timeout=PATIENCE) == ("", "")
