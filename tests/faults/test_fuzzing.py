"""What fuzzing once broke stays mended, and the fuzzers' own targets work."""

import random
from pathlib import Path

import pytest

from tests.tools.fuzzing import FOUND, TARGETS, Watched

pytestmark = pytest.mark.fault
WHAT = {"checkpoint": "a checkpoint", "config": "a model's settings", "image": "an image"}


def changed(data: bytes, rng: random.Random) -> bytes:
    """Changes some bytes, cuts some out and doubles some."""
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(damaged) + 1)
        end = min(len(damaged), start + rng.choice([1, 1, 2, 8, 40]))
        part = damaged[start:end]
        damaged[start:end] = rng.choice([rng.randbytes(len(part)), b"", bytes(part) * 2])
    return bytes(damaged)


@pytest.mark.parametrize("name", TARGETS)
def test_a_stranger_s_bytes_are_read_or_refused(name: str, tmp_path: Path, tally) -> None:
    """All that once broke a target, its good and bad seeds, and many changes of them."""
    target = TARGETS[name]
    watched = Watched(name, tmp_path)
    for path in sorted((FOUND / name).glob("*")):
        watched.try_one(path.read_bytes())
    seeds = list(target.seeds())
    rng = random.Random(name)
    n_cases = tally.cases(1000, 50_000)
    for _ in range(n_cases):
        watched.try_one(changed(rng.choice(seeds), rng))
    assert watched.outcomes["read"] > 5, watched.outcomes
    assert watched.outcomes["refused"] > n_cases // 10, watched.outcomes
    tally.add(f"changed bytes in {WHAT[name]}", n_cases)


def test_a_target_that_opens_a_file_is_caught(tmp_path: Path) -> None:
    """The watch itself works."""
    watched = Watched("config", tmp_path)
    watched.target = TARGETS["config"]._replace(read=lambda path: (tmp_path / "x").write_text(""))
    with pytest.raises(AssertionError, match=r"open .*/x"):
        watched.try_one(b"{}")
