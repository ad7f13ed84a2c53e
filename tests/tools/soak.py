"""Hours of training on a machine where everything goes wrong, again and again.

    python -m tests.tools.soak --minutes=120 [--seed=0]

A small model trains on a disk of its own. It is killed at random instants, its disk fills up, its
images are damaged, removed and replaced by odd things; then it is started again. In between it is
left in peace for a while, and its memory is watched. After every end, all of this must be true:

- it ended as it should (of the signal's exit code; or 1 and one line, where the disk was full);
- the newest checkpoint is whole, and no step is lost beyond one interval;
- no process of it is left, and after the next start no temporary file;
- in a leg of peace its resident memory grew by less than 5 %.

Prints a line per leg and a Markdown table; exits with 1 at the first promise that is broken.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import re
import secrets
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pixace.checkpoints.folder import read_newest
from tests.conftest import flags_of, paint
from tests.tools.small_disk import SmallDisk, small_disk

INTERVAL = 100  # steps between two checkpoints
N_PAGES = 1 << 18  # of the disk: 1 GiB, room for the pictures of 6,000 epochs
N_IMAGES = 60
MARK = "PIXACE_SOAK"  # in the environment of every process of a training
MOST_GROWTH = 0.05
PATIENCE = 600  # seconds until a training that does not end counts as hanging
# Exit codes that a signal may lead to.
ENDS = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
EPOCH_LINE = re.compile(r"epoch \d+: step (\d+), .*; saved ")


class Training:
    """A running `pixace train`.

    Attributes:
      process: the process.
      log: the file that its messages go to.
    """

    def __init__(self, painted: Path, weights_dir: Path, log: Path) -> None:
        self.log = log
        self.mark = secrets.token_hex(8)
        command = flags_of(painted, weights_dir, "soak", steps_per_epoch=INTERVAL, n_epochs=10**6)
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                command, stderr=file, env={**os.environ, MARK: self.mark}, start_new_session=True
            )

    def said(self) -> str:
        """Returns its messages so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def saved_step(self) -> int:
        """Returns the last step that it called saved; 0 if none yet."""
        return max([0, *map(int, EPOCH_LINE.findall(self.said()))])

    def last_step(self) -> int:
        """Returns the last step that any of its messages names."""
        return max([0, *map(int, re.findall(r"\bstep (\d+)", self.said()))])

    def resident(self) -> int:
        """Returns its resident memory in bytes; 0 once it has ended."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        match = re.search(r"VmRSS:\s+(\d+)", status)
        return int(match[1]) * 1024 if match else 0

    def wait_until(self, condition, seconds: float) -> None:
        """Waits for something to be true, for the process to end or for the time to be up."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None and not condition():
            time.sleep(0.2)

    def left(self) -> list[int]:
        """Returns the processes that carry this training's mark."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found


class Mischief(threading.Thread):
    """Damages, removes and replaces images every few seconds, and adds odd ones.

    Attributes:
      counts: how often it did what.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._rng = np.random.default_rng(seed)
        self._stopped = threading.Event()
        self.counts: collections.Counter[str] = collections.Counter()

    def run(self) -> None:
        """Does one bad thing after the other."""
        deeds = (self.cut, self.remove, self.scribble, self.pipe, self.link, self.odd, self.mend)
        while not self._stopped.wait(self._rng.uniform(1, 8)):
            deed = deeds[self._rng.integers(len(deeds))]
            with contextlib.suppress(OSError):  # what it wanted is gone already
                deed()
                self.counts[deed.__name__] += 1

    def stop(self) -> None:
        """Ends it."""
        self._stopped.set()
        self.join()

    def _one(self) -> Path:
        return self._folder / f"disc-{self._rng.integers(N_IMAGES):03d}.png"

    def cut(self) -> None:
        """Cuts an image short."""
        path = self._one()
        os.truncate(path, self._rng.integers(path.stat().st_size + 1))

    def remove(self) -> None:
        """Removes an image."""
        self._one().unlink()

    def scribble(self) -> None:
        """Fills an image with noise."""
        path = self._one()
        path.unlink(missing_ok=True)
        path.write_bytes(self._rng.bytes(200))

    def pipe(self) -> None:
        """Puts a pipe that nobody writes to in an image's place."""
        path = self._one()
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    def link(self) -> None:
        """Puts a link to itself in an image's place."""
        path = self._one()
        path.unlink(missing_ok=True)
        path.symlink_to(path.name)

    def odd(self) -> None:
        """Adds a damaged file of a name that is not UTF-8."""
        name = os.fsencode(self._folder) + b"/odd-\xff\n%d.png" % self._rng.integers(20)
        Path(os.fsdecode(name)).write_bytes(b"\x89PNG\r\n\x1a\n")

    def mend(self) -> None:
        """Makes half of the folder good again."""
        for path in self._folder.iterdir():
            if self._rng.uniform() < 0.5 or not path.is_file():
                path.unlink()
        paint(self._folder, N_IMAGES, seed=int(self._rng.integers(1000)))


class Soak:
    """The whole run.

    Args:
      folder: for images and messages.
      disk: for the model.
      seed: of everything random.
    """

    def __init__(self, folder: Path, disk: SmallDisk, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._disk = disk
        self._painted = folder
        self._log = folder / "log"
        self._model = disk.path / "soak"
        self.step = 0  # of the newest checkpoint
        self.most_lost = 0  # steps that one end cost
        self.growth = 0.0  # the largest
        self.trained = 0  # steps that were checked to be there
        self.counts: collections.Counter[str] = collections.Counter()
        paint(folder / "train", N_IMAGES, seed=1)
        paint(folder / "val", 8, seed=2)

    @contextlib.contextmanager
    def _training(self) -> Iterator[Training]:
        """Starts a training; afterwards, checks what it left behind."""
        training = Training(self._painted, self._disk.path, self._log)
        try:
            yield training
        finally:
            if training.process.poll() is None:
                os.killpg(training.process.pid, signal.SIGKILL)
        training.process.wait()
        said = training.said()
        assert "Traceback" not in said, said
        assert "skipped a checkpoint" not in said, said
        deadline = time.monotonic() + 5  # a killed parent's children may take a moment to see it
        while training.left() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not training.left(), "processes are left"
        reported = max(self.step, training.saved_step())
        newest = read_newest(self._model) if self._model.exists() else None
        found = newest[1].step if newest else 0
        assert found >= reported, f"step {found} is there, {reported} was called saved"
        self.most_lost = max(self.most_lost, training.last_step() - found)
        assert self.most_lost <= INTERVAL, f"{self.most_lost} steps were lost"
        self.trained += found - self.step
        self.step = found

    def kill(self) -> str:
        """One training that gets a signal at a random instant."""
        number = list(ENDS)[self._rng.integers(len(ENDS))]
        with self._training() as training:
            # Within the first moments Python itself starts, and a signal ends it as any program.
            seconds = 1 + self._rng.choice([4, 12, 40]) * self._rng.uniform()
            training.wait_until(lambda: False, float(seconds))
            assert training.process.poll() is None, training.said()
            training.process.send_signal(number)
            code = training.process.wait(timeout=PATIENCE)
            starting = "writing to" not in training.said()
            assert code == ENDS[number] or (starting and code == -number), (number, code)
        self.counts[f"killed by {number.name}"] += 1
        return f"{number.name}{' while starting' if starting else ''}"

    def fill(self) -> str:
        """One training whose disk becomes full at a random instant."""
        with self._training() as training:
            training.wait_until(lambda: "writing to" in training.said(), PATIENCE)
            training.wait_until(lambda: False, self._rng.uniform(0, 10))
            leave = int(self._rng.integers(40))
            while training.process.poll() is None:
                with contextlib.suppress(OSError):  # it took the room itself, just now
                    self._disk.fill(leave)
                    break
            code = training.process.wait(timeout=PATIENCE)
            said = training.said()
        self._disk.free()
        assert code == 1, (code, said)
        assert said.splitlines()[-1].startswith("pixace: "), said
        assert "No space left" in said.splitlines()[-1], said
        self.counts["disk filled up"] += 1
        return "disk full"

    def peace(self, seconds: float) -> str:
        """One training that is left alone, and then asked to stop."""
        resident = []
        with self._training() as training:
            training.wait_until(lambda: training.saved_step() >= self.step + 2 * INTERVAL, PATIENCE)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and training.process.poll() is None:
                resident.append(training.resident())
                time.sleep(2)
            assert training.process.poll() is None, training.said()
            leftovers = [
                path
                for path in self._model.rglob(".*.tmp")
                if time.time() - path.stat().st_mtime > 60
            ]
            assert not leftovers, leftovers
            training.process.send_signal(signal.SIGTERM)
            assert training.process.wait(timeout=PATIENCE) == 143
        part = max(1, len(resident) // 5)
        before, after = statistics.median(resident[:part]), statistics.median(resident[-part:])
        growth = after / before - 1
        self.growth = max(self.growth, growth)
        assert growth < MOST_GROWTH, f"from {before / 1e6:.1f} to {after / 1e6:.1f} MB"
        self.counts["left in peace"] += 1
        return f"{seconds:.0f} s of peace: {before / 1e6:.1f} MB, then {after / 1e6:.1f} MB"


def main() -> None:
    """Runs legs until the time is up."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    deadline = started + options.minutes * 60
    peace_seconds = min(900.0, options.minutes * 60 / 8)
    with tempfile.TemporaryDirectory() as name:
        mount_point = Path(name, "disk")
        mount_point.mkdir()
        with small_disk(mount_point, N_PAGES) as disk:
            soak = Soak(Path(name), disk, options.seed)
            mischief = Mischief(Path(name, "train"), options.seed)
            mischief.start()
            legs = 0
            try:
                while time.monotonic() < deadline:
                    kinds = [soak.kill] * 5 + [soak.fill]
                    leg = kinds[np.random.default_rng((options.seed, legs)).integers(len(kinds))]
                    done = soak.peace(peace_seconds) if legs % 20 == 19 else leg()
                    legs += 1
                    minutes = (time.monotonic() - started) / 60
                    print(f"{minutes:6.1f} min  leg {legs}: {done}; step {soak.step}", flush=True)
                soak.peace(60)
            finally:
                mischief.stop()
            assert not list(disk.path.rglob(".*.tmp")), "temporary files are left"
    deeds = ", ".join(f"{name} {count}" for name, count in sorted(mischief.counts.items()))
    print(f"\n| Fault in {options.minutes:.0f} minutes | Times |\n| --- | ---: |")
    for fault, count in sorted(soak.counts.items()):
        print(f"| {fault} | {count} |")
    print(f"| images changed ({deeds}) | {mischief.counts.total()} |")
    print(
        f"\n{soak.trained} steps; at most {soak.most_lost} lost by one end ({INTERVAL} between two "
        f"saves); resident memory grew by {soak.growth:.1%} at most"
    )


if __name__ == "__main__":
    main()
