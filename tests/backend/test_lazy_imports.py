"""Imports put off: a package made for the test, and one that imports it as trax does TensorFlow."""

import importlib
import sys

import pytest

from pixace.backend.lazy_imports import deferred_imports, resolve

HEAVY = """
from heavy import part
loaded = True
def double(x): return 2 * x
class Number(int): pass
"""

# What a module does with a library while it is imported itself, and what it does later.
LIGHT = """
import heavy
import heavy.part
import heavy.part as part
from heavy import double, part as same_part
from heavy.part import triple
table = {"double": heavy.double, "deep": heavy.part.inner}
def is_number(x): return isinstance(x, heavy.Number)
"""

PART = """
def triple(x): return 3 * x
def inner(x): return x - 1
"""


@pytest.fixture
def light(tmp_path, monkeypatch):
    """The module that imports the heavy package, in front of which a stand-in stands."""
    (tmp_path / "heavy").mkdir()
    (tmp_path / "heavy" / "__init__.py").write_text(HEAVY)
    (tmp_path / "heavy" / "part.py").write_text(PART)
    (tmp_path / "light.py").write_text(LIGHT)
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    with deferred_imports(["heavy"]):
        module = importlib.import_module("light")
    assert sys.meta_path == finders
    yield module
    for name in ("heavy", "heavy.part", "light"):
        sys.modules.pop(name, None)


def test_nothing_is_imported_before_it_is_used(light):
    assert "heavy" not in sys.modules
    assert light.heavy.loaded
    assert sys.modules["heavy"].loaded


def test_modules_functions_and_classes_are_the_real_ones_when_used(light):
    assert light.double(4) == light.table["double"](4) == light.heavy.double(4) == 8
    assert light.triple(4) == light.part.triple(4) == light.same_part.triple(4) == 12
    assert light.table["deep"](4) == 3
    assert light.is_number(light.heavy.Number(1)) and not light.is_number(1)


def test_an_import_elsewhere_gets_the_real_module(light):
    import heavy.part

    assert heavy.__file__.endswith("__init__.py")
    assert heavy.part.inner(1) == 0
    assert light.heavy.Number is heavy.Number


def test_a_module_that_is_there_already_stays(light):
    import heavy

    del sys.modules["light"]
    with deferred_imports(["heavy"]):
        again = importlib.import_module("light")
    assert again.heavy is heavy and again.triple is heavy.part.triple


def test_what_is_missing_is_missed_when_it_is_used(tmp_path, monkeypatch):
    (tmp_path / "hopeful.py").write_text("import missing_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with deferred_imports(["missing_library"]):
        hopeful = importlib.import_module("hopeful")
    with pytest.raises(ModuleNotFoundError, match="missing_library"):
        hopeful.missing_library.anything  # noqa: B018
    with pytest.raises(AttributeError, match="nonsense"):
        resolve("json.decoder.nonsense")


def test_a_failing_import_leaves_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("import missing_library\n1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    with pytest.raises(ZeroDivisionError), deferred_imports(["missing_library"]):
        importlib.import_module("broken")
    assert "missing_library" not in sys.modules and sys.meta_path == finders
