"""Too few threads, too little memory: one line and exit code 1, no abort, no hang."""

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pixace.system import limits
from pixace.system.limits import control_groups, n_cores, require_threads, threads_left
from tests.conftest import flags_of
from tests.tools.patience import PATIENCE
from tests.tools.places import ROOT

pytestmark = pytest.mark.fault

GB = 10**9
UNUSED_USER = 60123  # whose processes are counted: root's are not
AS_HIM = [
    *("setpriv", f"--reuid={UNUSED_USER}", f"--regid={UNUSED_USER}", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
]


def run(limits: list[str], words: list[str], cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*limits, sys.executable, "-m", "pixace", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(cwd)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def run_code(code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def words_of(command: str, painted: Path, weights_dir: Path, folder: Path) -> list[str]:
    if command == "train":
        return flags_of(painted, folder, "m", n_epochs=1)[3:]
    if command == "check":
        return ["check", f"--images={painted / 'train'}"]
    return ["predict", "--model_name=transformer", f"--weights_dir={weights_dir}", "--seed=1"]


def assert_one_line(done: subprocess.CompletedProcess) -> None:
    told = [line for line in done.stderr.splitlines() if line.startswith("pixace: ")]
    assert (done.returncode, len(told)) == (1, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert re.search("threads can be started|GB of addresses|out of memory", told[0])


# What macOS lacks: who asks for it anyway ends in an AttributeError.
AS_ON_MACOS = """
import os, sys
del os.sched_getaffinity
os.process_cpu_count = os.cpu_count
from pixace.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["completion"],
        ["check", "--images={painted}"],
        pytest.param(
            ["predict", "--model_name=emoji", "--n_images=2", "--out={out}"], marks=pytest.mark.slow
        ),
    ],
    ids=lambda words: words[0],
)
def test_no_command_needs_what_linux_alone_has(words, painted, tmp_path):
    words = [word.format(painted=painted / "train", out=tmp_path / "a.png") for word in words]
    done = subprocess.run(
        [sys.executable, "-c", AS_ON_MACOS, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert "Traceback" not in done.stderr


def test_cores_are_counted_in_some_way_on_each_system(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        assert n_cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 3, raising=False)
    assert n_cores() == 3
    monkeypatch.delattr(os, "process_cpu_count")
    assert n_cores() == os.cpu_count()


def no_thread(*args, **kwargs):
    raise AssertionError("a thread was started")


@pytest.mark.skipif(threads_left() < 16 * n_cores(), reason="limits are tight here, or not told")
def test_where_limits_tell_of_room_no_thread_is_started(monkeypatch):
    monkeypatch.setattr(threading, "Thread", no_thread)
    require_threads(16)


def test_where_limits_tell_nothing_threads_are_tried(monkeypatch, tmp_path):
    """On other systems than Linux, or in a container that sees no limits."""
    monkeypatch.setattr(limits, "_PROC", tmp_path)
    assert threads_left() == 0
    before = threading.active_count()
    require_threads(2)
    assert threading.active_count() == before
    monkeypatch.setattr(threading, "Thread", no_thread)
    with pytest.raises(AssertionError, match="a thread was started"):
        require_threads(2)


@pytest.mark.skipif(not list(control_groups("pids")), reason="groups are Linux's")
@pytest.mark.parametrize("nested", [False, True])
def test_the_tightest_limit_of_a_container_counts(tmp_path, monkeypatch, nested):
    """The process's real groups, below another top folder, with a limit in each."""
    monkeypatch.setattr(limits, "_CGROUPS", tmp_path)
    assert threads_left() == 0, "no group is to be seen"
    folders = list(control_groups("pids"))
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.procs").touch()
    unlimited = threads_left()
    assert unlimited > 100
    for folder in folders:
        (folder / "pids.max").write_text("max\n")
        (folder / "pids.current").write_text("70\n")
    assert threads_left() > 100
    (folders[0 if nested else -1] / "pids.max").write_text("100\n")
    assert threads_left() == 30
    (folders[0] / "pids.max").write_text("60\n")
    assert threads_left() == 0


def test_a_limit_of_the_user_counts():
    """With all threads of the machine: so root, whom this limit does not bind, is no exception."""
    code = """
import resource
from pixace.system.limits import threads_left
_, hard = resource.getrlimit(resource.RLIMIT_NPROC)
resource.setrlimit(resource.RLIMIT_NPROC, (2, hard))
print(threads_left())
"""
    done = run_code(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.parametrize(
    ("limit", "needed", "said"),
    [
        ("GB", 1.5, "this process may have 1.0 GB of addresses, and needs at least 1.5; raise "),
        ("GB", 0.5, ""),
        ("hard", 0, ""),
    ],
)
def test_the_limit_of_addresses_is_known(limit, needed, said):
    code = f"""
import resource
from pixace.errors import PixaceError
from pixace.system.limits import require_addresses
GB = 10**9
_, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, ({limit}, hard))
try:
    require_addresses({needed} * GB)
except PixaceError as error:
    print(error)
"""
    done = run_code(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(said) and bool(done.stdout) == bool(said)


@pytest.mark.parametrize("limit", [1.5, 2.5])
def test_too_few_addresses_are_told_before_anything_aborts(limit):
    """Of JAX alone, and of TensorFlow on top of it."""
    code = f"""
import resource
_, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (int({limit} * 10**9), hard))
from pixace.errors import PixaceError
try:
    from pixace.backend.door import tf
    tf.constant(1)
except PixaceError as error:
    print(error)
"""
    done = run_code(code)
    assert done.returncode == 0
    assert done.stdout.startswith(f"this process may have {limit} GB of addresses, and needs ")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("prlimit"), reason="this system has no prlimit")
def test_little_memory(painted, weights_dir, tmp_path, tally):
    few = [("predict", 1.2), ("train", 0.25)]
    many = [(c, s) for c in ("predict", "train") for s in (0.25, 0.4, 0.6, 0.8, 1, 1.3, 1.6, 2.5)]
    cases = few + many[: tally.cases(0, len(many))]
    for command, size in cases:
        words = words_of(command, painted, weights_dir, tmp_path)
        done = run(["prlimit", f"--as={int(size * GB)}"], words, tmp_path)
        if done.returncode:
            assert_one_line(done)
        else:
            assert size == 2.5 and command == "predict"
    tally.add("little memory", len(cases))


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root")
def test_few_threads(painted, weights_dir, tmp_path, tally):
    tmp_path.chmod(0o777)
    few = [("check", 2), ("train", 3 * n_cores() + 2), ("predict", 14 * n_cores())]
    many = [(c, n) for c in ("predict", "train") for n in range(1, 16 * n_cores(), 2)]
    cases = few + many[: tally.cases(0, len(many))]
    for command, n in cases:
        words = words_of(command, painted, weights_dir, tmp_path)
        done = run(["prlimit", f"--nproc={n}", *AS_HIM], words, tmp_path)
        assert_one_line(done)
    tally.add("few threads", len(cases))
