"""The door opens without a word, and checks first that there is room behind it."""

import subprocess
import sys

import pytest

from tests.tools.patience import PATIENCE


def test_importing_prints_nothing():
    result = subprocess.run(
        [sys.executable, "-c", "import pixace.backend.door"], capture_output=True, text=True
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("module", ["importing", "lazy_imports", "compilation_cache"])
def test_nothing_but_the_door_starts_the_libraries(module):
    code = (
        f"import sys, pixace.backend.{module}; sys.exit(bool({{'jax', 'trax'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0


def test_limits_are_checked_before_native_code_meets_them():
    code = (
        "from pixace.system import limits\n"
        "def refuse(per_core): raise SystemExit(7)\n"
        "limits.require_threads = refuse\n"
        "import sys\n"
        "try:\n"
        "    import pixace.backend.door\n"
        "finally:\n"
        "    assert 'jax' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 7
