"""Nothing in the code executes what it reads: no eval, no unpickling, no shell."""

import ast
import fnmatch
import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.tools.places import ROOT

SOURCES = sorted(
    path
    for folder in ("pixace", "examples", "docs", "benchmarks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".ipynb") and ROOT / "docs" / "api" not in path.parents
)

# Names that are not to be used, and why; a star stands for any letters, what has no dot is a
# builtin. They are spelt in full, whatever the code imports them as.
FORBIDDEN = {
    "executes text": """
        eval exec compile __import__ breakpoint code.* runpy.* imp.* numexpr.* pandas.eval
        gin.parse* trax.rl_trainer.*""",
    "unpickles": """
        pickle.load pickle.loads pickle.Unpickler pickle._* _pickle.* cPickle.* dill.load*
        dill.Unpickler cloudpickle.load* joblib.load torch.load torch.hub.* pandas.read_pickle
        shelve.* marshal.* jsonpickle.* numpy.lib.npyio.NpzFile *.unpickle_from_file
        *.init_from_file *.load_checkpoint *.load_trainer_state logging.config.*
        yaml.load* yaml.unsafe_load* yaml.full_load* jax.experimental.serialize_executable.*""",
    "executes a stranger's program": """
        tensorflow.saved_model.* tensorflow.keras.models.* tensorflow.keras.saving.*
        tensorflow.py_function tensorflow.numpy_function jax.export.deserialize""",
    "opens addresses as if they were files": "tensorflow.io.gfile.* tensorflow.gfile.*",
    "asks a shell": """
        os.system os.popen os.exec* os.spawn* subprocess.getoutput subprocess.getstatusoutput
        asyncio.create_subprocess_shell pty.*""",
    "is a name that another can take first": "tempfile.mktemp os.tempnam os.tmpnam",
    "writes where a stranger wants": "shutil.unpack_archive *.extract *.extractall zipfile.*",
    "grows without bounds": "xml.*",
}
PATTERNS = {
    why: re.compile("|".join(map(fnmatch.translate, names.split())))
    for why, names in FORBIDDEN.items()
}
# Arguments that turn a function that is harmless without them into one of the above, unless
# they say no more than the default does.
FORBIDDEN_ARGUMENTS = {
    "shell": (False, "asks a shell"),
    "allow_pickle": (False, "unpickles"),
    "verify": (True, "believes any server"),
}
DOOR = "pixace.backend.door."


def program(path: Path) -> str:
    """Returns the Python of a file; of a notebook, its cells without the shell's lines."""
    text = path.read_text("utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return re.sub(r"^(\s*)[!%].*", r"\1pass", "\n".join(map("".join, cells)), flags=re.M)


def imported(tree: ast.AST) -> dict[str, str]:
    """Returns what imported names stand for, such as `{"np": "numpy", "read": "pickle.load"}`."""
    meant = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                meant[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                meant[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    through_the_door = {short: full.removeprefix(DOOR) for short, full in meant.items()}
    return {
        short: "tensorflow" if full == "tf" else full for short, full in through_the_door.items()
    }


def full_name(node: ast.AST, meant: dict[str, str]) -> str:
    """Returns the full name of `a`, `a.b` or `a.b.c`; a question mark stands for what has none."""
    if isinstance(node, ast.Name):
        return meant.get(node.id, node.id).removeprefix("builtins.")
    if isinstance(node, ast.Attribute):
        owner = node.value
        is_variable = isinstance(owner, ast.Name) and owner.id not in meant
        name = "?" if is_variable else full_name(owner, meant)
        return f"{name}.{node.attr}".removeprefix("builtins.")
    return "?"


def used_names(node: ast.AST, meant: dict[str, str]) -> list[str]:
    """Returns the full names that a piece of code uses by itself, not by its parts."""
    if isinstance(node, ast.Import):  # `import shelve` is for no other end
        return [f"{alias.name}.*" for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Name | ast.Attribute):
        return [full_name(node, meant)]
    if isinstance(node, ast.Call) and full_name(node.func, meant) == "getattr":
        match node.args:
            case [owner, ast.Constant(value=str(name)), *_]:
                return [f"{full_name(owner, meant)}.{name}"]
    return []


def findings(text: str) -> list[str]:
    """Returns what a program does that it must not, line by line."""
    tree = ast.parse(text)
    meant, found = imported(tree), []
    for node in ast.walk(tree):
        for name in used_names(node, meant):
            for why, pattern in PATTERNS.items():
                if pattern.fullmatch(name):
                    found.append(f"line {node.lineno}: {name} {why}")
        for argument in node.keywords if isinstance(node, ast.Call) else ():
            harmless, why = FORBIDDEN_ARGUMENTS.get(argument.arg or "", (None, ""))
            value = getattr(argument.value, "value", ...)
            if why and value is not harmless and not callable_named(node, meant):
                found.append(f"line {node.lineno}: {argument.arg}= {why}")
    return found


def callable_named(call: ast.Call, meant: dict[str, str]) -> bool:
    """Says whether a call's argument of a forbidden name is a function of our own."""
    return full_name(call.func, meant).startswith("pixace.")


def test_there_is_something_to_check():
    names = {path.name for path in SOURCES}
    assert {"reading.py", "demo.sh"} & names == {"reading.py"}
    assert {"draw_sprites.py", "pixace_demo.ipynb", "build_api.py"} <= names
    assert "import pixace" in program(ROOT / "examples" / "pixace_demo.ipynb")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_executes_what_it_reads(path):
    assert findings(program(path)) == []


@pytest.mark.parametrize(
    "text",
    [
        "eval('1')",
        "import tarfile\nwith tarfile.open('x') as archive:\n    archive.extractall()",
        "import tarfile\ntarfile.open('x').extract('y')",
        "exec(open('x').read())",
        "exec(compile('1', 'x', 'exec'))",
        "import builtins\nbuiltins.eval('1')",
        "from builtins import eval as work\nwork('1')",
        "run = eval",
        "map(eval, words)",
        "getattr(__builtins__, 'x')\n__import__(name)",
        "import pickle\npickle.load(file)",
        "import pickle as plain\nplain.loads(data)",
        "from pickle import loads",
        "from pickle import Unpickler as Reader",
        "import pickle\nclass Mine(pickle.Unpickler): pass",
        "import pickle\ngetattr(pickle, 'loads')(data)",
        "import _pickle",
        "def late():\n    from cloudpickle import load",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import numpy as np\nnp.load('x', allow_pickle=trusted)",
        "import torch\ntorch.load('x')",
        "from joblib import load",
        "import shelve",
        "import marshal",
        "import yaml\nyaml.load(text)",
        "import yaml\nyaml.load_all(text)",
        "import jsonpickle",
        "import pandas as pd\npd.read_pickle('x')",
        "from pixace.backend.door import trax\nmodel.init_from_file('x')",
        "from pixace.backend.door import trax\ntrax.supervised.training.unpickle_from_file('x')",
        "from pixace.backend.door import tf\ntf.io.gfile.GFile('x')",
        "from pixace.backend.door import tf\ntf.saved_model.load('x')",
        "import tensorflow as tf\ntf.keras.models.load_model('x')",
        "import gin\ngin.parse_config_file('x')",
        "import os\nos.system('ls')",
        "import os\nos.popen('ls')",
        "import os as machine\nmachine.execv('ls', [])",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import subprocess\nsubprocess.run('ls', shell=wanted)",
        "from subprocess import getoutput",
        "import tempfile\ntempfile.mktemp()",
        "import requests\nrequests.get(url, verify=False)",
        "import zipfile",
        "import xml.etree.ElementTree as tree",
    ],
)
def test_what_would_is_found(text):
    assert findings(text)


@pytest.mark.parametrize(
    "text",
    [
        "import re\nre.compile('x')",
        "model.eval()",
        "code = 'x'\ncode.endswith('y')",
        "step.lower().compile()",
        "build(config, 'eval')",
        "import pickle\npickle.dump(values, file, protocol=4)",
        "import pickle\nprint(pickle.PickleError)",
        "from pixace.checkpoints.file import safe_pickle\nsafe_pickle.load(path)",
        "import numpy as np\nnp.load('x', allow_pickle=False)\nnp.load('x')",
        "import subprocess\nsubprocess.run(['ls'], shell=False)",
        "from pixace.system.files import replacing\nreplacing(path, verify=check)",
        "import json\njson.load(file)",
        "import tempfile\ntempfile.mkstemp()",
    ],
)
def test_what_would_not_is_left_alone(text):
    assert findings(text) == []


def test_the_linter_looks_for_more():
    """Its rules S, from the tool bandit, hold for the whole package, and nobody waives one."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert [rule for rule in lint["ignore"] if rule.startswith("S1")] == ["S101"]
    waived = {name for name, rules in lint["per-file-ignores"].items() if "S" in rules}
    assert not any(name.startswith("pixace") for name in waived)
    for path in (ROOT / "pixace").rglob("*.py"):
        assert not re.search(r"noqa:.*\bS\d{3}\b|noqa\s*$", path.read_text("utf-8"), re.M), path
