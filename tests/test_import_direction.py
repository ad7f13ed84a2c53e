"""Imports go one way: each module imports only from its own layer and from those below it."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pixace"

# From the bottom up. A module is named as in `import pixace.NAME`; "" is the package itself, and
# a star stands for any ending. A new module belongs into exactly one layer.
LAYERS = {
    "the package": [""],
    "errors": ["errors"],
    "light": [  # files, pictures, tokens, downloads: what needs no model
        "advice",
        "checkpoints",
        "collage",
        "colour_error",
        "compilation_cache",
        "config",
        "contact_sheet",
        "dataset_check",
        "decoding_limits",
        "download*",
        "drawing",
        "drive",
        "duplicates",
        "files",
        "film",
        "folders",
        "guarded_session",
        "images",
        "interruption",
        "lazy_imports",
        "limits",
        "meter",
        "model_types",
        "parallel",
        "overfitting",
        "progress",
        "plotting",
        "prompt_urls",
        "public_addresses",
        "quantisation_table",
        "ready",
        "recipe",
        "record",
        "report",
        "safe_pickle*",
        "split_checkpoints",
        "settings",
        "splitting",
        "standard_streams",
        "starting",
        "supervision",
        "surprise",
        "terminal",
        "token_cache",
        "tokens",
        "values",
        "zoo*",
    ],
    "the door to trax": ["trax_compat"],
    "parts": [
        "cached_attention",
        "causal_attention",
        "cluster",
        "cross_entropy",
        "curves",
        "data",
        "devices",
        "dropout",
        "epoch_pictures",
        "grid_positions",
        "learning_rate",
        "loop",
        "masked_convolutions",
        "matrices",
        "models",
        "nearest",
        "pixelcnn",
        "receptive_field",
        "recomputation",
        "sampling",
        "scoring",
        "stored",
        "sublayers",
        "summaries",
        "training_step",
    ],
    "workflows": ["evaluation", "planning", "prediction", "training", "worker"],
    "commands": ["commands", "commands.*"],
    "the command line": ["cli", "__main__"],
}

# Who may import what is slow to import, or changes the process: everybody else goes through them.
GUARDED = {
    "trax": ["trax_compat"],
    "jax": ["trax_compat"],
    "jaxlib": ["trax_compat"],
    "tensorflow": ["trax_compat"],
    "absl": ["commands.*", "cli"],
}

# Slow, and not always needed: only inside functions.
DEFERRED = ("requests", "urllib3", "tqdm", "matplotlib", "trax", "jax", "tensorflow")


def module_name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


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
    """Returns the modules of the package that a module imports."""
    found = set()
    for full in imports(name, **options):
        parts = full.split(".")
        if parts[0] != "pixace":
            continue
        below = ".".join(parts[1:])
        # `from pixace.tokens import resize` names a module and then what is in it.
        while below not in SOURCES:
            below = below.rpartition(".")[0]
        found.add(below)
    return found


def layers_of(name):
    return [
        height
        for height, patterns in enumerate(LAYERS.values())
        if any(fnmatch(name, pattern) for pattern in patterns)
    ]


def test_there_is_something_to_check():
    assert {"", "errors", "tokens", "training", "commands.train", "cli"} <= set(SOURCES)
    assert own_imports("tokens") == {"images"}
    assert {"absl.flags", "pixace.training.Trainer"} <= set(imports("commands.train"))
    assert "training" in own_imports("commands.train")
    assert "training" not in own_imports("commands.train", also_deferred=False)


@pytest.mark.parametrize("name", SOURCES)
def test_every_module_has_one_layer(name):
    assert len(layers_of(name)) == 1, f"put {name!r} into one layer of the table above"


@pytest.mark.parametrize("name", SOURCES)
def test_nobody_imports_from_a_higher_layer(name):
    (own,) = layers_of(name)
    higher = {other for other in own_imports(name) if layers_of(other)[0] > own}
    assert not higher, f"{name} may not import {higher}"


def test_there_are_no_cycles():
    """Imports inside functions count: a cycle they hide is still one."""
    left = {name: own_imports(name) - {name} for name in SOURCES}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert not left, "these import each other, or something that does"


@pytest.mark.parametrize("name", SOURCES)
def test_heavy_libraries_have_their_doors(name):
    for library, doors in GUARDED.items():
        if not any(fnmatch(name, door) for door in doors):
            used = [full for full in imports(name) if full.split(".")[0] == library]
            assert not used, f"{name} may not import {used}; {doors} may"


@pytest.mark.parametrize("name", SOURCES)
def test_slow_libraries_are_imported_where_they_are_needed(name):
    at_once = {full.split(".")[0] for full in imports(name, also_deferred=False)}
    own_door = {library for library, doors in GUARDED.items() if name in doors}
    assert not at_once & set(DEFERRED) - own_door
