"""What a training would need, told by `pixace plan`."""

import json
import re

import pytest

from pixace.checkpoints.config_file import load_config
from pixace.cli import main
from pixace.errors import UsageError
from pixace.models.build import weight_shapes
from pixace.models.weights import count_weights
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.training.planning import MinutesPlan, make_plan
from tests.conftest import flags_of
from tests.tools.tiny import TINY

SETTINGS = TrainingSettings(batch_size=8)


@pytest.mark.slow
def test_a_plan_that_was_measured():
    config = ModelConfig(**TINY, model_type="transformer")
    plan = make_plan(config, SETTINGS, memory=10**8, n_images=20, measure=True)
    assert plan.seconds_per_step > 0
    assert plan.n_weights == count_weights(weight_shapes(config))
    assert plan.largest_recomputed >= plan.largest_kept > 0
    assert "20 images: 2.5 steps of 8 show each once" in str(plan)


@pytest.fixture
def plan(capsys):
    """Plans a tiny model by the command line: exit status, stdout, lines of stderr."""

    def run(*flags):
        sizes = ["--image_size=6", "--bitdepth=2,1,2", "--d_model=16", "--d_ff=32", "--n_layers=1"]
        status = main(["plan", *sizes, "--n_heads=2", *flags])
        out, err = capsys.readouterr()
        return status, out, err.splitlines()

    return run


@pytest.mark.slow
def test_the_command(painted, plan):
    status, out, _ = plan("--memory=3MB", f"--images={painted / 'train'}", "--batch_size=8")
    assert status == 0
    assert "3 MB of memory" in out
    assert "too much" in out
    assert "20 images: 2.5 steps of 8 show each once" in out


@pytest.mark.long
def test_the_command_s_json(plan):
    status, out, _ = plan("--memory=0.5 GB", "--json", "--measure", "--batch_size=4")
    assert status == 0
    found = json.loads(out)
    assert found["memory_bytes"] == 500_000_000
    assert found["batch_size"] == 4
    assert found["n_images"] is None
    assert found["seconds_per_step"] > 0
    assert found["kept_bytes"]["64"] > found["kept_bytes"]["32"]


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--memory=much", "flag --memory=much: not a size such as 10GB"),
        ("--memory=" + "9" * 400, "not a size such as 10GB"),
        ("--batch_size=1" + "0" * 15, "batch_size must be from 1 to 1000000"),
        ("--memory=0", "flag --memory=0: not a size such as 10GB"),
        ("--batch_size=x", "flag --batch_size=x: not a whole number, nor auto"),
        ("--batch_size=0", "batch_size must be from 1 to 1000000, not 0"),
        ("--accumulate=3", "batch_size must be a multiple of accumulate, 3, not 16"),
        ("--d_model=15", "d_model must be even and a multiple of n_heads"),
    ],
)
def test_wrong_flags(plan, flag, message):
    status, _, (line,) = plan(flag)
    assert status == 2
    assert message in line


def test_a_plan_by_minutes_says_what_train_would_choose(painted, plan):
    flags = "--minutes=5", f"--images={painted / 'train'}"
    status, out, _ = plan(*flags, "--json")
    assert status == 0
    found = json.loads(out)
    assert set(found["chosen"]) == {
        *("batch_size", "optimizer", "learning_rate", "warmup_steps", "schedule", "dropout")
    }, "sizes are named here"
    assert found["chosen"]["dropout"] == 0.1, "20 pictures, seen often"
    assert len(found["quarters"]) == 4
    assert found["quarters"] == sorted(found["quarters"])
    out = str(MinutesPlan(**found))
    assert re.search(r"^5 minutes: --batch_size=\d+ ", out, re.M)
    assert re.search(
        r"^\d+ steps of \d+ pictures, .* s each; pictures after (\d+, ){3}\d+$", out, re.M
    )
    assert "20 images: each is shown " in out


@pytest.mark.parametrize("flag", ["--steps_per_epoch=3", "--memory=1GB", "--minutes=0"])
def test_what_minutes_do_not_go_with(plan, flag):
    status, _, (line,) = plan("--minutes=5", flag)
    assert status == 2
    assert "minutes" in line


@pytest.mark.slow
def test_a_plan_where_nothing_fits(plan):
    status, _, (line,) = plan("--memory=1KB", "--batch_size=auto")
    assert status == 1
    assert line.endswith("try a smaller model")


@pytest.mark.slow
def test_a_plan_takes_the_batch_that_training_would_take(painted, plan):
    flags = "--batch_size=auto", "--accumulate=3", "--memory=1GB", f"--images={painted / 'train'}"
    status, out, _ = plan(*flags, "--json")
    assert status == 0
    found = json.loads(out)
    assert found["batch_size"] == 18, "of 20 images, in threes"
    assert list(found["kept_bytes"]) == [str(3 * 2**number) for number in range(8)]


@pytest.mark.long
def test_training_with_the_largest_batch(painted, tmp_path, capsys):
    flags = {"batch_size": "auto", "n_epochs": 1, "accumulate": 2, "precision": "bfloat16"}
    _, _, _, *words = flags_of(painted, tmp_path, "m", **flags)
    assert main(words) == 0
    assert "20 pictures per step, activations kept" in capsys.readouterr().err
    assert load_config(tmp_path / "m").image_size == TINY["image_size"]


def test_settings_of_a_step():
    with pytest.raises(UsageError, match="precision must be one of float32, bfloat16, not 'half'"):
        TrainingSettings(precision="half")
