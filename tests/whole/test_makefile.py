"""`make` alone lists what there is to make, and makes nothing."""

import os
import re
import shutil
import subprocess

import pytest

from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
TEXT = (ROOT / "Makefile").read_text()


def make(*words, cwd=ROOT):
    # As from a shell, also where these tests are themselves run by make.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.mark.parametrize("words", [(), ("help",)])
def test_make_lists_each_target_with_a_sentence(words, tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = make(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    listed = dict(
        re.fullmatch(r"make (\S+) +(.+)", line).groups() for line in done.stdout.splitlines()
    )
    (targets,) = re.findall(r"^\.PHONY: (.+)$", TEXT, re.M)
    assert list(listed) == targets.split()
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"], "nothing was made"


def test_the_list_names_the_minutes_that_are_the_default():
    for name in ("FUZZ_MINUTES", "SOAK_MINUTES"):
        (default,) = re.findall(rf"^{name} = (\d+)$", TEXT, re.M)
        assert f"{name}={default}\n" in TEXT


def test_what_the_documents_make_can_be_made():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    words = {
        word
        for path in documents
        for command in re.findall(r"(?:^|`)make ([a-z -]+)", path.read_text("utf-8"), re.M)
        for word in command.split()
        if path.name != "CHANGELOG.md"
    }
    (targets,) = re.findall(r"^\.PHONY: (.+)$", TEXT, re.M)
    assert {"test", "demo", "faults"} <= words <= set(targets.split())
