"""No terminal, no home, no working folder, closed streams: work is done, or one line says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import flags_of
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

pytestmark = pytest.mark.fault

NOWHERE = "/dev/null/such"  # nobody can make this folder, not even root

# What is missing -> what a shell does to the command, and the environment; None takes away.
SURROUNDINGS = {
    "stderr": ("2>&-", {}),
    "all streams": ("<&- >&- 2>&-", {}),
    "all but stderr": ("<&- >&-", {}),
    "a reader of stderr": ("2> >(true)", {}),
    "home": ("", {"HOME": None, "XDG_CACHE_HOME": None, "USER": None}),
    "home that exists": ("", {"HOME": NOWHERE, "XDG_CACHE_HOME": NOWHERE}),
    "home that can be written": ("", {"HOME": "/proc", "XDG_CACHE_HOME": "/proc"}),
    "temporary folder": ("", {"TMPDIR": NOWHERE, "TMP": NOWHERE}),
    "locale": ("", {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "terminal": ("", {"TERM": None}),
}


def run(words: list[str], cwd: Path, shell: str = "", before: str = "", **environment):
    """Runs a command in a shell; returns its exit code, stdout and stderr."""
    values = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    values.pop("JAX_COMPILATION_CACHE_DIR", None)
    done = subprocess.run(
        ["bash", "-c", f'{before} "$@" {shell}', "bash", sys.executable, "-m", "pixace", *words],
        cwd=cwd,
        env={name: value for name, value in values.items() if value is not None},
        capture_output=True,
        timeout=PATIENCE,
        start_new_session=True,
    )
    return done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr)


NAME = os.fsdecode(b"\xff\xc3\xa9\n.png")


@pytest.mark.slow
def test_what_may_be_missing(painted, weights_dir, tmp_path, tally):
    """The file is written, whatever its name."""
    model = ["--model_name=transformer", f"--weights_dir={weights_dir}", "--seed=1"]
    commands = {
        "quantize": ["quantize", f"--images={painted / 'val'}", f"--out={NAME}"],
        "predict": ["predict", *model, f"--out={NAME}", "--scale=16"],
        "train": flags_of(painted, tmp_path, "m", n_epochs=1)[3:],
    }
    chosen = [*commands][: tally.cases(1, len(commands))]
    for command in chosen:
        for missing, (shell, environment) in SURROUNDINGS.items():
            folder = tmp_path / f"{command} {missing}"
            folder.mkdir()
            words = [*commands[command]]
            if command == "train":
                words.append(f"--weights_dir={folder}")
            code, out, err = run(words, folder, shell, **environment)
            assert code == 0, (command, missing, err)
            assert "Traceback" not in err
            assert os.listdir(folder) == [NAME if command != "train" else "m"]
            assert ">&-" in shell or out.count("\n") >= 1
    tally.add("no streams, home, temporary folder or locale", len(chosen) * len(SURROUNDINGS))


# What is wrong with the working folder -> how it comes to be so, and what the line says.
FOLDERS = {
    "gone": ('cd gone && rmdir "$PWD" &&', ("has gone", "No such file")),
    "not ours to write": ("cd /proc &&", ("cannot write", "No such file", "Permission denied")),
}


@pytest.mark.parametrize("state", FOLDERS)
def test_working_folders_that_cannot_be_used(painted, weights_dir, tmp_path, tally, state):
    images = f"--images={painted / 'val'}"
    model = ["--model_name=transformer", f"--weights_dir={weights_dir}", "--seed=1"]
    before, reasons = FOLDERS[state]
    commands = [
        ["quantize", images],
        ["check", images, "--split=0.5", "--out=split"],
        ["download", "--model_name=d", f"--url={weights_dir / 'transformer' / 'model.pkl.gz'}"],
        ["plot", *model[:2]],
        ["report", *model[:2]],
        flags_of(painted, Path("weights"), "m", n_epochs=1)[3:],
        ["predict", *model],
    ]
    chosen = commands[: tally.cases(3, len(commands))]
    for words in chosen:
        (tmp_path / "gone").mkdir(exist_ok=True)
        code, out, err = run(words, tmp_path, "", before)
        assert code == 1, (words, err)
        assert out == "" or words[0] == "check", "its figures are not lost"
        assert err.startswith("pixace: ") and err.count("\n") == 1, err
        assert any(reason in err for reason in reasons), err
        code, _, err = run([words[0], "--help"], tmp_path, "", before if state != "gone" else "")
        assert code == 0, err
    tally.add("a working folder that is gone or not ours", len(chosen))


def test_errors_never_go_to_standard_output(tmp_path, tally):
    code, out, err = run(["report", "--model_name=none"], tmp_path, "2>&-")
    assert (code, out, err) == (1, "", "")
    tally.add("no streams, home, temporary folder or locale", 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_nobody_takes(painted, tmp_path, tally):
    """The reader has gone, or the disk below it is full."""
    words = ["check", f"--images={painted / 'train'}", "--json"]
    code, _, err = run(words, tmp_path, "| true; exit ${PIPESTATUS[0]}")
    assert (code, err) in ((0, ""), (1, ""))
    assert run(words, tmp_path, "> /dev/full") == (1, "", "pixace: No space left on device\n")
    tally.add("closed or full standard output", 2)
