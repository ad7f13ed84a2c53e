"""What the documents show is run, so that it stays true."""

import re
import subprocess
import sys

import numpy as np
import pytest

from pixace.checkpoints.file import read_checkpoint
from pixace.commands import COMMANDS
from pixace.commands.completion import flags_of
from tests.tools.places import ROOT


def snippets(name: str, language: str) -> list[str]:
    """Returns the code blocks of a document in one language."""
    text = (ROOT / "docs" / name).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_trax_opens_a_checkpoint_as_the_document_shows(weights_dir, tmp_path):
    (tmp_path / "model-weights").mkdir()
    (tmp_path / "model-weights" / "faces").symlink_to(weights_dir / "transformer")
    (code,) = snippets("checkpoints.md", "python")
    show = "\nimport numpy\nnumpy.savez('weights', *trax.fastmath.tree_leaves(model.weights))\n"
    done = subprocess.run(
        [sys.executable, "-c", code + show],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = read_checkpoint(weights_dir / "transformer" / "model.pkl.gz").weights
    with np.load(tmp_path / "weights.npz") as arrays:
        for array, ours in zip(arrays.values(), expected, strict=True):
            np.testing.assert_array_equal(array, ours)


def test_documents_link_to_what_there_is():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
            assert "://" in target or (path.parent / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/extending.md"])
def test_pages_about_the_code_name_files_that_there_are(name):
    text = re.sub(r"^```.*?^```$", "", (ROOT / name).read_text(), flags=re.M | re.S)
    paths = re.findall(r"`([\w.]+/[\w./]*)`", text)
    assert paths
    for path in paths:
        assert (ROOT / path).exists() or (ROOT / "pixace" / path).exists(), path


def test_the_page_on_extending_names_what_the_files_hold():
    text = (ROOT / "docs" / "extending.md").read_text()
    places = re.findall(r"`(\w+)`\s+(?:of|in)\s+`([\w/]+\.py)`", text)
    assert {"_BUILDERS", "_KINDS", "COMMANDS", "_OPTIMIZERS"} <= {name for name, _ in places}
    for name, path in places:
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), f"{name} in {path}"


def flag_tables(*words: str, folder=ROOT) -> subprocess.CompletedProcess:
    """Runs the script that fills the README's tables."""
    script = folder / "docs" / "flag_tables.py"
    return subprocess.run(
        [sys.executable, script, *words],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_the_readme_s_tables_of_flags_say_what_the_flags_say():
    done = flag_tables("--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_tables_that_have_drifted_are_told_and_mended(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "flag_tables.py").symlink_to(ROOT / "docs" / "flag_tables.py")
    text = (ROOT / "README.md").read_text()
    (row,) = re.findall(r"^\| `--warmup_steps` \|.*$", text, re.MULTILINE)
    readme = tmp_path / "README.md"
    readme.write_text(text.replace(row, "| `--warmup_steps` | 100 | steps |"))
    assert "differ" in flag_tables("--check", folder=tmp_path).stderr
    assert flag_tables(folder=tmp_path).returncode == 0
    assert readme.read_text() == text
    readme.write_text(text.replace("`--warmup_steps`", "`--warm_up`"))
    assert "KeyError: 'warm_up'" in flag_tables(folder=tmp_path).stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_names_every_flag(command):
    text = (ROOT / "README.md").read_text()
    assert not [name for name in flags_of(command) if f"--{name}" not in text]
