"""Standard streams that the caller has closed, or that nobody reads, are no trouble."""

import os
import subprocess
import sys

import pytest

from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT


def run(code, closed=(), **options):
    """Runs Python code in a process of its own, some of whose standard streams are closed."""

    def close():
        for descriptor in closed:
            os.close(descriptor)

    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        text=True,
        timeout=PATIENCE,
        preexec_fn=close,
        **options,
    )


OPEN_A_FILE = """
import os, sys
from pathlib import Path
from pixace.system.streams import open_standard_streams
open_standard_streams()
path = Path(os.environ["FILE"])
with open(path, "w") as file:
    assert file.fileno() > 2, file.fileno()
    os.write(1, b"native output"); os.write(2, b"native error")
    print("Python's output"); print("Python's error", file=sys.stderr)
    sys.stdout.flush(); sys.stderr.flush()
    file.write("the file")
assert path.read_text() == "the file"
path.with_name("done").touch()
"""


@pytest.mark.parametrize("closed", [(), (0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_nothing_is_written_into_a_file_that_got_a_closed_stream_s_number(tmp_path, closed):
    environment = {**os.environ, "FILE": str(tmp_path / "file")}
    done = run(OPEN_A_FILE, closed, env=environment)
    assert done.returncode == 0
    assert (tmp_path / "done").exists()
    assert done.stdout == ("" if 1 in closed else "native outputPython's output\n")
    assert done.stderr == ("" if 2 in closed else "native errorPython's error\n")


def test_streams_that_are_open_stay_as_they_are():
    code = """
import os, sys
from pixace.system.streams import open_standard_streams
before = sys.stdout, sys.stderr, os.listdir("/dev/fd")
open_standard_streams()
assert before == (sys.stdout, sys.stderr, os.listdir("/dev/fd"))
"""
    done = run(code, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_word_is_told_on_stderr_at_once():
    code = "import os; from pixace.system.streams import tell; tell('a word'); os._exit(0)"
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "a word\n")


def test_a_word_that_nobody_reads_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    code = "from pixace.system.streams import tell; tell('a word'); tell('and another')"
    done = run(code, stderr=writer)
    os.close(writer)
    assert done.returncode == 0


def test_what_is_left_in_a_buffer_can_lead_nowhere():
    """Else the interpreter itself complains at its end, and the exit code becomes 120."""
    code = """
import sys
from pixace.system.streams import lead_nowhere
try:
    print("a result")
    sys.stdout.flush()
except BrokenPipeError:
    lead_nowhere(1)
"""
    reader, writer = os.pipe()
    os.close(reader)
    done = run(code, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
