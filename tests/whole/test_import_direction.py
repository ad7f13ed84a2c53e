"""Imports go one way: each room imports only what its row in ARCHITECTURE.md allows."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from fnmatch import fnmatch

import pytest

from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

PACKAGE = ROOT / "pixace"

# Who may import what is slow to import, or changes the process: everybody else goes through them.
GUARDED = {
    "trax": ["backend.*"],
    "jax": ["backend.*"],
    "jaxlib": ["backend.*"],
    "tensorflow": ["backend.*"],
    "absl": ["commands.*", "cli"],
}

# Slow, and not always needed: only inside functions.
DEFERRED = ("requests", "urllib3", "tqdm", "matplotlib", "trax", "jax", "tensorflow")

# What needs no model reaches no trax: rooms, and modules of rooms that do.
LIGHT = (
    *("errors", "wording", "settings", "system", "web", "checkpoints", "pictures", "zoo", "tokens"),
    *("dataset.reading", "dataset.cache", "dataset.examine", "dataset.findings", "dataset.split"),
    *("dataset.check", "dataset.advice", "dataset.duplicates", "dataset.contact_sheet"),
    *("dataset.quantisation", "dataset.palette_finding"),
    *("drawing.prompts", "drawing.recipe", "drawing.drawn", "drawing.film", "drawing.request"),
    *("insight.measuring", "insight.surprise", "insight.plots", "insight.report"),
    *("training.start", "training.watching.meter", "training.watching.progress"),
    *("training.watching.overfitting",),
    *("commands", "cli"),
)


def module_name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def rooms_of_the_map(text):
    """Returns the rows of the table of rooms: each room, and those it may import."""
    rows = re.findall(r"^\| `([\w/]+)` \|[^|]*\|([^|]*)\|$", text, flags=re.M)
    return {room: set(re.findall(r"`([\w/]+)`", allowed)) for room, allowed in rows}


ROOMS = rooms_of_the_map((ROOT / "ARCHITECTURE.md").read_text("utf-8"))


def room_of(name):
    """Returns the room of a module: the innermost that has a row of its own."""
    parts = name.split(".")
    inner = "/".join(parts[:2])
    return inner if inner in ROOMS else parts[0]


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(name, *, also_deferred=True):
    """Returns the full names a module imports: `a.b` for `import a.b`, `a.b` for `from a import b`.

    Args:
        name: the module.
        also_deferred: also imports inside functions and those for the type checker only.
    """
    found = []
    todo = list(ast.parse(SOURCES[name].read_text("utf-8")).body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{SOURCES[name]}:{node.lineno}: a relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif also_deferred or not (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or is_type_checking(node)
        ):
            todo += ast.iter_child_nodes(node)
    return found


def own_imports(name, **options):
    """Returns the modules of the package that a module imports, but for itself."""
    found = set()
    for full in imports(name, **options):
        parts = full.split(".")
        if parts[0] != "pixace":
            continue
        below = ".".join(parts[1:])
        # `from pixace.tokens import token_count` names a room and then what is in it.
        while below not in SOURCES:
            below = below.rpartition(".")[0]
        found.add(below)
    return found - {name}


def with_rooms_above(name):
    """Returns what importing a module also imports at once: the packages around it."""
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts))}


def knots(needs):
    """Returns what is left of a graph once everything that needs nothing has been taken away."""
    left = {name: set(others) for name, others in needs.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    return left


def rooms_imported(names: Iterable[str]):
    needs = {}
    for name in names:
        others = {room_of(other) for other in own_imports(name)}
        needs.setdefault(room_of(name), set()).update(others - {room_of(name), ""})
    return needs


def test_there_is_something_to_check():
    assert {"", "errors", "tokens", "training.trainer", "commands.train", "cli"} <= set(SOURCES)
    assert "pictures.rgb" in own_imports("tokens")
    assert {"absl.flags", "pixace.training.trainer.Trainer"} <= set(imports("commands.train"))
    assert "training.trainer" in own_imports("commands.train")
    assert "training.trainer" not in own_imports("commands.train", also_deferred=False)


def test_the_map_has_a_row_for_each_room():
    assert set(ROOMS) == {room_of(name) for name in SOURCES} - {""}


def test_the_map_goes_from_the_ground_up():
    rooms = list(ROOMS)
    for place, (room, allowed) in enumerate(ROOMS.items()):
        assert allowed <= set(rooms[:place]), f"{room} may import only what stands above it"


@pytest.mark.parametrize("name", SOURCES)
def test_nobody_imports_what_its_room_may_not(name):
    others = {room_of(other) for other in own_imports(name)} - {room_of(name), ""}
    assert others <= ROOMS.get(room_of(name), set()), f"{name}: see ARCHITECTURE.md"


def test_there_are_no_cycles():
    """Imports inside functions count: a cycle they hide is still one."""
    left = knots({name: own_imports(name) for name in SOURCES})
    assert not left, "these import each other, or something that does"
    assert not knots(rooms_imported(SOURCES)), "these rooms import each other"


def test_a_knot_is_found():
    assert knots({"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set()}).keys() == {"a", "b", "c"}


def test_the_map_binds_most_imports():
    edges = [(name, other) for name in SOURCES for other in own_imports(name)]
    bound = [edge for edge in edges if room_of(edge[0]) != room_of(edge[1])]
    assert len(bound) >= 2 / 3 * len(edges)


@pytest.mark.parametrize("name", SOURCES)
def test_heavy_libraries_have_their_doors(name):
    for library, doors in GUARDED.items():
        if not any(fnmatch(name, door) for door in doors):
            used = [full for full in imports(name) if full.split(".")[0] == library]
            assert not used, f"{name} may not import {used}; {doors} may"


@pytest.mark.parametrize("name", SOURCES)
def test_slow_libraries_are_imported_where_they_are_needed(name):
    at_once = {full.split(".")[0] for full in imports(name, also_deferred=False)}
    own_door = {
        library for library, doors in GUARDED.items() if any(fnmatch(name, d) for d in doors)
    }
    assert not at_once & set(DEFERRED) - own_door


def test_what_needs_no_model_reaches_no_door():
    todo = [
        name
        for name in SOURCES
        if any(fnmatch(name, f"{p}*") for p in LIGHT) and name != "commands"
    ]
    reached = {name: name for name in todo}
    while todo:
        name = todo.pop()
        for other in own_imports(name, also_deferred=False) | with_rooms_above(name):
            if other and other not in reached:
                reached[other] = name
                todo.append(other)
    assert "backend.door" not in reached, f"by way of {reached['backend.door']}"


@pytest.mark.parametrize("library", ["trax", "jax", "tensorflow"])
def test_light_rooms_import_no_heavy_library(library):
    names = [f"pixace.{name}" for name in SOURCES if name.split(".")[0] in LIGHT]
    code = f"import sys, {', '.join(names)}; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0
