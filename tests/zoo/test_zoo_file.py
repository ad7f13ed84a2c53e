"""Lists of models that people publish: read from anywhere, believed in what they may say."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pixace.cli import main
from pixace.errors import DownloadError, UsageError
from pixace.web.limits import Limits
from pixace.zoo.catalogue import CATALOGUE
from pixace.zoo.download import download_model
from pixace.zoo.zoo_file import published_models

WEIGHTS = gzip.compress(b"weights of a zoo" * 100, mtime=0)
SHA = hashlib.sha256(WEIGHTS).hexdigest()
TILES = {
    "name": "tiles", "description": "dungeon tiles", "url": "tiles/model.pkl.gz", "sha256": SHA
}  # fmt: skip
FAST = Limits(connect_seconds=2, idle_seconds=1, attempts=1)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """The path of a list of one model, whose weights lie where it says."""
    (tmp_path / "zoo" / "tiles").mkdir(parents=True)
    (tmp_path / "zoo" / "tiles" / "model.pkl.gz").write_bytes(WEIGHTS)
    return write(tmp_path / "zoo" / "zoo.json", {"models": [TILES]})


@pytest.fixture
def url(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the same list."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = functools.partial(_Quiet, directory=str(zoo.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/zoo.json"
        server.shutdown()


def write(path: Path, values: object) -> Path:
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def get(name: str, folder: Path, zoo: str) -> Path:
    return download_model(name, weights_dir=folder, zoo=zoo, check=None, limits=FAST)


def test_without_a_zoo_there_is_the_catalogue() -> None:
    assert published_models() == CATALOGUE


def test_a_models_list_is_read_over_http_and_from_a_file(url: str, zoo: Path) -> None:
    there, here = published_models(url), published_models(str(zoo))
    assert list(there) == list(here) == [*CATALOGUE, "tiles"]
    assert there["tiles"].source() == url.replace("zoo.json", "tiles/model.pkl.gz")
    assert here["tiles"].source() == zoo.parent / "tiles" / "model.pkl.gz"
    assert there["tiles"].sha256 == SHA and there["tiles"].description == "dungeon tiles"


def test_a_model_is_installed_from_it(url: str, zoo: Path, tmp_path: Path) -> None:
    for number, place in enumerate((url, str(zoo))):
        path = get("tiles", tmp_path / str(number), place)
        assert path == tmp_path / str(number) / "tiles" / "model.pkl.gz"
        assert path.read_bytes() == WEIGHTS


def test_a_new_version_replaces_the_old_one(url: str, zoo: Path, tmp_path: Path) -> None:
    path = get("tiles", tmp_path / "models", url)
    newer = gzip.compress(b"newer", mtime=0)
    (zoo.parent / "tiles" / "model.pkl.gz").write_bytes(newer)
    write(zoo, {"models": [{**TILES, "sha256": hashlib.sha256(newer).hexdigest()}]})
    assert get("tiles", tmp_path / "models", url).read_bytes() == newer == path.read_bytes()


def test_other_weights_than_the_list_means_are_refused(url: str, zoo: Path, tmp_path: Path) -> None:
    (zoo.parent / "tiles" / "model.pkl.gz").write_bytes(gzip.compress(b"others", mtime=0))
    with pytest.raises(DownloadError, match="SHA-256"):
        get("tiles", tmp_path / "models", url)
    assert not (tmp_path / "models" / "tiles").exists()


def test_its_models_go_before_those_of_the_same_name(zoo: Path) -> None:
    write(zoo, {"models": [{**TILES, "name": "emoji"}], "later": "keys are passed over"})
    assert published_models(str(zoo))["emoji"].sha256 == SHA


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        (b"models", "not a list of models: Expecting value"),
        (b"[" * 100_000, "not a list of models"),
        (b"\xff\xfe\x00", "not a list of models"),
        (b" " * (1 << 20) + b"{}", "larger"),
        ([], 'expected an object with a list called "models"'),
        ({}, "no models"),
        ({"models": {}}, "a list called"),
        ({"models": ["tiles"]}, "an entry must be an object"),
        ({"models": [{**TILES, "name": "../up"}]}, "plain folder name"),
        ({"models": [{**TILES, "name": 7}]}, "name must be a text"),
        ({"models": [{**TILES, "sha256": "abc"}]}, "64 hexadecimal digits"),
        ({"models": [{k: v for k, v in TILES.items() if k != "sha256"}]}, "no sha256"),
        ({"models": [{k: v for k, v in TILES.items() if k != "url"}]}, "no url"),
        ({"models": [TILES, TILES]}, "two of its models"),
        ({"models": [{**TILES, "url": "ftp://example.com/x"}]}, "ftp://example.com/x"),
    ],
)
@pytest.mark.parametrize("from_elsewhere", [False, True])
def test_what_is_no_list_is_told_in_one_line(
    url: str, zoo: Path, contents: Any, why: str, from_elsewhere: bool
) -> None:
    zoo.write_bytes(contents if isinstance(contents, bytes) else json.dumps(contents).encode())
    with pytest.raises(DownloadError, match=why) as caught:
        published_models(url if from_elsewhere else str(zoo), FAST)
    assert "zoo.json" in str(caught.value) or "ftp:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["file:///etc/hostname", "/etc/hostname"])
def test_a_list_from_elsewhere_names_no_file_of_this_machine(
    url: str, zoo: Path, tmp_path: Path, place: str
) -> None:
    write(zoo, {"models": [{**TILES, "url": place}]})
    with pytest.raises(DownloadError, match=r"not an address|404"):
        get("tiles", tmp_path / "models", url)


def test_a_description_cannot_write_over_the_terminal(zoo: Path) -> None:
    write(zoo, {"models": [{**TILES, "description": "\x1b[2Jgone\n" + "x" * 500}]})
    assert published_models(str(zoo))["tiles"].description == "[2Jgone" + "x" * 93


def test_no_list_there(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="No such file or directory; check the path"):
        published_models(str(tmp_path / "none.json"))
    with pytest.raises(DownloadError, match="404"):
        published_models(url.replace("zoo.json", "none.json"), FAST)


def test_a_model_with_its_own_address_is_in_no_list(zoo: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="either url or zoo"):
        download_model("m", url="a.gz", zoo=str(zoo), weights_dir=tmp_path)


def test_the_command_reads_the_flag_or_the_variable(
    url: str, zoo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["download", f"--zoo={url}"]) == 0
    assert "tiles          dungeon tiles" in capsys.readouterr().out
    monkeypatch.setenv("PIXACE_ZOO", str(zoo))
    assert main(["download"]) == 0
    listed = capsys.readouterr()
    assert "tiles          dungeon tiles" in listed.out
    assert f"zoo {zoo}, as PIXACE_ZOO says" in listed.err
    monkeypatch.setenv("PIXACE_ZOO", "")
    assert main(["download"]) == 0
    assert "tiles" not in capsys.readouterr().out
    assert main(["download", f"--zoo={url}", "--model_name=tile"]) == 2
    assert "did you mean tiles?" in capsys.readouterr().err
