"""Nothing in a file of weights runs, crashes or passes for weights when it is not.

Every payload is loaded in a child process under an audit hook (`hostile_pickles`). The long
versions do what the short ones do, on all of the material.
"""

import collections
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pixace.wording import shown
from tests.tools import hostile_pickles
from tests.tools.hostile_pickles import PLACEMENTS, placed
from tests.tools.patience import PATIENCE
from tests.tools.places import LEGACY, ROOT

pytestmark = pytest.mark.fault

TOOLS = ROOT / "tests" / "tools"
REAL_FILES = ("reformer-jaxarrays", "transformer-jaxarrays", "transformer-numpy")
SECONDS = 2.0  # of processor time, for one file
BOMB_SECONDS = 10.0  # twice what they have on a quiet machine
MEMORY = 600e6  # bytes, of the whole process


class Case(NamedTuple):
    """One file to load: what it is called in a failure, and what its message may say."""

    label: str
    path: Path
    says: tuple[str, ...]


def run_child(job: dict[str, Any], seconds: float) -> tuple[list[dict[str, Any]], str]:
    """Runs `hostile_pickles` on a job.

    Args:
        job: what to load.
        seconds: after which the child is killed.

    Returns:
        One report for each case that came to an end, and how the child itself ended ("" if well).
    """
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # One thread: under a limit of address space, NumPy's threads would take their share of it.
    environment = {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(TOOLS / "hostile_pickles.py")]
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            output, errors = child.communicate(json.dumps(job), timeout=seconds)
            ending = (
                "" if child.returncode == 0 else f"ended with {child.returncode}: {errors[-500:]}"
            )
            if child.returncode < 0:
                ending = f"died of {signal.Signals(-child.returncode).name}"
        except subprocess.TimeoutExpired:
            child.kill()
            output, _ = child.communicate()
            ending = f"took more than {seconds} s"
    return [json.loads(line) for line in output.splitlines() if line.endswith("}")], ending


def reports_of(cases: list[Case], **options: Any) -> list[dict[str, Any]]:
    """Loads all cases in one child, a fresh one after each that ends it; returns the reports."""
    reports: list[dict[str, Any]] = []
    while len(reports) < len(cases):
        left = [str(case.path) for case in cases[len(reports) :]]
        done, ending = run_child(
            {"kind": "files", "paths": left, **options}, PATIENCE + len(left) / 10
        )
        reports += done
        if len(done) < len(left):  # the next one ended the child
            reports.append({"outcome": ending, "message": "", "seconds": 0.0, "events": []})
    return reports


def assert_refused(cases: list[Case], seconds: float = SECONDS, **options: Any) -> None:
    """Asserts that every case is refused in one line naming the file, and that nothing happened."""
    wrong = []
    for case, report in zip(cases, reports_of(cases, **options), strict=True):
        message = report["message"]
        name = shown(case.path)
        faults = {
            "not refused": report["outcome"] != "refused",
            "not one line of ordinary length": not message.isprintable() or len(message) > 800,
            "does not name the file": not message.startswith(f"{name}: "),
            f"says none of {case.says}": not any(part in message for part in case.says),
            "slow": report["seconds"] > seconds,
            "took memory": report.get("peak", 0) > MEMORY,
            "did something": bool(report["events"]),
        }
        found = [fault for fault, is_so in faults.items() if is_so]
        if found:
            wrong.append(f"{case.label}: {found} {report}")
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:20])


def placed_cases(folder: Path, family: str) -> list[Case]:
    """Writes every payload of a family in its four placements, as a gzip file each."""
    cases = []
    for number, payload in enumerate(hostile_pickles.all_payloads()):
        if payload.family == family:
            for placement in PLACEMENTS:
                path = folder / f"{number}-{placement}.pkl.gz"
                path.write_bytes(hostile_pickles.packed(placed(payload.fragment, placement), 1))
                # Before a valid pickle, what is wrong with the first value may not be looked at.
                also = ("after the end of the pickle",) if placement == "before" else ()
                cases.append(Case(f"{payload.name}, {placement}", path, (payload.says, *also)))
    return cases


def test_there_are_enough_payloads_and_no_two_alike() -> None:
    payloads = hostile_pickles.all_payloads()
    assert len({payload.fragment for payload in payloads}) == len(payloads) >= 80
    labels = [(payload.family, payload.name) for payload in payloads]
    assert len(set(labels)) == len(labels)
    assert {payload.family for payload in payloads} == set("ABCDEFGHIJKL")


def test_what_the_same_helpers_write_without_malice_loads(tmp_path: Path) -> None:
    cases = []
    for name, fragment in hostile_pickles.harmless().items():
        for placement in ("whole", "checkpoint", "history"):
            path = tmp_path / f"{name}-{placement}.pkl.gz"
            path.write_bytes(hostile_pickles.packed(placed(fragment, placement)))
            cases.append(Case(f"{name}, {placement}", path, ()))
    for case, report in zip(cases, reports_of(cases), strict=True):
        assert report["outcome"] == "loaded", (case.label, report)
        assert not report["events"], (case.label, report)


def test_the_child_sees_what_a_real_unpickler_does(tmp_path: Path) -> None:
    # The hook itself must work: an event that is not the file's own opening is reported.
    code = (
        "import hostile_pickles as h, os, sys\n"
        "watch = h.Watch()\n"
        "h.safe_pickle.load = lambda path: os.system('true')\n"
        "print(watch.load('x')[0]['events'], flush=True)\n"
        "os._exit(0)\n"
    )
    paths = os.pathsep.join([str(TOOLS), str(ROOT)])
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "os.system" in result.stdout


@pytest.mark.parametrize("family", "ABCDEFGHIJKL")
def test_payloads_are_refused_wherever_they_are(family: str, tmp_path: Path, tally) -> None:
    cases = placed_cases(tmp_path, family)
    assert_refused(cases)
    tally.add("code, gadgets and forged arrays in a checkpoint", len(cases))


def file_cases(folder: Path, files: list[hostile_pickles.HostileFile]) -> list[Case]:
    """Writes whole files, each in a folder of its own."""
    cases = []
    for number, file in enumerate(files):
        place = folder / str(number)
        place.mkdir()
        cases.append(Case(file.name, file.make(place), (file.says,)))
    return cases


def test_hostile_files_are_refused(tmp_path: Path, tally) -> None:
    cases = file_cases(tmp_path, hostile_pickles.hostile_files())
    assert_refused(cases)
    tally.add("bombs and other things that are no checkpoint", len(cases))


def assert_bombs_cost_little(bombs: list[hostile_pickles.HostileFile], folder: Path) -> None:
    """Asserts that each is refused by a fresh child within time and memory."""
    for file in bombs:
        path = file.make(folder)
        assert_refused([Case(file.name, path, (file.says,))], seconds=BOMB_SECONDS)
        path.unlink()


def test_small_bombs_cost_little(tmp_path: Path, tally) -> None:
    bombs = hostile_pickles.small_bombs()
    chosen = ("3 GiB of bytes", "jax arrays")
    assert_bombs_cost_little([bomb for bomb in bombs if bomb.name in chosen], tmp_path)
    tally.add("bombs and other things that are no checkpoint", len(chosen))


@pytest.mark.long
def test_all_bombs_cost_little(tmp_path: Path, tally) -> None:
    bombs = hostile_pickles.small_bombs() + hostile_pickles.large_bombs()
    assert_bombs_cost_little(bombs, tmp_path)
    tally.add("bombs and other things that are no checkpoint", len(bombs))


def outcomes(fixture: str, kind: str, seeds: tuple[int, int], scratch: Path) -> dict[str, int]:
    """Damages a real file with every seed; returns how often each outcome was met.

    Fails on a child that died, a slow case, an audit event, or an answer that is no plain data.
    """
    job = {
        "kind": kind,
        "fixture": str(LEGACY / f"{fixture}.pkl.gz"),
        "seeds": list(seeds),
        "scratch": str(scratch),
    }
    count = seeds[1] - seeds[0]
    reports, ending = run_child(job, PATIENCE + count * 0.2)
    assert not ending, f"{fixture}, {kind}, seed {seeds[0] + len(reports)}: {ending}"
    assert len(reports) == count
    for seed, report in enumerate(reports, seeds[0]):
        where = f"{fixture}, {kind}, seed {seed}: {report}"
        assert report["seconds"] < SECONDS, where
        assert not report["events"], where
        assert report["message"].isprintable(), where
        assert report["outcome"] in ("refused", "equal", "contents differ", "values differ"), where
    return dict(collections.Counter(report["outcome"] for report in reports))


def assert_no_damage_passes(fixture: str, counts: dict[str, int], scratch: Path) -> None:
    """Asserts that every one of `counts` corruptions of a file is refused."""
    for kind, count in counts.items():
        assert outcomes(fixture, kind, (0, count), scratch) == {"refused": count}


@pytest.mark.parametrize("fixture", REAL_FILES)
def test_a_damaged_file_is_refused(fixture: str, tmp_path: Path, tally) -> None:
    counts = {"cut": 9, "flip": 9, "swap": 3}
    assert_no_damage_passes(fixture, counts, tmp_path / "damaged.pkl.gz")
    tally.add("a checkpoint cut short, a bit flipped, two bytes swapped", sum(counts.values()))


@pytest.mark.long
@pytest.mark.parametrize("fixture", REAL_FILES)
def test_every_damaged_file_of_1100_is_refused(fixture: str, tmp_path: Path, tally) -> None:
    counts = {"cut": 500, "flip": 500, "swap": 100}
    assert_no_damage_passes(fixture, counts, tmp_path / "damaged.pkl.gz")
    tally.add("a checkpoint cut short, a bit flipped, two bytes swapped", sum(counts.values()))


def assert_mutations_are_inert(fixture: str, seeds: tuple[int, int], scratch: Path) -> None:
    """Asserts that mutated pickles, packed with a right CRC, are refused or are still plain data.

    No reader can tell a changed number from the right one: of the answers, "contents differ" has
    other bytes in an array, "values differ" another key, step, shape or dtype; comparing these with
    the model is the checkpoint's business. They are rare beside refusals.
    """
    found = outcomes(fixture, "mutate", seeds, scratch)
    print(fixture, found)
    assert found["refused"] > 0.3 * (seeds[1] - seeds[0]), found
    assert found.get("values differ", 0) < 0.1 * (seeds[1] - seeds[0]), found


@pytest.mark.parametrize("fixture", REAL_FILES)
def test_mutated_files_are_refused_or_plain_data(fixture: str, tmp_path: Path, tally) -> None:
    assert_mutations_are_inert(fixture, (0, 100), tmp_path / "mutated.pkl.gz")
    tally.add("changed opcodes in a checkpoint, its checksum right", 100)


@pytest.mark.long
@pytest.mark.parametrize("fixture", REAL_FILES)
def test_20000_mutated_files_are_refused_or_plain_data(fixture: str, tmp_path: Path, tally) -> None:
    assert_mutations_are_inert(fixture, (1000, 7667), tmp_path / "mutated.pkl.gz")
    tally.add("changed opcodes in a checkpoint, its checksum right", 6667)
