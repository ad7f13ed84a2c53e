import os
from pathlib import Path

import pytest

from pixace.backend.door import jax, jnp
from pixace.errors import PixaceError
from pixace.system import limits
from pixace.training.devices import device_names, idle_gpu_warning, memory_bytes, memory_errors

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
ON_LINUX_CPU = jax.default_backend() == "cpu" and Path("/proc/self/cgroup").exists()


def test_a_real_shortage_of_memory_is_one_line():
    with (
        pytest.raises(PixaceError, match="^out of memory; buy some$"),
        memory_errors("buy some"),
    ):
        jnp.zeros(1 << 46).block_until_ready()


def test_other_errors_stay_what_they_are():
    with pytest.raises(TypeError), memory_errors("buy some"):
        jnp.zeros("many")


def test_a_step_may_have_less_than_the_machine_has():
    assert 0 < memory_bytes() < MACHINE


@pytest.mark.skipif(not ON_LINUX_CPU, reason="limits of containers are those of Linux")
@pytest.mark.parametrize("nested", [False, True])
def test_the_tightest_limit_of_a_container_counts(tmp_path, monkeypatch, nested):
    """The process's real groups, below another top folder, with a limit in each."""
    monkeypatch.setattr(limits, "_CGROUPS", tmp_path)
    assert memory_bytes() == pytest.approx(0.8 * MACHINE / jax.local_device_count(), rel=1e-6)
    found = False
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        file = "memory.limit_in_bytes" if controllers else "memory.max"
        top = tmp_path / "memory" if controllers else tmp_path
        group = top / name.lstrip("/") if nested else top
        group.mkdir(parents=True, exist_ok=True)
        (group / file).write_text("1000000\n")
        (group / "deeper").mkdir()
        found = True
    assert found
    assert memory_bytes() == int(0.8 * 1_000_000 / jax.local_device_count())
    for path in tmp_path.rglob("memory.*"):
        path.write_text("max\n")
    assert memory_bytes() > 1_000_000


def test_the_devices_have_names():
    name = device_names()
    n_devices = jax.device_count()
    assert name.startswith(f"{n_devices} x ") == (n_devices > 1)
    assert ("CPU" in name) == (jax.default_backend() == "cpu")


@pytest.mark.skipif(not ON_LINUX_CPU, reason="a GPU is in use")
def test_a_gpu_that_is_not_used_is_told_of(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    driver = [tmp_path / "nowhere", tmp_path / "version"]
    assert idle_gpu_warning(driver) is None
    driver[1].touch()
    assert 'pip install "pixace[cuda12]"' in idle_gpu_warning(driver)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert idle_gpu_warning(driver) is not None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "99")
    assert "none is called 99, as CUDA_VISIBLE_DEVICES says" in idle_gpu_warning(driver)
    for hidden in ("", "NoDevFiles"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert idle_gpu_warning(driver) is None, "on purpose"
