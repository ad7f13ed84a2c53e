"""Compiled programs outlive the process; whatever is wrong with their folder, commands work."""

import os
import subprocess
import sys

import pytest

from pixace.backend.compilation_cache import CompilationCache, cache_folder, open_cache
from pixace.backend.door import jax

# Compiles a program, and tells how often JAX found one and how often it wrote one.
COMPILE = """
from pixace.backend.door import jax, jnp
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event.rsplit("/")[-1]))
print(jax.jit(lambda x: jnp.tanh(x) @ x.T)(jnp.ones((2, 2)))[0, 0])
print(events.count("cache_hits"), events.count("cache_misses"))
"""


def environment(folder):
    """The test's own environment, but with pixace's cache instead of JAX's in this folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    return {**kept, "PIXACE_CACHE_DIR": str(folder)}


def start(folder, code=COMPILE):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def compile_in(folder, code=COMPILE):
    """Runs the program in a process of its own; returns its hits and its misses."""
    return outcome(start(folder, code))


def outcome(process):
    output, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    result, counts = output.splitlines()
    assert float(result) == pytest.approx(2 * 0.76159, abs=1e-4)
    return tuple(int(count) for count in counts.split())


def entries(folder):
    return {path.name: path.read_bytes() for path in (folder / "compiled").iterdir()}


def test_the_second_process_compiles_nothing_and_heals_what_is_damaged(tmp_path):
    hits, misses = compile_in(tmp_path)
    assert hits == 0 and misses > 0
    first = entries(tmp_path)
    assert len(first) == misses
    assert compile_in(tmp_path) == (misses, 0)
    assert entries(tmp_path) == first

    for index, name in enumerate(first):
        content = (b"", b"garbage", first[name][: len(first[name]) // 2])[index % 3]
        (tmp_path / "compiled" / name).write_bytes(content)
    assert compile_in(tmp_path) == (0, misses)
    assert compile_in(tmp_path) == (misses, 0)


@pytest.mark.long
def test_two_processes_at_once(tmp_path):
    for process in [start(tmp_path), start(tmp_path)]:
        assert sum(outcome(process)) > 0
    hits, misses = compile_in(tmp_path)
    assert hits == len(entries(tmp_path)) and misses == 0


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert compile_in(tmp_path / "file" / "cache") == (0, 0)


@pytest.mark.long
def test_a_folder_that_vanishes_or_fills_up_is_done_without(tmp_path):
    vanish = "import shutil, os, pixace.backend.door; shutil.rmtree(os.environ['PIXACE_CACHE_DIR'])"
    compile_in(tmp_path / "vanishing", vanish + COMPILE)
    assert not (tmp_path / "vanishing").exists()
    # The system refuses to let this process write more than a few bytes into any file.
    full = (
        "import pixace.backend.door, resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    )
    compile_in(tmp_path, full + COMPILE)
    assert entries(tmp_path) == {}


@pytest.mark.slow
def test_a_command_keeps_its_programs_and_stays_quiet(weights_dir, tmp_path):
    def predict(out):
        command = ["predict", "--model_name=reformer", f"--weights_dir={weights_dir}", "--seed=1"]
        result = subprocess.run(
            [sys.executable, "-m", "pixace", *command, f"--out={tmp_path / out}"],
            env=environment(tmp_path / "cache"),
            capture_output=True,
            text=True,
        )
        assert (result.returncode, result.stderr) == (0, "")
        return (tmp_path / out).read_bytes()

    picture = predict("one.png")
    programs = entries(tmp_path / "cache")
    assert programs
    assert predict("two.png") == picture
    assert entries(tmp_path / "cache") == programs


@pytest.mark.long
def test_a_cache_that_the_user_chose_for_jax_stays(tmp_path):
    # By a variable: conftest sets it for this very process.
    assert jax.config.jax_compilation_cache_dir == os.environ["JAX_COMPILATION_CACHE_DIR"]
    # By JAX's settings, before and after.
    for order in ("{setting}; import pixace.backend.door", "import pixace.backend.door; {setting}"):
        own = tmp_path / order[0]
        setting = (
            f"import jax; jax.config.update('jax_compilation_cache_dir', {str(own)!r}); "
            "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)"
        )
        _, misses = compile_in(tmp_path / "ours", order.format(setting=setting) + COMPILE)
        assert len(list(own.glob("*-cache"))) == misses > 0
    assert entries(tmp_path / "ours") == {}


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"PIXACE_CACHE_DIR": ""}, None),
        ({"PIXACE_CACHE_DIR": "off"}, None),
        ({"PIXACE_CACHE_DIR": "/named", "XDG_CACHE_HOME": "/xdg"}, "/named/compiled"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/pixace/compiled"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/someone/.cache/pixace/compiled"),
        ({}, "/home/someone/.cache/pixace/compiled"),
    ],
)
def test_where_the_folder_is(monkeypatch, variables, folder):
    monkeypatch.setenv("HOME", "/home/someone")
    found = cache_folder(variables)
    assert (None if found is None else str(found)) == folder


def test_what_is_stored_is_read_again_and_never_half(tmp_path):
    cache = CompilationCache(tmp_path / "new" / "folder")
    assert cache.get("program") is None
    cache.put("program", b"code")
    assert CompilationCache(cache.folder).get("program") == b"code"
    path = cache.folder / "program"
    path.write_bytes(path.read_bytes()[:-1])
    assert cache.get("program") is None
    cache.put("program", b"code")
    assert cache.get("program") == b"code"


def test_the_folder_is_the_user_s_alone(tmp_path, monkeypatch):
    folder = CompilationCache(tmp_path / "compiled").folder
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="not the user's alone"):
        CompilationCache(folder)
    monkeypatch.setenv("PIXACE_CACHE_DIR", str(tmp_path))
    assert open_cache() is None


def test_the_least_recently_used_give_way(tmp_path):
    cache = CompilationCache(tmp_path, max_bytes=1000)
    for age, name in enumerate("abcdefgh"):
        cache.put(name, bytes(68))  # and 32 bytes of digest
        os.utime(tmp_path / name, ns=(age, age))
    assert cache.get("a")  # used just now
    for name in "ijk":
        cache.put(name, bytes(68))
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*"a", *"fgh", *"ijk"}
    assert all(cache.get(name) == bytes(68) for name in left)


def test_a_damaged_program_that_cannot_be_removed_is_not_used(tmp_path, monkeypatch):
    cache = CompilationCache(tmp_path)
    cache.put("key", b"program")
    damaged = (tmp_path / "key").read_bytes()[:-1] + b"!"
    (tmp_path / "key").write_bytes(damaged)

    def unlink(path, missing_ok=False):
        raise PermissionError("a folder that cannot be written")  # which stops nobody who is root

    monkeypatch.setattr(type(tmp_path), "unlink", unlink)
    assert cache.get("key") is None


def test_what_is_no_program_does_not_fill_the_folder(tmp_path):
    (tmp_path / "folder").mkdir()
    cache = CompilationCache(tmp_path, max_bytes=1000)
    for index in range(50):
        cache.put(str(index), bytes(100))
    assert sum(path.stat().st_size for path in tmp_path.iterdir() if path.is_file()) <= 1200
