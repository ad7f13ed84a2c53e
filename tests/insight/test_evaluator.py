import contextlib
import io
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pixace.checkpoints.config_file import load_config
from pixace.cli import main
from pixace.dataset.reading import load_images
from pixace.errors import CheckpointError, ImageError, UsageError
from pixace.insight.evaluator import get_evaluator
from pixace.models.stored import open_model
from pixace.settings.reading import ReadingSettings


@pytest.mark.parametrize(
    "model_type",
    [
        pytest.param("transformer", marks=pytest.mark.long),
        pytest.param("reformer", marks=pytest.mark.slow),
    ],
)
def test_the_sum_of_the_logits_by_hand(painted, weights_dir, model_type):
    path = weights_dir / model_type / "model.pkl.gz"
    tokens = load_images(painted / "val", load_config(path.parent)).tokens.astype(np.int32)
    logits = np.asarray(open_model(path, {}).build("eval", 1)(tokens), np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    by_hand = -np.take_along_axis(log_p, tokens[..., None], axis=-1).mean()
    evaluator = get_evaluator(model_type, weights_dir=weights_dir)
    for batch_size in (1, 3, 8):
        measured = evaluator.evaluate(painted / "val", batch_size)
        assert measured.n_images == 5
        assert measured.nats_per_pixel == pytest.approx(by_hand, abs=1e-5)


def test_the_command(painted, weights_dir, capsys):
    """As JSON in a process of its own, which prints nothing else; as text in this one."""
    model = ("--model_name=reformer", f"--weights_dir={weights_dir}", f"--images={painted}")
    expected = get_evaluator("reformer", weights_dir=weights_dir).evaluate(painted)
    command = [sys.executable, "-m", "pixace", "evaluate", *model, "--json"]
    as_json = subprocess.run(command, capture_output=True, text=True)
    assert (as_json.returncode, as_json.stderr) == (0, "")
    values = json.loads(as_json.stdout)
    assert values == {
        "nats_per_pixel": pytest.approx(expected.nats_per_pixel),
        "bits_per_pixel": pytest.approx(expected.nats_per_pixel / math.log(2)),
        "bits_per_subpixel": pytest.approx(expected.nats_per_pixel / math.log(2) / 3),
        "n_images": 25,
        "bits_per_pixel_without_caption": None,
        "bits_per_pixel_wrong_caption": None,
    }
    assert main(["evaluate", *model]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"nats per pixel      {values['nats_per_pixel']:.4f}",
        f"bits per pixel      {values['bits_per_pixel']:.4f}",
        f"bits per sub-pixel  {values['bits_per_subpixel']:.4f}",
    ]


def test_errors(painted, weights_dir, tmp_path, capsys):
    evaluator = get_evaluator("reformer", weights_dir=weights_dir)
    with pytest.raises(UsageError, match="batch_size"):
        evaluator.evaluate(painted, 0)
    with pytest.raises(ImageError, match="no images"):
        evaluator.evaluate(tmp_path)
    with pytest.raises(CheckpointError, match="no such model"):
        get_evaluator("absent", weights_dir=weights_dir)
    capsys.readouterr()
    assert main(["evaluate", "--model_name=reformer", f"--weights_dir={weights_dir}"]) == 2
    assert capsys.readouterr() == ("", "pixace: evaluate needs --images=FOLDER\n")


def test_cells_of_sheets_are_measured_as_pictures(tmp_path, weights_dir):
    """The same as those pictures in files of their own."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 18, 3), np.uint8)
    (tmp_path / "files").mkdir()
    (tmp_path / "sheet").mkdir()
    Image.fromarray(pixels.repeat(2, 0).repeat(2, 1)).save(tmp_path / "sheet" / "tiles.png")
    for number in range(3):
        cell = Image.fromarray(pixels[:, 6 * number : 6 * number + 6])
        cell.save(tmp_path / "files" / f"{number}.png")
    reading = ReadingSettings(grid="12x12", unscale=True)
    evaluator = get_evaluator("transformer", weights_dir=weights_dir)
    measured = evaluator.evaluate(tmp_path / "sheet", reading=reading)
    assert measured == evaluator.evaluate(tmp_path / "files")
    ranking = evaluator.score(tmp_path / "sheet", reading=reading, n_surprises=3)
    plain = evaluator.score(tmp_path / "files")
    np.testing.assert_array_equal(ranking.nats_per_pixel, plain.nats_per_pixel)
    order = [int(path.stem) + 1 for path in plain.paths]
    assert [*map(str, ranking.paths)] == [f"{tmp_path}/sheet/tiles.png#1,{n}" for n in order]
    assert [surprise.name for surprise in ranking.surprises] == [f"tiles.png#1,{n}" for n in order]
    words = ["score", f"--images={tmp_path}/sheet", "--model_name=transformer", "--csv"]
    words += [f"--weights_dir={weights_dir}", "--grid=12x12", "--unscale"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*words, f"--surprise={tmp_path}/surprise.png"]) == 0
    assert [line.rpartition("tiles.png")[2] for line in out.getvalue().splitlines()[1:]] == [
        f'#1,{n}",' for n in order
    ]
