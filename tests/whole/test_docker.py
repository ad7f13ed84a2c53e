"""The Docker images' files agree with one another and with the package; `docker/` builds them."""

import re

import pytest
from packaging.requirements import Requirement

from tests.tools.places import ROOT

PYTHONS = ("3.11", "3.12", "3.13")


def locked(name: str, python: str) -> dict[str, str]:
    """Returns what a lock file installs on Linux: package to version."""
    versions = {}
    for line in (ROOT / "docker" / name).read_text().splitlines():
        if re.match(r"[a-z]", line):
            requirement = Requirement(line.rstrip(" \\"))
            environment = {
                "python_version": python,
                "python_full_version": f"{python}.0",
                "sys_platform": "linux",
            }
            if requirement.marker is None or requirement.marker.evaluate(environment):
                (pin,) = requirement.specifier
                assert pin.operator == "=="
                versions[requirement.name] = pin.version
    return versions


def required() -> list[Requirement]:
    """Returns what setup.py asks for, with the TensorFlow of the images."""
    (listed,) = re.findall(r"install_requires=\[(.*?)\]", (ROOT / "setup.py").read_text(), re.S)
    requirements = [Requirement(line) for line in re.findall(r'"(.+?)"', listed)]
    for requirement in requirements:
        if requirement.name == "tensorflow":
            requirement.name = "tensorflow-cpu"
    return requirements


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_file_holds_what_the_package_needs(python):
    versions = locked("cpu.lock", python)
    assert len(required()) > 5
    for requirement in required():
        assert requirement.specifier.contains(versions[requirement.name]), requirement
    assert "setuptools" in versions  # builds pixace


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("cuda", ["cuda12", "cuda13"])
def test_cuda_is_that_of_the_locked_jax(cuda, python):
    common, versions = locked("cpu.lock", python), locked(f"{cuda}.lock", python)
    assert versions[f"jax-{cuda}-plugin"] == versions[f"jax-{cuda}-pjrt"] == common["jaxlib"]
    assert not common.keys() & versions.keys()


def test_every_locked_file_has_a_checksum():
    """So that pip refuses any other: it checks all packages of a file that has some."""
    for path in ROOT.glob("docker/*.lock"):
        packages = re.split(r"^(?=[a-z])", path.read_text(), flags=re.M)[1:]
        assert packages and all("--hash=sha256:" in package for package in packages)


def test_the_images_differ_by_cuda_alone():
    """Their common steps come first, so that they share the large layer, too."""
    cpu = (ROOT / "Dockerfile.cpu").read_text().splitlines()[1:]
    gpu = (ROOT / "Dockerfile").read_text().splitlines()[1:]
    block = [line for line in gpu if line not in cpu]
    start = gpu.index(block[0])
    assert gpu[:start] + gpu[start + len(block) + 1 :] == cpu
    assert "COPY . /tmp/pixace" not in gpu[:start]


def test_what_is_sent_to_the_builder_is_there_and_nothing_else():
    first, *kept = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and line[0] in "*!" and line != "**/__pycache__"
    ]
    assert first == "*"
    assert all((ROOT / name.removeprefix("!")).exists() for name in kept)
