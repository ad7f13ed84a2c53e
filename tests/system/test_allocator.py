"""Memory that is freed and taken again: no page of it comes from the kernel twice."""

import subprocess
import sys

import pytest

TAKING = """
import ctypes, resource, threading
{first}
def taken():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    ctypes.memset(ctypes.create_string_buffer(100_000_000), 1, 100_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults = []
for _ in range(3):
    thread = threading.Thread(target=lambda: faults.append(taken()))
    thread.start()
    thread.join()
print(*faults)
"""
KEEPING = "from pixace.system.allocator import keep_freed_memory; keep_freed_memory()"
N_PAGES = 100_000_000 // 4096


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc alone")
@pytest.mark.parametrize(("first", "is_kept"), [("", False), (KEEPING, True)])
def test_memory_is_taken_again(first: str, is_kept: bool) -> None:
    script = TAKING.format(first=first)
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    first_time, *again = map(int, asked.stdout.split())
    if first_time < 0.9 * N_PAGES:  # of 4 kB each
        pytest.skip("the kernel gives larger pages")
    assert (max(again) < N_PAGES / 100) == is_kept, asked.stderr
