"""Signals at random instants of the real commands: the right exit code, one line, nothing lost.

The instants are counted from the moment when the command's own code begins: before that there is
only Python's start, which a signal ends as it ends any program.
"""

import contextlib
import http.server
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pixace.checkpoints.file import read_checkpoint
from pixace.checkpoints.folder import LATEST_NAME, epoch_path, epoch_steps, read_newest
from tests.conftest import paint
from tests.system.test_signals import start_program
from tests.tools.crashing import train_words
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

pytestmark = pytest.mark.fault

POLITE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ALL = (*POLITE, signal.SIGKILL)

BEGINNING = "begins\n"
PROGRAM = f"""
import os, sys
from pixace.cli import main
os.write(1, {BEGINNING.encode()!r})
sys.exit(main(sys.argv[1:]))
"""


def start(words: list[str], cwd: Path) -> subprocess.Popen:
    """Starts a command in a session of its own; returns once its code has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == BEGINNING
    time.sleep(0.01)  # the handlers are there
    return process


def finish(process: subprocess.Popen) -> list[str]:
    """Returns the lines of stderr; checks that the command has left no process behind."""
    process.result, errors = process.communicate(timeout=PATIENCE)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    return errors.splitlines()


def assert_told(process: subprocess.Popen, lines: list[str], number: signal.Signals) -> None:
    """Checks the exit code and the last line of a command that a signal has ended."""
    told = "\n".join(lines)
    if process.result and process.returncode == -number:
        return  # the result was printed: only Python's own end was left
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        # A shell says 130 to both: Python ends itself by SIGINT where the signal came while a
        # library ran Python code from native code of its own.
        codes = (128 + number, -signal.SIGINT) if number == signal.SIGINT else (128 + number,)
        assert process.returncode in codes, told
        assert lines[-1] == "pixace: stopped" or "saved at step" in lines[-1], told
    assert "Traceback" not in told


def instants(n: int, longest: float, signals=ALL, seed: int = 7):
    """Yields signals in turn, each with so many seconds to wait before it."""
    dice = random.Random(seed)
    for number in itertools.islice(itertools.cycle(signals), n):
        yield number, dice.uniform(0, longest)


def send_after(process: subprocess.Popen, seconds: float, number: signal.Signals) -> bool:
    """Waits and sends; returns whether the process was still there."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    if process.poll() is not None:
        return False
    process.send_signal(number)
    return True


def temporaries(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith(".tmp")]


def test_signals_to_a_drawing(weights_dir, tmp_path, tally):
    words = ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}"]
    words += ["--seed=1", "--batch_size=40", "--scale=64", "--out=o.png", "--film=f.gif"]
    wanted = None
    n = tally.cases(3, 80)
    signals = ALL if tally.thorough else POLITE
    for number, seconds in instants(n, 4.0 if tally.thorough else 1.5, signals):
        process = start(words, tmp_path)
        is_sent = send_after(process, seconds, number)
        lines = finish(process)
        found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        if is_sent and process.returncode:
            assert_told(process, lines, number)
        if process.returncode == 0:
            wanted = wanted or found
            assert found == wanted
        if tally.thorough:  # what SIGKILL left is gone after the next run to the same names
            found = {name: found[name] for name in found if not name.endswith(".tmp")}
        assert set(found) <= {"o.png", "f.gif"}
        assert wanted is None or found.items() <= wanted.items()
    tally.add("signals while drawing: SIGINT, SIGTERM, SIGHUP, SIGKILL", n, lost="the drawing")


def test_signals_to_a_training(tmp_path, tally):
    """Each one goes on where the last one was stopped."""
    paint(tmp_path / "images", 12, seed=3)
    words = train_words(tmp_path, tmp_path / "images", n_epochs=100_000)
    folder, saved = tmp_path / "m", 0
    n = tally.cases(2, 80)
    signals = ALL if tally.thorough else (signal.SIGTERM, signal.SIGHUP)
    for number, seconds in instants(n, 12.0, signals):
        process = start(words, tmp_path)
        assert send_after(process, seconds, number)
        lines = finish(process)
        assert_told(process, lines, number)
        newest = read_newest(folder) if folder.exists() else None
        step = newest[1].step if newest else 0
        if lines and "saved at step" in lines[-1]:
            assert f"saved at step {step};" in lines[-1]
            assert temporaries(tmp_path) == [], "also those of an earlier SIGKILL"
        assert step >= saved
        for epoch in epoch_steps(folder):
            assert read_checkpoint(epoch_path(folder, epoch)).step == epoch
        said = [int(line.split("step ")[1].split(",")[0]) for line in lines if "; saved " in line]
        assert step >= max(said, default=0)
        saved = step
    tally.add(
        "signals while training: SIGINT, SIGTERM, SIGHUP, SIGKILL",
        n,
        lost="nothing; by SIGKILL the epoch under way",
    )


@pytest.mark.parametrize("number", POLITE)
def test_the_second_signal_ends_native_code_too(tmp_path, number, tally):
    """Native code does not let Python's handlers run: here, a lock that nobody opens."""
    code = (
        "import ctypes, os; from pixace.system.signals import stopping\n"
        "with stopping():\n"
        "    os.write(1, b'begins\\n')\n"
        "    libc = ctypes.CDLL(None)\n"
        "    lock = (ctypes.c_char * 64)(); libc.pthread_mutex_lock(lock)\n"
        "    libc.pthread_mutex_lock(lock)\n"
    )
    process = start_program(code, "begins")
    time.sleep(0.1)
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (128 + number, "pixace: stopped\n")
    tally.add("a second signal while native code is at work", 1)


class _Slow(http.server.BaseHTTPRequestHandler):
    """Serves one file, also from the middle on, in small pieces."""

    data = b""

    def do_GET(self):
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if begin else 200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(self.data) - begin))
        end = len(self.data)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{end}")
        self.end_headers()
        with contextlib.suppress(OSError):
            for place in range(begin, end, max(1, end // 50)):
                self.wfile.write(self.data[place : min(end, place + max(1, end // 50))])
                time.sleep(0.02)

    def log_message(self, *_):
        pass


def test_signals_to_a_download(weights_dir, tmp_path, tally):
    """What has arrived stays, and the next run goes on behind it."""
    _Slow.data = (weights_dir / "transformer" / LATEST_NAME).read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/model.pkl.gz"
    words = ["download", "--model_name=d", f"--url={url}", f"--weights_dir={tmp_path}"]
    folder, had = tmp_path / "d", 0
    part = folder / f".{LATEST_NAME}.part"
    n = tally.cases(4, 80)
    for number, seconds in instants(n, 1.5):
        process = start(words, tmp_path)
        is_sent = send_after(process, seconds, number)
        lines = finish(process)
        if process.returncode == 0:
            assert temporaries(tmp_path) == []
        else:
            assert is_sent, lines
            assert_told(process, lines, number)
        if (folder / LATEST_NAME).exists():  # also where the signal came just after the end
            assert (folder / LATEST_NAME).read_bytes() == _Slow.data
            shutil.rmtree(folder)
            had = 0
            continue
        assert process.returncode
        has = part.stat().st_size if part.exists() else 0
        assert has >= had
        had = has
    process = start(words, tmp_path)
    finish(process)
    assert process.returncode == 0
    assert {path.name for path in folder.iterdir()} == {LATEST_NAME, "download.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
    assert (folder / LATEST_NAME).read_bytes() == _Slow.data
    server.shutdown()
    server.server_close()
    tally.add("signals while downloading: SIGINT, SIGTERM, SIGHUP, SIGKILL", n)
