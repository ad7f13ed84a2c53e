"""When a command began."""

import subprocess
import sys
import time

from pixace.system.command_clock import command_began, start_clock


def test_a_call_begins_when_it_is_made():
    before = time.monotonic()
    start_clock(is_process=False)
    assert before <= command_began() <= time.monotonic()


def test_a_process_begins_with_itself():
    """What it does before it starts the clock counts; the clock of all processes is one."""
    script = (
        "import time; time.sleep(0.3); now = time.monotonic()\n"
        "from pixace.system.command_clock import command_began, start_clock\n"
        "start_clock(is_process=True); print(command_began(), now)"
    )
    before = time.monotonic()
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    began, now = map(float, said.stdout.split())
    tick = 0.02  # Linux counts in hundredths of a second
    assert before - tick <= began <= (now - 0.3 if sys.platform == "linux" else time.monotonic())
