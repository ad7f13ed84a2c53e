"""Libraries come quietly, fast, and only when they are used."""

import os
import subprocess
import sys

import pytest

from tests.conftest import flags_of


def test_stderr_works_again_after_the_import():
    code = (
        "import os, pixace.backend.door; os.write(2, b'native'); import sys; sys.stderr.write('py')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr == "nativepy"


def test_inspect_stack_is_whole_again_after_the_import():
    import inspect

    frame = inspect.stack()[0]
    assert frame.function == "test_inspect_stack_is_whole_again_after_the_import"
    assert frame.code_context is not None


def run(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result


def test_tensorflow_comes_when_it_is_used_and_quietly():
    result = run("""
import sys
from pixace.backend.door import tf, trax
assert not {"tensorflow", "matplotlib", "gym"} & set(sys.modules)
assert [int(x) for x in tf.data.Dataset.range(3).map(lambda x: tf.add(x, 1))] == [1, 2, 3]
assert tf.config.get_visible_devices("GPU") == []
with trax.fastmath.use_backend("tensorflow-numpy"):
    assert isinstance(trax.fastmath.numpy.ones(3) + 1, tf.Tensor)
assert trax.shapes.ShapeDtype(tf.TensorShape([2]), tf.int32).shape == (2,)
assert trax.jaxboard.SummaryWriter and trax.rl.actor_critic.PPO
import tensorflow
assert tf.Tensor is tensorflow.Tensor
""")
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.long
def test_a_program_may_import_tensorflow_first():
    run("""
import tensorflow
from pixace.backend.door import tf, trax
assert tf is tensorflow is __import__("sys").modules["tensorflow"]
assert trax.shapes.ShapeDtype(tf.TensorShape([2]), tf.int32).shape == (2,)
""")


@pytest.fixture
def without_tensorflow(tmp_path):
    """The environment of a machine where TensorFlow is not installed."""
    for name in ("tensorflow", "tensorflow_datasets", "tensorflow_text", "gym"):
        code = f"raise ModuleNotFoundError('no {name}', name={name!r})"
        (tmp_path / f"{name}.py").write_text(code)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", os.getcwd())])
    return {**os.environ, "PYTHONPATH": path}


def test_drawing_and_measuring_need_no_tensorflow(
    without_tensorflow, weights_dir, painted, tmp_path
):
    model = f"--model_name=transformer --weights_dir={weights_dir}"
    commands = (
        f"predict {model} --out={tmp_path}/x.png --prompt={painted}/val/disc-000.png",
        f"evaluate {model} --images={painted}/val",
    )
    code = f"from pixace.cli import main; print([main(c.split()) for c in {commands}])"
    result = subprocess.run(
        [sys.executable, "-c", code], env=without_tensorflow, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("[0, 0]\n")
    assert "tensorflow" not in result.stderr
    assert (tmp_path / "x.png").exists()


def test_training_without_tensorflow_says_what_is_missing(without_tensorflow, painted, tmp_path):
    result = subprocess.run(
        flags_of(painted, tmp_path, "new"), env=without_tensorflow, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "pixace: this needs tensorflow, which cannot be imported: no tensorflow; "
        "try pip install tensorflow"
    )
    assert "Traceback" not in result.stderr
