"""Every write of the program, in a list; and each of them on disks that take no more.

What a training writes into its folder fails in `test_full_disk`, page by page, and in `test_files`
every kind of error while a file is replaced.
"""

import os
import re
import sys
from pathlib import Path

import pytest

from pixace.checkpoints.folder import LATEST_NAME
from pixace.cli import main
from tests.conftest import flags_of
from tests.faults.test_full_disk import out_of_files
from tests.tools.small_disk import NoSmallDisk, small_disk

pytestmark = [pytest.mark.fault, pytest.mark.usefixtures("_messages_as_before")]

# What is written -> where, as the commands below are called. A file that is replaced as a whole
# has a temporary name before, which stands here for its final one.
WRITES = {
    "settings of a model": r"weights/[md]/config\.json",
    "lock of a training": r"weights/m/\.lock",
    "state of a training": r"weights/m/model\.pkl\.gz",
    "an epoch's name for it": r"weights/m/\.?model-\d{5}\.pkl\.gz(\.link\.tmp)?",
    "curves": r"weights/m/(train|val)/events\.out\.tfevents\.[^/]*",
    "pictures of an epoch": r"weights/m/pictures/(samples|completions)-\d{5}\.png",
    "token cache": r"cache/(train|val)-[0-9a-f]{16}\.tokens",
    "collage": r"out/collage\.png",
    "film": r"out/film\.gif",
    "quantised pictures": r"out/quantised\.png",
    "contact sheet": r"out/sheet\.png",
    "heat maps": r"out/surprise\.png",
    "plot": r"out/plot\.svg",
    "report": r"out/report\.html",
    "split": r"out/(split|\.split\.[a-z0-9_]{8}/split)(/(train|val)/disc-\d+\.png)?",
    "download, in part": r"weights/d/\.model\.pkl\.gz\.part",
    "download's lock": r"weights/(d/)?\.[^/]*\.lock",
    "download": r"weights/d/model\.pkl\.gz",
    "download's marker": r"weights/d/download\.json",
}

_TEMPORARY = re.compile(r"/\.([^/]+)\.[a-z0-9_]{8}\.tmp$")

seen: set[str] | None = None


def _note(event: str, arguments: tuple) -> None:
    """Notes what is opened for writing, renamed or linked, while anybody wants to know."""
    if seen is None:
        return
    if event == "open":
        path, _, flags = arguments
        is_written = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if isinstance(path, str | bytes | os.PathLike) and is_written and not os.path.isdir(path):
            seen.add(os.path.abspath(os.fsdecode(path)))
    elif event in ("os.rename", "os.link", "os.symlink"):
        seen.add(os.path.abspath(os.fsdecode(arguments[1])))


def commands(painted: Path, weights_dir: Path, top: Path) -> dict[str, list[str]]:
    """Returns the words of each command that writes; all of it goes below `top`."""
    train, val = f"--images={painted / 'train'}", f"--images={painted / 'val'}"
    model = ["--model_name=transformer", f"--weights_dir={weights_dir}"]
    tiny = ["--image_size=6", "--bitdepth=2,1,2"]
    training = flags_of(painted, top / "weights", "m", n_epochs=1, cache_dir=top / "cache")
    stored = weights_dir / "transformer" / LATEST_NAME
    return {
        "train": training[3:],
        "predict": ["predict", *model, "--seed=1", "--scale=16", f"--out={top}/out/collage.png"],
        "film": ["predict", *model, "--seed=1", "--scale=16", f"--film={top}/out/film.gif"],
        "quantize": ["quantize", train, *tiny[:1], f"--out={top}/out/quantised.png"],
        "sheet": ["check", val, *tiny, f"--sheet={top}/out/sheet.png"],
        "score": ["score", *model, val, f"--surprise={top}/out/surprise.png"],
        "plot": ["plot", *model, f"--out={top}/out/plot.svg"],
        "report": ["report", *model, f"--out={top}/out/report.html"],
        "split": ["check", train, *tiny, "--split=0.3", f"--out={top}/out/split"],
        "download": [
            *("download", "--model_name=d", f"--url={stored}"),
            f"--weights_dir={top / 'weights'}",
        ],
    }


@pytest.mark.slow
def test_nothing_is_written_that_is_not_in_the_list(painted, weights_dir, tmp_path, monkeypatch):
    """And all that is in the list is written; native code's files are found afterwards."""
    global seen
    top = tmp_path / "top"
    monkeypatch.chdir(tmp_path)
    for variable in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(top / variable))
        (top / variable).mkdir(parents=True)
    sys.addaudithook(_note)
    seen = set()
    try:
        for words in commands(painted, weights_dir, top).values():
            assert main(words) == 0, words
        found = seen
    finally:
        seen = None
    found |= {str(path) for path in top.rglob("*") if path.is_symlink() or path.is_file()}
    of_the_tests = (os.devnull, os.environ["JAX_COMPILATION_CACHE_DIR"], str(tmp_path / "collage."))
    names = {
        _TEMPORARY.sub(r"/\1", path.removeprefix(f"{top}/"))
        for path in found
        if not path.startswith(of_the_tests) and "/.collage.png." not in path
    }
    unlisted = [
        name for name in names if not any(re.fullmatch(where, name) for where in WRITES.values())
    ]
    assert unlisted == []
    unwritten = [
        what
        for what, where in WRITES.items()
        if not any(re.fullmatch(where, name) for name in names)
    ]
    assert unwritten == []


# Command -> the file that it names when the disk takes no more, and what can be wrong with it.
# The links of a split are made where the real path leads, which is not through this disk.
FULL, NO_NAMES, READ_ONLY = "full", "no names left", "read-only"
ON_FULL_DISKS = {
    "train": ("cache", (FULL, NO_NAMES, READ_ONLY)),
    "predict": ("out/collage.png", (FULL, NO_NAMES, READ_ONLY)),
    "film": ("out/film.gif", (FULL, NO_NAMES, READ_ONLY)),
    "quantize": ("out/quantised.png", (FULL, NO_NAMES, READ_ONLY)),
    "sheet": ("out/sheet.png", (FULL, NO_NAMES, READ_ONLY)),
    "score": ("out/surprise.png", (FULL, NO_NAMES, READ_ONLY)),
    "plot": ("out/plot.svg", (FULL, NO_NAMES, READ_ONLY)),
    "report": ("out/report.html", (FULL, NO_NAMES, READ_ONLY)),
    "download": ("weights/d", (FULL, NO_NAMES, READ_ONLY)),
}


def contents(folder: Path) -> dict[str, bytes | None]:
    """Returns all names below a folder, with the bytes of ordinary files; no fillers, no locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name not in ("filler", ".lock")
    }


@pytest.mark.parametrize("command", ON_FULL_DISKS)
def test_each_of_them_fails(painted, weights_dir, tmp_path, monkeypatch, capfd, tally, command):
    """One line that names the file, exit code 1, and the disk as it was."""
    monkeypatch.chdir(tmp_path)
    named, faults = ON_FULL_DISKS[command]
    faults = faults[: tally.cases(1, len(faults))]
    try:
        (tmp_path / "disk").mkdir()
        with small_disk(tmp_path / "disk", 2048) as disk:
            top = disk.path
            for folder in ("cache", "out", "weights"):
                (top / folder).mkdir()
            if "." in named:
                (top / named).write_bytes(b"old")
            words = commands(painted, weights_dir, top)[command]
            if command == "train":
                words.append(f"--weights_dir={tmp_path}")
            before = contents(top)
            for fault in faults:
                if fault == FULL:
                    disk.fill()
                elif fault == NO_NAMES:
                    out_of_files(disk)
                else:
                    disk.remount("ro")
                capfd.readouterr()
                code = main(words)
                told = [line for line in capfd.readouterr().err.splitlines() if "pixace: " in line]
                assert (code, len(told)) == (1, 1), (fault, told)
                assert str(top / named) in told[0]
                reason = (
                    "Read-only file system" if fault == READ_ONLY else "No space left on device"
                )
                assert reason in told[0]
                assert contents(top) == before, fault
                disk.remount("rw,nr_inodes=10000")
                disk.free()
            if tally.thorough:
                assert main(words) == 0
                assert contents(top) != before
    except (NoSmallDisk, FileNotFoundError) as reason:
        pytest.skip(str(reason))
    tally.add("disks that are full, out of names or read-only, at each write", len(faults))
