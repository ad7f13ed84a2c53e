"""What users call files and folders: homes, addresses, and names that only look like either."""

import os
import pwd
from pathlib import Path

import pytest

from pixace.errors import UsageError
from pixace.settings.paths import local_path, optional_path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home, beside the folder that the test runs in."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("name", ["~/a/b.png", "~", "~/", Path("~/a.png"), "~//a.png"])
def test_a_tilde_is_the_home(home, name):
    assert local_path("out", name) == str(home) + os.fspath(name)[1:]


def test_a_tilde_and_a_name_is_that_user_s_home(home):
    user = pwd.getpwuid(0)
    assert local_path("out", f"~{user.pw_name}/a.png") == f"{user.pw_dir}/a.png"


@pytest.mark.parametrize(
    "name", ["a.png", "a/", "./a", "a~", "a/~/b", "-", " a", "a:b", "C:/a", "a b://c", "1://a", "é"]
)
def test_other_names_are_taken_as_they_are(home, name):
    assert local_path("out", name) == name
    assert local_path("out", Path(name)) == str(Path(name))


@pytest.mark.parametrize("name", ["./~/a.png", "./~", "~mine/a.png", "././~x/"])
def test_what_is_called_so_here_stays_here_however_often_it_is_asked(home, name):
    Path("~mine").mkdir()
    local = local_path("out", name)
    assert Path(local) == Path.cwd() / name and local.endswith("/") == name.endswith("/")
    assert local_path("out", Path(local)) == str(Path(local))


def test_who_has_no_home_is_told(home, monkeypatch):
    with pytest.raises(UsageError, match=r"^out ~nobody-at-all/a: there is no user nobody-at-all"):
        local_path("out", "~nobody-at-all/a")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])  # as in some containers
    with pytest.raises(UsageError, match=r"^out ~/a: \$HOME is not set; .* say \./~/a$"):
        local_path("out", "~/a")


@pytest.mark.parametrize(
    "name",
    [
        *("s3://b/m", "gs://b", "hdfs://n:9000/a", "http://h/a.png", "S3A://b", "ftp://h/a"),
        *(Path("s3://b/m"), Path("https://h/a"), Path("abfss://h/a"), "dbfs:/a", "az+x.y-1://c"),
    ],
)
def test_an_address_is_no_place_of_this_machine(home, name):
    with pytest.raises(UsageError, match=r"^weights_dir must name .* of this machine.*mount it"):
        local_path("weights_dir", name)


def test_an_address_of_a_file_is_its_path(home):
    with pytest.raises(UsageError, match=r"not file:///a/b; name its path, without file://$"):
        local_path("images", "file:///a/b")


def test_secrets_in_addresses_are_not_told(home):
    with pytest.raises(UsageError, match=r"not s3://host/a;") as caught:
        local_path("images", "s3://me:secret@host/a")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", 3, None, "a\0b", "~/a\0", b"a", "\ud800"])
def test_what_is_no_name_is_refused(home, name):
    with pytest.raises(UsageError, match="^out must name a file or folder, not "):
        local_path("out", name)


def test_none_names_none(home):
    assert optional_path("out", None) is None
    assert optional_path("out", "~/a") == f"{home}/a"
