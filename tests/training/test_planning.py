import dataclasses
import json
import math
import re

import pytest

from pixace.checkpoints.config_file import load_config
from pixace.cli import main
from pixace.errors import PixaceError, UsageError
from pixace.models.build import weight_shapes
from pixace.models.weights import count_weights
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES
from pixace.settings.training import TrainingSettings
from pixace.training.memory import MemoryNeeds, fitting_step
from pixace.training.planning import make_plan
from tests.conftest import flags_of
from tests.tools.tiny import TINY

# Large enough for activations to outweigh all else.
SIZES = {"image_size": 12, "n_layers": 1, "d_ff": 128, "model_type": "transformer"}
CONFIG = ModelConfig(**{**TINY, **SIZES})
SETTINGS = TrainingSettings(batch_size=8)


@pytest.fixture(scope="module")
def needs():
    return MemoryNeeds(CONFIG, SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize("recompute", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_estimate_is_near_what_xla_plans(needs, recompute):
    """Near only, for so small a model: some positions are computed in chunks of a fixed size."""
    estimated = needs.estimate(recompute)(48)
    assert estimated == pytest.approx(needs.peak_bytes(48, recompute), rel=0.2)


@pytest.mark.slow
def test_the_largest_batch_fits_and_a_larger_one_does_not(needs):
    memory = needs.peak_bytes(16, recompute=True)
    largest = needs.largest(memory, recompute=True)
    assert needs.peak_bytes(largest, recompute=True) <= memory
    assert needs.peak_bytes(largest + 5, recompute=True) > memory
    assert needs.largest(1000, recompute=True) == 0


@pytest.mark.slow
def test_activations_are_kept_where_they_fit_and_else_recomputed(needs):
    kept, recomputed = (needs.peak_bytes(16, recompute) for recompute in (False, True))
    assert recomputed < kept
    assert needs.fitting(16, None, kept, n_images=100) == (16, False)
    assert needs.fitting(16, None, kept - 1, n_images=100) == (16, True)
    assert needs.fitting(16, True, kept, n_images=100) == (16, True)


@pytest.mark.slow
def test_a_batch_that_does_not_fit_is_refused_with_one_that_does(needs):
    memory = needs.peak_bytes(16, recompute=True) - 1
    wanted = r"a step with 16 pictures needs .*; try --batch_size=(\d+), or --accumulate"
    with pytest.raises(PixaceError, match=wanted) as caught:
        needs.fitting(16, None, memory, n_images=100)
    advised = int(re.search(wanted, str(caught.value))[1])
    assert needs.fitting(advised, None, memory, n_images=100)[0] == advised
    with pytest.raises(PixaceError, match="try a smaller model"):
        needs.fitting(16, None, 1000, n_images=100)
    with pytest.raises(PixaceError, match="try a smaller model"):
        needs.fitting("auto", None, 1000, n_images=100)


@pytest.mark.slow
def test_auto_takes_the_largest_but_no_picture_twice(needs):
    memory = needs.peak_bytes(16, recompute=True)
    size, recompute = needs.fitting("auto", None, memory, n_images=1000)
    assert size == needs.largest(memory, recompute=True) >= 12
    assert recompute
    assert needs.fitting("auto", None, memory, n_images=4) == (4, False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model_type", ["pixelcnn", pytest.param("pixelcnn_residual", marks=pytest.mark.long)]
)
def test_convolutions_need_less_where_they_are_computed_twice(model_type):
    sizes = {"image_size": 12, "bitdepth": (2, 1, 2), "d_model": 16, "d_ff": 16, "n_layers": 3}
    needs = MemoryNeeds(ModelConfig(model_type, **sizes), SETTINGS)
    assert needs.peak_bytes(16, recompute=True) < 0.8 * needs.peak_bytes(16, recompute=False)


def test_passes_divide_what_a_step_needs():
    whole, divided = (
        MemoryNeeds(CONFIG, TrainingSettings(batch_size=16, accumulate=n)).peak_bytes(16, False)
        for n in (1, 4)
    )
    assert divided < whole / 2


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


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_giant_is_refused_before_it_is_compiled(model_type):
    giant = ModelConfig.from_dict({"model_type": model_type, "n_layers": 3, "image_size": 1})
    n_bytes = 12 * sum(math.prod(array.shape) for array in weight_shapes(giant))
    with pytest.raises(PixaceError, match="weights and optimiser of .* try a smaller model"):
        fitting_step(giant, SETTINGS, n_bytes - 1, 10)
    largest = {"d_model": 8192, "d_ff": 65536, "n_layers": 128, "image_size": 256}
    with pytest.raises(PixaceError, match="weights and optimiser"):
        fitting_step(dataclasses.replace(giant, **largest), SETTINGS, 2**36, 10)
