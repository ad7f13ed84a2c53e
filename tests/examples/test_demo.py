"""The demo runs from its first command to its last, with a tiny model in place of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import load_example
from tests.tools.places import ROOT

DRAWER = ROOT / "examples" / "draw_sprites.py"

# What the demo calls as pixace: the program itself, whose trainings are of two steps.
TINY_PIXACE = f"""#!/bin/sh
[ "$1" = train ] && set -- "$@" --d_model=16 --d_ff=32 --n_layers=1 --n_heads=2 --steps_per_epoch=2
exec '{sys.executable}' -m pixace "$@"
"""


@pytest.mark.slow
def test_the_demo_trains_completes_and_draws(tmp_path):
    pixace = tmp_path / "pixace"
    pixace.write_text(TINY_PIXACE)
    pixace.chmod(0o755)
    environment = {"PIXACE": str(pixace), "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", ROOT / "examples" / "demo.sh", "demo"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

    sheets, recipes = {}, {}
    for path in (tmp_path / "demo").glob("*.png"):
        with Image.open(path) as sheet:
            sheets[path.name] = sheet.convert("RGB")
            recipes[path.name] = json.loads(sheet.info["pixace"])
    assert {name: sheet.size for name, sheet in sheets.items()} == {
        "emoji.png": (6 * 96, 3 * 96),
        "completed.png": (5 * 128, 4 * 128),
        "held_out.png": (3 * 64, 16 * 64),
        "drawn.png": (4 * 128, 4 * 128),
    }
    held_out = sheets["held_out.png"]
    prompts = [Path(prompt).name for prompt in recipes["held_out.png"]["prompts"]]
    for row in range(16):  # well inside of the upper half, which is kept
        true, drawn = (held_out.crop((x, row * 64, x + 64, row * 64 + 20)) for x in (0, 128))
        assert drawn.tobytes() == true.tobytes()
    assert sorted(name.split("-")[1] for name in prompts) == [f"{n:05}.png" for n in range(16)]
    assert {name.split("-")[0] for name in prompts} == set(load_example(DRAWER).KINDS)
