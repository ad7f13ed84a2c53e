"""Pixels decoded at once, in all threads together, stay within what is allowed.

What a single file may cost is tested with files, in test_reading.py and test_hostile_images.py.
"""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pixace.pictures.formats.decoding_limits import PixelAllowance, RefusedError, check_scans
from tests.tools.hostile_images import many_scans
from tests.tools.patience import PATIENCE

N_THREADS = 8
ALLOWED = 10


def test_no_more_pixels_than_allowed_are_taken_and_all_are_in_the_end():
    allowance = PixelAllowance(ALLOWED)
    lock = threading.Lock()
    taken, most, done = 0, 0, 0

    def take(n_pixels: int) -> None:
        nonlocal taken, most, done
        with allowance.taking(n_pixels):
            with lock:
                taken += n_pixels
                most = max(most, taken)
            threading.Event().wait(0.002)  # others would come in now, if they could
            with lock:
                taken -= n_pixels
                done += 1

    sizes = np.random.default_rng(0).integers(1, ALLOWED + 1, 100).tolist()
    with ThreadPoolExecutor(N_THREADS) as threads:
        for work in [threads.submit(take, size) for size in sizes]:
            work.result(timeout=PATIENCE)
    assert done == len(sizes)
    assert most <= ALLOWED


def test_what_is_allowed_together_does_not_wait():
    allowance = PixelAllowance(ALLOWED)
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def take(n_pixels: int) -> None:
        with allowance.taking(n_pixels):
            meeting.wait()

    with ThreadPoolExecutor(2) as threads:
        for work in [threads.submit(take, size) for size in (4, ALLOWED - 4)]:
            work.result(timeout=PATIENCE)


def test_pixels_are_given_back_after_a_failure():
    allowance = PixelAllowance(ALLOWED)
    for _ in range(3):
        with pytest.raises(OSError, match="cut short"), allowance.taking(ALLOWED):
            raise OSError("cut short")


def test_a_large_picture_waits_for_small_ones():
    allowance = PixelAllowance(ALLOWED)
    large = threading.Event()

    def take_all() -> None:
        with allowance.taking(ALLOWED):
            large.set()

    with allowance.taking(1):
        thread = threading.Thread(target=take_all, daemon=True)
        thread.start()
        assert not large.wait(0.1)
    assert large.wait(PATIENCE)
    thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("n_pixels", "n_scans", "is_refused"),
    [(200_000_000, 3, False), (200_000_000, 13, True), (50_000_000, 13, False), (1000, 99, False)],
)
def test_a_jpeg_of_any_size_may_have_the_scans_that_are_usual(n_pixels, n_scans, is_refused):
    file = io.BytesIO(many_scans(64, max(1, n_scans - 9)))
    if is_refused:
        with pytest.raises(RefusedError, match="too many scans for its size"):
            check_scans(file, n_pixels)
    else:
        check_scans(file, n_pixels)
