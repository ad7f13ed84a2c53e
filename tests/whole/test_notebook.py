"""The notebook of the examples works from its first cell to its last."""

import base64
import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from PIL import Image

from tests.tools.places import ROOT

NOTEBOOK = ROOT / "examples" / "pixace_demo.ipynb"


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture
def workplace(tmp_path):
    """A folder to run the notebook in; the TensorBoard that it leaves there is ended."""
    folder, scratch = tmp_path / "work", tmp_path / "tmp"
    folder.mkdir()
    scratch.mkdir()
    shutil.copy(ROOT / "examples" / "draw_sprites.py", folder)
    yield folder
    for board in (scratch / ".tensorboard-info").glob("pid-*.info"):
        os.kill(json.loads(board.read_text())["pid"], signal.SIGTERM)


def pictures(cell: nbformat.NotebookNode) -> list[Image.Image]:
    """Returns what a cell shows as pictures."""
    shown = [output["data"] for output in cell.outputs if "data" in output]
    return [
        Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
        for data in shown
        if "image/png" in data
    ]


@pytest.mark.slow
def test_every_cell_runs(notebook, workplace):
    """In a training of 20 steps instead of 300."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "TMPDIR": str(workplace.parent / "tmp"),  # where TensorBoard notes its process
    }
    (training,) = [cell for cell in notebook.cells if "trainer.train(" in cell.source]
    for shown, short in (
        ("steps_per_epoch=100", "steps_per_epoch=20"),
        ("n_epochs=3", "n_epochs=1"),
    ):
        assert shown in training.source
        training.source = training.source.replace(shown, short)
    client = nbclient.NotebookClient(
        notebook, timeout=500, resources={"metadata": {"path": str(workplace)}}
    )
    client.execute(env=environment)

    cells = {cell.source.splitlines()[-1]: cell for cell in notebook.cells}
    (emoji,) = pictures(next(cell for line, cell in cells.items() if "emoji.predict" in line))
    assert emoji.size == (3 * 96, 2 * 96)
    (samples,) = pictures(cells["sheet"])
    assert samples.size == (8 * 96, 96)
    assert "text/html" in cells["%tensorboard --logdir model-weights"].outputs[0].data
    (completed,) = pictures(notebook.cells[-2])
    assert completed.size == (5 * 96, 3 * 96)
    kept = (0, 0, 96, 40)  # well inside the upper half: what is kept of the first prompt
    assert completed.crop(kept).tobytes() == completed.crop((192, 0, 288, 40)).tobytes()
    assert (workplace / "model-weights" / "sprites" / "model.pkl.gz").exists()
    assert not (workplace / "pixace-source").exists()  # nothing was fetched


def test_the_repository_holds_no_outputs(notebook):
    for cell in notebook.cells:
        assert cell.cell_type != "code" or (not cell.outputs and cell.execution_count is None)
        assert not cell.metadata
