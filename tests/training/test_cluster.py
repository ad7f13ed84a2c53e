"""Several real processes that train one model together over loopback, and lose each other."""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixace.checkpoints.config_file import load_config
from pixace.checkpoints.file import read_checkpoint
from pixace.dataset.batches import Batch
from pixace.dataset.palette_finding import found_colours
from pixace.insight.evaluator import get_evaluator
from pixace.pictures.folder import find_images
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import ATTENTION_TYPES
from pixace.settings.pictures import PictureSettings
from pixace.settings.training import TrainingSettings
from pixace.training.learner import Learner
from tests.conftest import assert_same_state, flags_of, wait_for
from tests.tools.patience import PATIENCE
from tests.tools.tiny import TINY

ADVICE = (
    "pixace: another process of this training has ended or cannot be reached; all up to the last "
    "checkpoint is kept: start all of them again\n"
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_both(commands: list[list[str]]) -> list[subprocess.Popen]:
    """Starts the first process and the second, each with its own command line."""
    cluster = [f"--coordinator=127.0.0.1:{free_port()}", "--num_processes=2"]
    return [
        start([*command, *cluster, f"--process_id={number}"])
        for number, command in enumerate(commands)
    ]


def start(command: list[str], **environment: str) -> subprocess.Popen:
    """Starts a command, with some variables more."""
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def srun(n_processes: int, number: int, job: int) -> dict[str, str]:
    """Returns what srun tells one of some processes on one machine."""
    return {
        "SLURM_JOB_ID": str(job),
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": str(n_processes),
        "SLURM_PROCID": str(number),
        "SLURM_LOCALID": str(number),
    }


def job_with_a_free_port() -> int:
    """Returns the number of a job of whose port nobody has made use."""
    for job in range(os.getpid(), os.getpid() + 4096):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("", 61440 + job % 4096))
            return job
    raise AssertionError("no free port")


def ends(processes: list[subprocess.Popen]) -> list[tuple[int, str, str]]:
    """Waits for all; returns exit code, stdout and stderr of each."""
    said = [process.communicate(timeout=PATIENCE) for process in processes]
    return [(process.returncode, *text) for process, text in zip(processes, said, strict=True)]


@pytest.fixture(scope="module")
def run(painted, tmp_path_factory):
    """Starts a training in two processes; the second has another folder for weights."""
    own = tmp_path_factory.mktemp("second")

    def start(weights_dir: Path, **flags) -> list[subprocess.Popen]:
        own_flags = {name: flags[name] for name in ("val_images",) if name in flags}
        flags = {"n_epochs": 5, "keep_checkpoints": 99, "steps_per_eval": 5, **flags}
        return start_both(
            [
                flags_of(painted, weights_dir, "model", **flags),
                # What is not the process's own is the first one's.
                flags_of(painted, own, "other", **{**own_flags, "learning_rate": 3}),
            ]
        )

    yield start
    assert not list(own.iterdir())  # the first one alone writes files


@pytest.fixture(scope="module")
def undisturbed(run, tmp_path_factory) -> Path:
    """The folder of a training that both processes brought to its end."""
    weights_dir = tmp_path_factory.mktemp("weights")
    (code, out, err), (code_2, out_2, err_2) = ends(run(weights_dir))
    assert (code, code_2) == (0, 0), err + err_2
    assert out == f"{weights_dir / 'model'}\n"
    assert out_2 == ""
    assert "20 images to train on, 5 to validate" in err
    assert "process 2 of 2, with 10 of the 20 images to train on" in err_2
    return weights_dir / "model"


@pytest.mark.slow
def test_what_srun_has_started_trains_as_with_flags(painted, undisturbed, tmp_path):
    flags = {"n_epochs": 5, "keep_checkpoints": 99, "steps_per_eval": 5}
    job = job_with_a_free_port()
    processes = [
        start(
            [*flags_of(painted, tmp_path, "model", **flags), "--coordinator=auto"],
            **srun(2, number, job),
        )
        for number in range(2)
    ]
    said = ends(processes)
    assert [code for code, *_ in said] == [0, 0], said
    assert_same_state(tmp_path / "model", undisturbed)


GPUS = """
import os, sys
from pixace.backend.door import jax
from pixace.training import cluster
cluster.join(f"127.0.0.1:{sys.argv[1]}", 1, 0)
print(jax.config.values["jax_cuda_visible_devices"], flush=True)
os._exit(0)
"""


def test_one_process_of_a_machine_keeps_all_of_its_gpus_under_srun():
    """Left alone, JAX gives it the first one."""
    process = start([sys.executable, "-c", GPUS, str(free_port())], **srun(1, 0, 1))
    ((code, out, err),) = ends([process])
    assert (code, out) == (0, "all\n"), err


@pytest.mark.slow
def test_by_minutes_both_train_what_the_first_has_chosen(painted, tmp_path):
    flags = {"images": painted / "train", "val_images": painted / "val", "weights_dir": tmp_path}
    words = [f"--{name}={value}" for name, value in flags.items()]
    small = ["--image_size=4", "--bitdepth=1,1,1", "--model_type=transformer", "--d_model=16"]
    command = [sys.executable, "-m", "pixace", "train", *words]
    first = [*command, "--model_name=m", "--minutes=0.02", "--n_layers=1", *small]
    (code, _, err), (code_2, _, err_2) = ends(start_both([first, command]))
    assert (code, code_2) == (0, 0), err + err_2
    assert "0.02 minutes: --d_ff=64 " in err
    checkpoint = read_checkpoint(tmp_path / "m" / "model.pkl.gz")
    assert checkpoint.step == checkpoint.resume.plan.last_step
    assert len(checkpoint.history.validations()) == 4


@pytest.mark.slow
def test_both_train_on_the_palette_that_the_first_has_found(painted, tmp_path):
    flags = {"images": painted / "train", "val_images": painted / "val", "weights_dir": tmp_path}
    sizes = {"model_type": "transformer", "d_model": 16, "d_ff": 16, "n_layers": 1, "n_heads": 2}
    length = {"batch_size": 4, "steps_per_epoch": 3, "n_epochs": 1, "steps_per_eval": 5}
    words = [f"--{name}={value}" for name, value in {**flags, **sizes, **length}.items()]
    command = [sys.executable, "-m", "pixace", "train", *words, "--model_name=m", "--image_size=4"]
    ended = ends(start_both([[*command, "--colours=palette:auto:8"]] * 2))
    assert [code for code, _, _ in ended] == [0, 0], ended
    config = load_config(tmp_path / "m")
    pictures = PictureSettings.of(4, colours="palette:auto:8")
    assert config.colours == found_colours(find_images(painted / "train"), pictures)
    # Of half of these images the second process has made the tokens.
    _, nats = read_checkpoint(tmp_path / "m" / "model.pkl.gz").history.validations()[-1]
    likelihood = get_evaluator("m", weights_dir=tmp_path).evaluate(painted / "val", batch_size=4)
    assert nats == pytest.approx(likelihood.nats_per_pixel, rel=1e-5)


@pytest.mark.slow
def test_the_validation_is_of_all_images(undisturbed, painted):
    history = read_checkpoint(undisturbed / "model.pkl.gz").history
    step, nats = history.validations()[-1]
    evaluator = get_evaluator("model", weights_dir=undisturbed.parent)
    likelihood = evaluator.evaluate(painted / "val", batch_size=4)
    assert step == 15
    assert nats == pytest.approx(likelihood.nats_per_pixel, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "victim", [0, pytest.param(1, marks=pytest.mark.long)], ids=["first", "second"]
)
def test_one_dies_and_the_other_says_so_and_the_training_goes_on(
    run, undisturbed, tmp_path, victim
):
    processes = run(tmp_path, n_epochs=1000)
    survivor = processes[1 - victim]
    wait_for((tmp_path / "model" / "model-00003.pkl.gz").exists, survivor)
    processes[victim].kill()
    said = ends(processes)
    assert said[victim][0] == -signal.SIGKILL
    code, out, err = said[1 - victim]
    assert (code, out) == (1, "")
    assert err.endswith(f"\n{ADVICE}")
    assert err.count("pixace:") == 1 and "Traceback" not in err

    # Epochs that the killed training got further are taken away, to end at the same step.
    for path in (tmp_path / "model").glob("model-*.pkl.gz"):
        if path.name != "model-00003.pkl.gz":
            path.unlink()
    (tmp_path / "model" / "model.pkl.gz").unlink()
    assert [code for code, *_ in ends(run(tmp_path))] == [0, 0]
    assert_same_state(tmp_path / "model", undisturbed)


@pytest.mark.long
def test_a_signal_to_one_stops_both_and_they_go_on(run, undisturbed, tmp_path):
    processes = run(tmp_path)
    wait_for((tmp_path / "model" / "model-00003.pkl.gz").exists, processes[0])
    processes[1].send_signal(signal.SIGTERM)
    (code, out, err), (code_2, _, err_2) = ends(processes)
    assert (code, out, code_2) == (143, "", 143)
    assert "stopped by SIGTERM and saved at step" in err
    assert err_2.endswith("stopped by SIGTERM, with the first process\n")
    assert [code for code, *_ in ends(run(tmp_path))] == [0, 0]
    assert_same_state(tmp_path / "model", undisturbed)


@pytest.mark.long
def test_a_signal_to_the_second_while_both_validate_is_heard_by_the_first(painted, tmp_path):
    """In the last epoch, where nothing is left to do but to save it."""
    commands = [flags_of(painted, tmp_path, "model", n_epochs=1) for _ in range(2)]
    commands[1][1:3] = ["-c", SIGNAL_WHILE_VALIDATING]
    (code, _, err), (code_2, *_) = ends(start_both(commands))
    assert (code, code_2) == (143, 143)
    assert "stopped by SIGTERM and saved at step 3;" in err
    assert read_checkpoint(tmp_path / "model" / "model.pkl.gz").step == 3


SIGNAL_WHILE_VALIDATING = """
import os, signal, sys, time
import pixace.insight.likelihood
from pixace.cli import main

likelihood = pixace.insight.likelihood.Scorer.likelihood

def with_a_signal(*arguments, stop):
    os.kill(os.getppid(), signal.SIGTERM)  # to the parent, which passes it on
    while not stop():
        time.sleep(0.1)
    return likelihood(*arguments, stop=stop)

pixace.insight.likelihood.Scorer.likelihood = with_a_signal
sys.exit(main())
"""


SCRIPT = """
import os, sys
import numpy as np
from pixace.training import cluster
from tests.training.test_cluster import losses

port, index = sys.argv[1], int(sys.argv[2])
cluster.join(f"127.0.0.1:{port}", 2, index)
for loss in losses(cluster.index(), cluster.size()):
    print(loss, flush=True)
cluster.gathered(np.array([0], np.int32))  # else who ends later is aborted
os._exit(0)
"""


def losses(index: int, size: int) -> list[float]:
    """Returns the losses of some steps, with one process's share of each batch."""
    found = []
    for model_type in (*ATTENTION_TYPES, "pointer"):
        config = ModelConfig(model_type=model_type, **TINY)
        batch = np.random.default_rng(0).integers(2, 34, (4, config.n_pixels)).astype(np.int32)
        settings = TrainingSettings(
            batch_size=4, dropout=0.0, learning_rate=0.01, warmup_steps=2, recompute=False
        )
        loop = Learner(config, settings, 0, itertools.repeat(Batch(np.split(batch, size)[index])))
        for _ in range(3):
            loop.advance()
            found.append(float(loop.loss))
    return found


@pytest.mark.slow
def test_two_processes_do_what_one_does():
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, port, str(index)], stdout=subprocess.PIPE, text=True
        )
        for index in range(2)
    ]
    expected = losses(0, 1)
    for process in processes:
        out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        lines = [line for line in out.splitlines() if "Gloo" not in line]
        np.testing.assert_allclose([float(line) for line in lines], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("flags", "code", "line"),
    [
        (["--num_processes=2"], 2, "training in several processes needs --coordinator, too"),
        (
            ["--coordinator=a:1", "--process_id=1"],
            2,
            "training in several processes needs --num_processes, too",
        ),
        (
            ["--coordinator=a", "--process_id=0", "--num_processes=2"],
            2,
            "coordinator must be host:port of the first process, such as 10.0.0.5:7777, not 'a'",
        ),
        (
            ["--coordinator=a:1", "--process_id=2", "--num_processes=2"],
            2,
            "process_id must be from 0 to 1, not 2",
        ),
        (
            ["--coordinator=a:1", "--process_id=0", "--num_processes=0"],
            2,
            "num_processes must be from 1 to 10000, not 0",
        ),
        (
            ["--coordinator=auto"],
            2,
            "coordinator=auto finds no variables of srun, mpirun or Kubeflow; start the processes "
            "by one of them, or name --coordinator=host:port, --num_processes and --process_id",
        ),
        (
            ["--coordinator=auto", "--process_id=1"],
            2,
            "coordinator=auto finds out process_id; leave --process_id out",
        ),
    ],
)
def test_flags_that_cannot_be(painted, tmp_path, flags, code, line):
    command = [*flags_of(painted, tmp_path, "model"), *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"pixace: {line}\n")


@pytest.mark.long
def test_too_few_images_to_share(run, painted, tmp_path):
    (tmp_path / "one").mkdir()
    shutil.copy(painted / "val" / "disc-000.png", tmp_path / "one")
    ends_of_both = ends(run(tmp_path / "weights", val_images=tmp_path / "one"))
    assert [code for code, *_ in ends_of_both] == [1, 1]
    assert ends_of_both[1][2].endswith(
        f"pixace: {tmp_path / 'one'}: 1 image is too few for 2 processes\n"
    )


@pytest.mark.long
def test_only_one_has_validation_images(painted, tmp_path):
    commands = [flags_of(painted, tmp_path, "model"), flags_of(painted, tmp_path, "other")]
    commands[1] = [flag for flag in commands[1] if not flag.startswith("--val_images")]
    (code, _, err), (code_2, _, err_2) = ends(start_both(commands))
    assert (code, code_2) == (1, 1)
    line = (
        "pixace: some processes have validation images and some have none; give all of them the "
        "same --val_images\n"
    )
    assert err.endswith(line) or err_2.endswith(line)


def test_a_port_that_is_taken(painted, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        flags = [f"--coordinator={address}", "--process_id=0", "--num_processes=2"]
        command = [*flags_of(painted, tmp_path, "model"), *flags]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr == f"pixace: cannot listen at {address}: Address already in use\n"
