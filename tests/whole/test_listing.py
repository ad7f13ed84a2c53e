"""The listing is the architecture: few rooms, a sentence for each, and nothing long in them."""

import ast

import pytest

from tests.tools.places import ROOT

PACKAGE = ROOT / "pixace"
SOURCES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}


def test_the_listing_is_short():
    files = [path.relative_to(PACKAGE).parts for path in PACKAGE.rglob("*.*")]
    entries = {parts[0] for parts in files if "__pycache__" not in parts}
    assert len(entries) <= 23, sorted(entries)


@pytest.mark.parametrize("name", [name for name in SOURCES if name.endswith("__init__.py")])
def test_a_room_says_in_a_sentence_what_it_is(name):
    sentence = ast.get_docstring(ast.parse(SOURCES[name].read_text("utf-8")))
    assert sentence
    assert sentence.split("\n\n")[0].endswith((".", ":"))


@pytest.mark.parametrize("name", SOURCES)
def test_modules_and_functions_are_short(name):
    text = SOURCES[name].read_text("utf-8")
    assert len(text.splitlines()) <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{name}: {node.name} is long"
