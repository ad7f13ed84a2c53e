"""Files that users ask for: links stay links, and what is read is not replaced."""

import os
from pathlib import Path

import pytest

from pixace.errors import PixaceError, UsageError
from pixace.system.files import write_result
from pixace.system.results import refuse_to_replace, written_path


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("target", ["elsewhere/real.png", "../{here}/elsewhere/real.png", "second"])
def test_a_link_stays_a_link_and_its_target_is_replaced_whole(here, target, is_there):
    Path("elsewhere").mkdir()
    Path("second").symlink_to("elsewhere/real.png")
    Path("link.png").symlink_to(target.format(here=here.name))
    if is_there:
        Path("elsewhere/real.png").write_bytes(b"old and longer")
    write_result(Path("link.png"), b"new")
    assert Path("link.png").is_symlink() and Path("elsewhere/real.png").read_bytes() == b"new"
    assert os.listdir("elsewhere") == ["real.png"], "no half file is left"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("fifo", "not a regular file"),
        ("link.png", "Too many levels of symbolic links"),
        ("gone/a.png", r"it is a link into .*/gone, which is not there"),
        ("file/a.png", "Not a directory"),
    ],
)
def test_a_link_that_leads_to_no_file_is_told_and_left(target, reason):
    Path("file").touch()
    os.mkfifo("fifo")
    Path("link.png").symlink_to(target)
    with pytest.raises(PixaceError, match=rf"^link\.png: cannot write: {reason}"):
        write_result(Path("link.png"), b"new")
    assert os.readlink("link.png") == target and sorted(os.listdir()) == [
        "fifo",
        "file",
        "link.png",
    ]


def test_what_is_no_link_is_written_where_it_is_named():
    Path("real").mkdir()
    Path("folder").symlink_to("real")
    for name in ("a.png", "folder/a.png", "new/a.png"):
        assert written_path(Path(name)) == Path(name)


def names_of_one_file() -> list[str]:
    Path("a.png").write_bytes(b"a")
    Path("link.png").symlink_to("a.png")
    os.link("a.png", "hard.png")
    Path("here").symlink_to(".")
    return ["a.png", "./a.png", "link.png", "hard.png", "here/a.png", str(Path("a.png").absolute())]


@pytest.mark.parametrize("number", range(6))
def test_a_file_that_is_read_is_not_replaced_under_any_name(number):
    name = names_of_one_file()[number]
    outputs = {"film": None, "sheet": "new.png", "out": Path(name)}
    inputs = [("the prompt", "b.png"), ("the prompt", "http://a.png"), ("the prompt", "a.png")]
    with pytest.raises(UsageError, match=r"^out .* would replace the prompt; name another file "):
        refuse_to_replace(outputs, inputs)
    refuse_to_replace(outputs, inputs[:2])


def test_inputs_are_not_listed_where_there_is_nothing_to_replace():
    listed = []

    def inputs():
        listed.append(True)
        yield "the prompt", "a.png"

    refuse_to_replace({"out": "new.png", "film": None}, inputs())
    assert not listed
